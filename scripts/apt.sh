#!/usr/bin/env bash
# Install Debian packages when that is allowed, else say in one sentence which are missing.
# Usage: scripts/apt.sh "what they are for" PACKAGE...
set -euo pipefail
purpose=$1
shift

refuse() {
  printf 'placet: %s is missing: install %s (sudo apt-get install --no-install-recommends %s), then run make again.\n' \
    "$purpose" "$*" "$*" >&2
  exit 2
}

command -v apt-get >/dev/null || refuse "$@"
if [ "$(id -u)" = 0 ]; then
  as_root=(env)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n env)
else
  refuse "$@"
fi
echo "placet: installing $* ($purpose)"
quietly() {
  local log
  log=$(mktemp)
  if ! "${as_root[@]}" DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}
# An old package list still installs if the archive has not moved on; a missing one does not.
quietly apt-get install -y --no-install-recommends "$@" || {
  quietly apt-get update && quietly apt-get install -y --no-install-recommends "$@"
} || refuse "$@"
