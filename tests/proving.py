"""Full counts under ``make prove``, and the places in the documentation where what they showed is written."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PROVE = bool(os.environ.get("PLACET_PROVE"))
PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "threat-model.md"


def count(full: int, reduced: int) -> int:
    """Return how often to repeat something: ``full`` under ``make prove``, else ``reduced``."""
    return full if PROVE else reduced


def some(cases: Iterable[T], few: int) -> list[T]:
    """Return all cases under ``make prove``, else ``few`` of them: the first, and others evenly spread behind it."""
    found = list(cases)
    return found if PROVE or few >= len(found) else [found[n * len(found) // few] for n in range(few)]


def write_down(name: str, text: str, *, page: Path = PAGE) -> None:
    """Put ``text`` between the marks of ``name`` on a page, the threat model's by default; only ``make prove`` does."""
    if not PROVE:
        return
    written = page.read_text()
    marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
    assert written.count(marks[0]) == written.count(marks[1]) == 1, f"{page.name} has no place for {name}"
    block = re.compile(f"{re.escape(marks[0])}.*?{re.escape(marks[1])}", re.DOTALL)
    page.write_text(block.sub(lambda _: f"{marks[0]}\n{text.strip()}\n{marks[1]}", written))
