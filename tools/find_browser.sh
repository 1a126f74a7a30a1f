# To be sourced: sets MLOPS_BROWSER to a Chromium or Chrome, which is installed where that can be
# done without asking (root, apt-get). Without one it says so and ends the script successfully.

find_browser() {
    local name
    for name in "${MLOPS_BROWSER:-}" chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if [ -n "$name" ] && command -v "$name"; then return; fi
    done
    return 1
}

if ! MLOPS_BROWSER=$(find_browser) && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "== Browser: installing Chromium"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes \
        --no-install-recommends chromium >/dev/null || true
fi
if ! MLOPS_BROWSER=$(find_browser); then
    echo "== Browser: SKIPPED: there is no Chromium or Chrome here (MLOPS_BROWSER names another)"
    exit 0
fi
export MLOPS_BROWSER
