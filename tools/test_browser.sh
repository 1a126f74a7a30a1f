#!/usr/bin/env bash
# Opens every notebook in a real browser (tests/browser). Where there is no browser, and none can be
# installed, this is skipped and says so. Arguments go to pytest; screenshots into $MLOPS_SHOTS.
set -euo pipefail
cd "$(dirname "$0")/.."

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
export MLOPS_BROWSER MLOPS_SHOTS=${MLOPS_SHOTS:-${TMPDIR:-/tmp}/first-dance-shots}
.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes \
    --requirement requirements/browser.txt
echo "== Browser: $MLOPS_BROWSER; screenshots go to $MLOPS_SHOTS"
.venv/bin/python -m pytest --quiet -n 2 tests/browser "$@"
