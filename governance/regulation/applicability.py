"""The statement of applicability of ISO/IEC 42001: what Placet holds for each control, and the rest left blank.

Whether a control applies, why, and how far it is implemented is the organisation's to say. Those columns are empty in
what is exported, and the head of the file says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from governance.regulation.crosswalk import STATEMENT_OF, Crosswalk, Holding, Mapped, crosswalk, framework
from governance.regulation.register import Register, load
from placet import spreadsheets

FORMAT = "placet-statement-of-applicability/1"
COLUMNS = (
    "Control",
    "Title",
    "Applicable (yes, no, undecided)",
    "Justification",
    "Implementation status",
    "Points of the AI Act",
    "What Placet holds: evidence",
    "What Placet holds: decisions",
    "What Placet holds: declarations on",
    "What Placet holds: log entries",
    "Why",
)
NOTE = (
    "Draft of a statement of applicability. Placet fills in what it holds; whether a control applies, the "
    "justification and the implementation status are the organisation's to say and are blank. A control without an "
    "entry under what Placet holds is one that Placet makes no claim on. Ids and short titles only, not checked "
    "against the published standard, which is no harmonised standard under the AI Act. Not legal advice."
)


def as_json(register: Register | None = None, rows: Crosswalk | None = None) -> dict[str, Any]:
    """Return the statement as JSON types; ``applicable``, ``justification`` and ``status`` are always null."""
    law, walk = register or load(), rows or crosswalk()
    found = framework(STATEMENT_OF, law)
    return {
        "format": FORMAT,
        "framework": {"id": found.id, "name": found.name, "note": found.note},
        "law_version": law.version,
        "note": NOTE,
        "controls": [_control(item) for item in walk.for_framework(found)],
    }


def as_csv(register: Register | None = None, rows: Crosswalk | None = None) -> Iterator[str]:
    """Yield the statement line by line: the note, the heading, and each control; no cell is taken for a formula."""
    law, walk = register or load(), rows or crosswalk()
    write = spreadsheets.writer()
    yield write([NOTE, f"Law: {law.version}"])
    yield write(COLUMNS)
    for item in walk.for_framework(framework(STATEMENT_OF, law)):
        said = _control(item)
        held = said["placet_holds"]
        yield write(
            [
                said["id"],
                said["title"],
                "",
                "",
                "",
                "; ".join(said["points"]),
                *("; ".join(held[name]) for name in ("evidence", "decisions", "declarations", "log")),
                " ".join(said["why"]),
            ]
        )


def _control(item: Mapped) -> dict[str, Any]:
    return {
        "id": item.control.id,
        "title": item.control.title,
        "applicable": None,
        "justification": None,
        "status": None,
        "points": _each(point for row in item.rows for point in row.points),
        "placet_holds": {
            name: _each(value for row in item.rows for value in getattr(row.holds, name))
            for name in Holding.__dataclass_fields__
        },
        "why": [row.why for row in item.rows],
    }


def _each(values: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(values))
