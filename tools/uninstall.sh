#!/usr/bin/env bash
# Gives the disk back: the TFX environment, .venv and all caches of this checkout. uv's cache, which
# other projects use, too, goes only on a yes (or YES=1); what you have solved only with PROGRESS=1.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(uname)" = Darwin ]; then
    caches=~/Library/Caches data="$HOME/Library/Application Support"
else
    caches=${XDG_CACHE_HOME:-~/.cache} data=${XDG_DATA_HOME:-~/.local/share}
fi
ours=${MLOPS_CACHE:-$caches/first-dance-with-mlops}
progress=${MLOPS_PROGRESS:-$data/first-dance-with-mlops/progress.json}

size() { du -sh -- "$1" 2>/dev/null | cut -f1; }
free() { df -Pk . | awk 'NR == 2 {print $4}'; }
before=$(free)

# First what needs the Python of .venv. Without it the folders are removed all the same.
if ! .venv/bin/python -m helpers.tfx remove 2>/dev/null; then
    for folder in "$ours"/tfx-*-????????????/; do
        if [ -d "$folder" ]; then rm -rf -- "$folder" && echo "removed $folder"; fi
    done
fi
# The rest is ours, too (Colab's stand-in); in a folder that was named, others may have files.
if [ -z "${MLOPS_CACHE:-}" ]; then rm -rf -- "$ours"; else rm -f -- "$ours"/tfx-*.lock; fi

uv=$(command -v .venv/bin/uv || command -v uv || true)
store=$([ -n "$uv" ] && "$uv" cache dir 2>/dev/null || echo "${UV_CACHE_DIR:-$caches/uv}")
if [ -d "$store" ]; then
    echo "uv keeps what it downloaded in $store ($(size "$store")). Other projects of yours that use"
    echo "uv would have to download theirs again."
    answer=${YES:+y}
    if [ -z "$answer" ] && [ -t 0 ]; then read -rp "Remove it, too? [y/N] " answer; fi
    case $answer in
        [yY]*) if [ -n "$uv" ]; then "$uv" cache clean --quiet; else rm -rf -- "$store"; fi
               echo "removed $store" ;;
        *) echo "It stays; \`make uninstall YES=1\` removes it." ;;
    esac
fi
if [ -n "$uv" ] && pythons=$("$uv" python dir 2>/dev/null) && [ -n "$(ls -A "$pythons" 2>/dev/null)" ]; then
    echo "uv also keeps Pythons in $pythons ($(size "$pythons")); environments of yours may need them."
    echo "If none does: rm -r $pythons"
fi

make --silent clean
echo "removed .venv and the caches of this checkout"
if [ -e "$progress" ]; then
    if [ -n "${PROGRESS:-}" ]; then
        rm -f -- "$progress" "$progress".*
        echo "removed $progress"
    else
        echo "What you have solved stays in $progress; PROGRESS=1 removes it, too."
    fi
fi
awk -v kib="$(($(free) - before))" 'BEGIN {printf "%.1f GB of disk given back. ", kib * 1024 / 1e9}'
echo "Lessons and my_work/ are still here: delete this folder when you no longer need them."
