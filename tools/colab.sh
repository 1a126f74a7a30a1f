#!/usr/bin/env bash
# Installs this checkout and the libraries of its lessons into Colab's Python. What Colab ships
# keeps its version.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(command -v python3)
shipped=$(mktemp)
"$python" -m pip list --format=freeze --disable-pip-version-check >"$shipped"
command -v uv >/dev/null || "$python" -m pip install --quiet uv
uv pip install --quiet --python "$python" --constraint "$shipped" ".[lessons]" || {
    echo "Colab's versions have moved on: some of them are changed. If a cell below complains," >&2
    echo "choose Runtime, Restart session, and run the notebook again." >&2
    uv pip install --quiet --python "$python" ".[lessons]"
}
