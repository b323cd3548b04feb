#!/usr/bin/env bash
# Bring .venv to a lock file: "app" is what the product needs, "dev" adds the tests' and linters' packages, and "spark"
# puts pyspark beside whatever is there. Usage: scripts/install.sh app|dev|spark
set -euo pipefail
cd "$(dirname "$0")/.."
stamps=.venv/.stamps
mkdir -p "$stamps"

if [ "$1" = spark ]; then
  echo "placet: installing requirements-spark.lock beside the rest"
  bash scripts/uv.sh pip install --quiet --require-hashes --requirements requirements-spark.lock
  touch "$stamps/spark"
  exit 0
fi

# The development lock contains the other one, so a venv that has it keeps it: `make demo` after `make test` must not
# take pytest away again.
if [ "$1" = dev ] || [ -e "$stamps/dev" ]; then lock=requirements-dev.lock; else lock=requirements.lock; fi

echo "placet: installing $lock"
# Compiling here, in parallel and once, saves every process of the first start from doing it again at the same time.
bash scripts/uv.sh pip sync --quiet --require-hashes --compile-bytecode "$lock"
# The client by path, without isolation: its build backend is in the lock, so nothing unpinned is fetched.
bash scripts/uv.sh pip install --quiet --no-deps --no-build-isolation --offline --editable ./client

# Gigabytes were just written; left to the background, they stall the database's first commits.
sync
if [ "$lock" = requirements-dev.lock ]; then touch "$stamps/dev"; fi
touch "$stamps/app"
