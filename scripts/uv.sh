#!/usr/bin/env bash
# Run the pinned uv with the package index that pip is configured for: uv does not read pip's configuration, and whoever
# installs from a mirror has told pip. What the user told uv itself wins. Usage: scripts/uv.sh ARGUMENTS...
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
eval "$("$root/.venv/bin/python" "$root/scripts/pip_index.py")"
export UV_NO_PROGRESS=1
export VIRTUAL_ENV=$root/.venv
exec "$root/.venv/bin/uv" "$@"
