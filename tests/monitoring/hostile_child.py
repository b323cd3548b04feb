"""Read bodies one by one, each in a process of its own with an end to its memory, and say what became of each.

``python hostile_child.py FOLDER LIMIT_MIB``: FOLDER holds ``<name>.body`` and ``<name>.json`` (content type, encoding).
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitoring import intake
from monitoring.body import Body
from monitoring.errors import SchemaDrift, TooManyRecords, UnreadableRecords
from monitoring.schema import RecordSchema

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
SCHEMA = RecordSchema(
    {"amount": "number", "months": "integer", "purpose": "string", "foreign": "boolean", "prediction": "number"},
    prediction="prediction",
)
PIECE = 1024 * 1024


def _size_mib(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(field)


def _read(path: Path, how: dict[str, str], limit_mib: int) -> dict[str, Any]:
    before, began = _size_mib("VmRSS"), time.monotonic()
    most = int((_size_mib("VmSize") + limit_mib) * PIECE)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    with path.open("rb") as file:
        try:
            body = Body.of(iter(lambda: file.read(PIECE), b""), limit=intake.MAX_BYTES)
            batch = intake.read_batch(
                body, content_type=how["content_type"], schema=SCHEMA, now=NOW, encoding=how["encoding"]
            )
            answer = f"taken: {batch.rows}"
        except (SchemaDrift, TooManyRecords, UnreadableRecords) as refusal:
            answer = f"{type(refusal).__name__}: {refusal}"
    return {"answer": answer, "grew_mib": round(_size_mib("VmHWM") - before), "s": round(time.monotonic() - began, 1)}


def main(folder: Path, limit_mib: int) -> None:
    """Print a line of JSON for each body."""
    for path in sorted(folder.glob("*.body")):
        ours, theirs = os.pipe()
        if not (child := os.fork()):
            found = _read(path, json.loads(path.with_suffix(".json").read_text()), limit_mib)
            os.write(theirs, json.dumps(found).encode())
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        found = json.loads(said) if said else {"answer": f"died: {status}", "grew_mib": 0}
        print(json.dumps({"name": path.stem, **found}), flush=True)  # noqa: T201 (what the test reads)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
