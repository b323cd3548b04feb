#!/usr/bin/env bash
# Create .venv with Python 3.11 or newer, and install the pinned uv into it. Usage: scripts/venv.sh
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'placet: %s\n' "$*" >&2; exit 2; }
modern() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

if [ -n "${PYTHON:-}" ]; then
  modern "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.11, 3.12 or 3.13: point it to one that is."
else
  for candidate in python3.11 python3 python3.12 python3.13; do
    if command -v "$candidate" >/dev/null && modern "$candidate"; then PYTHON=$candidate; break; fi
  done
  [ -n "${PYTHON:-}" ] || fail "Placet needs Python 3.11, 3.12 or 3.13 and found $(python3 --version 2>/dev/null || echo none):" \
    "install python3.11, or run make with PYTHON=/path/to/python."
fi

# Debian splits venv off into a package of its own, and without it `python -m venv` stops half-way with a page of text.
if ! "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then
  package="python$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
  bash scripts/apt.sh "the venv module of Python" "$package"
fi

# A folder that was moved, or whose Python was removed, cannot be mended: everything in it is made again.
if [ -e .venv ] && ! .venv/bin/python -c 'import sys; sys.exit(sys.prefix == sys.base_prefix)' 2>/dev/null; then
  rm -rf .venv
fi
if [ ! -e .venv ] || ! modern .venv/bin/python; then
  echo "placet: making .venv with $("$PYTHON" --version)"
  "$PYTHON" -m venv --clear .venv
fi
# Through pip, which reads the user's own index configuration; pinned and hashed like everything else.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r scripts/uv.lock
