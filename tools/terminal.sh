# What a terminal of JupyterLab reads at its start: the user's own settings, then the lab's Python.
if [ -f ~/.bashrc ]; then . ~/.bashrc; fi
. "$(dirname "${BASH_SOURCE[0]}")/../.venv/bin/activate"
unset MAKEFLAGS MAKELEVEL MFLAGS # those of the `make lab` that started JupyterLab
