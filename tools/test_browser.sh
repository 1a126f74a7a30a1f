#!/usr/bin/env bash
# Opens every notebook in a real browser (tests/browser). Where there is no browser, and none can be
# installed, this is skipped and says so. Arguments go to pytest; screenshots into $MLOPS_SHOTS.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/find_browser.sh
export MLOPS_SHOTS=${MLOPS_SHOTS:-${TMPDIR:-/tmp}/first-dance-shots}
.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes \
    --requirement requirements/browser.txt
echo "== Browser: $MLOPS_BROWSER; screenshots go to $MLOPS_SHOTS"
.venv/bin/python -m pytest --quiet -n 2 tests/browser "$@"
