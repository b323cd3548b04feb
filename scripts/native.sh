#!/usr/bin/env bash
# See to the native libraries: those of WeasyPrint (PDF) and LightGBM always, with "tests" a Chromium and the tools that check PDFs,
# with "spark" a Java for Spark, with "prove" a clock that tests may set. Usage: scripts/native.sh [tests|spark|prove]
set -euo pipefail
cd "$(dirname "$0")/.."

# Asked of the loader itself: a library counts if Python can load it, whoever installed it and wherever.
missing=$(.venv/bin/python - <<'PYTHON'
import ctypes

for library, package in {
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",
    "libgomp.so.1": "libgomp1",  # of LightGBM
}.items():
    try:
        ctypes.CDLL(library)
    except OSError:
        print(package)
PYTHON
)
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086  # one package a line, names without spaces
  bash scripts/apt.sh "the native libraries of the PDF documents and of LightGBM" $missing
fi

if [ "${1:-}" = tests ]; then
  has_chromium() {
    local name
    for name in chromium chromium-browser google-chrome; do
      # Run it: Ubuntu's chromium-browser is a script that only says to install a snap.
      if command -v "$name" >/dev/null && "$name" --version >/dev/null 2>&1; then return 0; fi
    done
    return 1
  }
  for tool in qpdf:qpdf pdfsig:poppler-utils softhsm2-util:softhsm2; do
    command -v "${tool%%:*}" >/dev/null || bash scripts/apt.sh "a tool that checks the documents" "${tool##*:}"
  done
  has_chromium || bash scripts/apt.sh "Chromium, which the browser tests drive," chromium
  has_chromium || {
    echo "placet: Chromium does not start here: install one that answers 'chromium --version', then run make again." >&2
    exit 2
  }
fi

if [ "${1:-}" = spark ]; then
  # Spark 4.0 runs on Java 17 and 21. No wheel will do: the one that holds a Java lacks a module that Spark asks for.
  has_java() { "${JAVA_HOME:+$JAVA_HOME/bin/}java" -version >/dev/null 2>&1; }
  has_java || bash scripts/apt.sh "Java, which Spark runs on," openjdk-17-jre-headless
fi

if [ "${1:-}" = prove ]; then
  compgen -G "/usr/lib/*/faketime/libfaketime.so.1" >/dev/null || bash scripts/apt.sh "a clock that tests may set" libfaketime
fi
