#!/usr/bin/env bash
# Makes the site in build/site, in an environment of its own that has nothing of the lab. With `test`
# it is then tried in a real browser, where there is one; further arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=requirements/site.txt
python=.venv-site/bin/python

wanted=$(cksum <"$lock")" $PWD"
if [ "$(cat .venv-site/ready 2>/dev/null)" != "$wanted" ]; then
    echo "== Site: making .venv-site"
    rm -rf .venv-site
    for base in "${LAB_PYTHON:-.venv/bin/python}" python3.11 python3.12 python3.13 python3 none; do
        "$base" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
            && "$base" -m venv .venv-site && break
    done
    [ "$base" != none ] || { echo "Python 3.11 or newer, with venv, is needed"; exit 1; }
    # uv's entry in the lock, hashes included, is the only thing that pip installs.
    "$python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        --requirement <(sed -n '/^uv==/,/[^\\]$/p' "$lock")
    .venv-site/bin/uv pip sync --quiet --python "$python" --require-hashes "$lock"
    echo "$wanted" >.venv-site/ready
fi

SECONDS=0
rm -rf build/site
"$python" docs/site/pages.py build/pages
"$python" -m sphinx -W --keep-going -q -E -d build/doctrees -c docs/site build/pages build/site
echo "== Site: build/site/index.html, $(du -sh build/site | cut -f1), $SECONDS s"

if [ "${1:-}" = test ]; then
    shift
    source tools/find_browser.sh
    "$python" -m pytest --quiet --confcutdir=tests/site tests/site "$@"
fi
