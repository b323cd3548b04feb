"""The digests under which points of the register and claims of the crosswalk were read.

``python -m tests.regulation.reviewed`` writes ``reviewed.txt`` anew and prints what changed. Run it after reading what
changed, never instead: a line says that somebody held the claim against its points, in the words that it has.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from governance.regulation import packs
from governance.regulation.crosswalk import ROWS_FILE, Crosswalk, Row, controls_of, read
from governance.regulation.register import Point, Register, load

LIST = Path(__file__).with_name("reviewed.txt")
HEAD = """\
# Which words somebody has read: a digest (SHA-256), then what it is of. A change makes the test beside this file red
# until it is read and `python -m tests.regulation.reviewed` writes the list anew.
#
# point: title, paraphrase, role, status and source. It is held so that it does not change unseen; nobody has read the
#        points against the Official Journal, and those to be confirmed have no paraphrase.
# claim: a row of the crosswalk with the title of its control and the paraphrase of each of its points. Read by the
#        project, row by row, against those paraphrases and titles; by no lawyer, and not against the standards.
"""


def digests(register: Register | None = None) -> dict[str, str]:
    """Return the digest of each point and claim, by what it is of."""
    law = register or load()
    walks = [read(path.read_bytes(), law) for path in (ROWS_FILE, *packs.shipped().values())]
    found = {f"point {point.id}": _digest(_point(point)) for point in law}
    for walk in walks:
        found |= {name: _digest(said) for name, said in _claims(walk, law)}
    return found


def listed() -> dict[str, str]:
    """Return the list as committed."""
    lines = (line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _claims(walk: Crosswalk, law: Register) -> Iterator[tuple[str, Any]]:
    for row in walk.rows:
        yield f"claim {row.framework}, {row.control}: {', '.join(row.points)}", _claim(row, walk, law)


def _claim(row: Row, walk: Crosswalk, law: Register) -> Any:
    known = {item.id: item for item in (*law.frameworks, *walk.itemised)}
    (control,) = (control for control in controls_of(known[row.framework]) if control.id == row.control)
    return [asdict(row), control.title, [_point(law.point(point)) for point in row.points]]


def _point(point: Point) -> Any:
    source = asdict(point.source) if point.source else None
    return [point.id, point.title, point.requirement, point.to_be_confirmed, point.applies_to, point.status, source]


def _digest(said: Any) -> str:
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    before, now = listed() if LIST.exists() else {}, digests()
    LIST.write_text(HEAD + "".join(f"{digest}  {name}\n" for name, digest in now.items()), encoding="utf-8")
    for changed in sorted({name for name, _ in {*before.items()} ^ {*now.items()}}):
        sys.stdout.write(f"{changed}\n")
