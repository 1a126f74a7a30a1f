#!/usr/bin/env bash
# Makes .venv exactly as requirements/lab.txt says. Quick if it is up to date; safe to interrupt.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=requirements/lab.txt

# What .venv was made from, and where: it is made again if it was moved or the lock has changed.
wanted=$(cat "$lock" pyproject.toml tools/bootstrap.sh | cksum)" $PWD"
if [ "$(cat .venv/ready 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
is() { "$1" -c "import ensurepip, sys, venv; sys.exit(not ($2))" 2>/dev/null; }
find_python() { # the first that passes a test
    local test=$1 python; shift
    for python in "$@"; do if is "$python" "$test"; then echo "$python"; return; fi; done
    return 1
}
venv_with_uv() { # uv's entry in the lock, hashes included, is the only thing that pip installs
    rm -rf "$2"
    "$1" -m venv "$2"
    "$2/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        --requirement <(sed -n '/^uv==/,/[^\\]$/p' "$lock")
}

say "Making .venv (about 3 GB; half a minute where the connection is good)"
if ! .venv/bin/uv --version >/dev/null 2>&1 || ! .venv/bin/python -c '' 2>/dev/null \
    || [ "$(cat .venv/place 2>/dev/null)" != "$PWD" ]; then
    if python=$(find_python '(3, 11) <= sys.version_info < (3, 14)' \
        ${LAB_PYTHON:+"$LAB_PYTHON"} python3.11 python3.12 python3.13 python3); then
        venv_with_uv "$python" .venv
    elif python=$(find_python 'sys.version_info >= (3, 8)' python3); then
        say "No Python 3.11 to 3.13 here: uv fetches 3.11"
        venv_with_uv "$python" .venv-uv
        .venv-uv/bin/uv venv --quiet --clear --python 3.11 .venv || {
            say "uv could not fetch Python 3.11. Install Python 3.11, 3.12 or 3.13, and try again"
            exit 1
        }
        cp .venv-uv/bin/uv .venv/bin/uv
        rm -rf .venv-uv
    else
        say "A Python 3 with venv is needed. Debian, Ubuntu: sudo apt install python3-venv python3-dev"
        exit 1
    fi
    echo "$PWD" >.venv/place
fi
.venv/bin/uv pip sync --python .venv/bin/python --require-hashes "$lock"
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
# JupyterLab fetches news at its first start; the lab works without a network.
mkdir -p .venv/share/jupyter/lab/settings .venv/etc/jupyter
cat >.venv/share/jupyter/lab/settings/overrides.json <<'JSON'
{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}
JSON
# Its terminals have the lab's Python first, whatever a login shell or the user's settings do to PATH.
cat >.venv/etc/jupyter/jupyter_server_config.json <<JSON
{"ServerApp": {"terminado_settings": {"shell_command": ["bash", "--rcfile", "$PWD/tools/terminal.sh"]}}}
JSON
echo "$wanted" >.venv/ready
