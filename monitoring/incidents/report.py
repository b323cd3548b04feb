"""Build the draft of a report under Article 73 from what is known. Pure, and never more than a draft.

Each line is ``measured`` (Placet recorded or measured it; the digest and the log index say where), ``declared`` (a
person said it, by name and day) or ``missing``. Nothing here says that the report is complete or enough: an authority
has its own form, and Article 73(5) allows a first report with gaps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["measured", "declared", "missing"]

DRAFT = (
    "Draft, made from what Placet has on record. It is not a report, has not been sent, and is not legal advice. "
    "It makes no claim to be complete: the authority's own form decides what a report holds."
)
INCOMPLETE = (
    "Article 73(5): where needed for a timely report, a first report may be incomplete and be followed by a complete "
    "one. What is marked missing is not known to Placet."
)
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&])")


@dataclass(frozen=True)
class Line:
    """One statement of the draft.

    Attributes:
        text: empty when it is missing.
        by, on: who said it and when; only of what is declared.
        digest: ``sha256:<hex>`` of what it rests on, if it rests on bytes.
        log_index: of the entry that brought it; None while the notary has not placed it.
    """

    label: str
    state: State
    text: str = ""
    by: str = ""
    on: str = ""
    digest: str = ""
    log_index: int | None = None

    def __post_init__(self) -> None:
        if (self.state == "missing") != (self.text == ""):
            raise ValueError(f"{self.label}: a line says something exactly if it is not missing.")
        if (self.state == "declared") != bool(self.by):
            raise ValueError(f"{self.label}: what is declared names who declared it, and only that.")


@dataclass(frozen=True)
class Section:
    """Lines under one heading, with the point of the law that asks for them."""

    title: str
    point: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Draft:
    """The draft as a whole. ``law`` is the register's version, ``made_at`` RFC 3339."""

    number: str
    title: str
    made_at: str
    law: str
    notices: tuple[str, ...]
    sections: tuple[Section, ...]

    def counts(self) -> dict[State, int]:
        """Return how many lines are measured, declared and missing."""
        found: dict[State, int] = {"measured": 0, "declared": 0, "missing": 0}
        for section in self.sections:
            for line in section.lines:
                found[line.state] += 1
        return found


def measured(label: str, text: object, *, digest: str = "", log_index: int | None = None) -> Line:
    """Return a line that Placet has on record; it is missing where there is nothing."""
    said = "" if text is None else str(text)
    return Line(label, "measured", said, digest=digest, log_index=log_index) if said else Line(label, "missing")


def declared(label: str, text: str | None, *, by: str, on: str = "", log_index: int | None = None) -> Line:
    """Return a line that a person said; it is missing where nobody did."""
    return Line(label, "declared", text, by=by, on=on, log_index=log_index) if text and by else Line(label, "missing")


def build(
    *,
    number: str,
    title: str,
    made_at: str,
    law: str,
    sections: Sequence[tuple[str, str, Sequence[Line]]],
    notices: Sequence[str] = (),
) -> Draft:
    """Put the draft together; a section without a line says that it is missing.

    Args:
        sections: title, point of the law, lines.
        notices: what holds for this incident, beside that it is a draft.
    """
    return Draft(
        number,
        title,
        made_at,
        law,
        (DRAFT, INCOMPLETE, *notices),
        tuple(Section(name, point, tuple(lines) or (Line(name, "missing"),)) for name, point, lines in sections),
    )


def as_json(draft: Draft) -> dict[str, Any]:
    """Return the draft as plain values."""
    return {
        "schema": "placet-incident-draft/1",
        "incident": draft.number,
        "title": draft.title,
        "made_at": draft.made_at,
        "law": draft.law,
        "notices": list(draft.notices),
        "counts": draft.counts(),
        "sections": [
            {"title": section.title, "point": section.point, "lines": [_line(line) for line in section.lines]}
            for section in draft.sections
        ],
    }


def as_markdown(draft: Draft) -> str:
    """Return the draft as CommonMark; what people wrote can't become markup in it."""
    return "\n".join(_markdown(draft)) + "\n"


def escaped(text: str) -> str:
    """Return a text that CommonMark shows as it is within a line, which it never begins."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _line(line: Line) -> Mapping[str, Any]:
    return {
        "label": line.label,
        "state": line.state,
        "text": line.text,
        "by": line.by,
        "on": line.on,
        "digest": line.digest,
        "log_index": line.log_index,
    }


def _markdown(draft: Draft) -> Iterator[str]:
    counts = draft.counts()
    yield f"# Draft report, {escaped(draft.number)}: {escaped(draft.title)}"
    yield ""
    for notice in draft.notices:
        yield f"> {escaped(notice)}"
        yield ">"
    yield f"> Made {escaped(draft.made_at)} by the register of the law {escaped(draft.law)}."
    yield ""
    yield f"{counts['measured']} on record, {counts['declared']} declared by people, **{counts['missing']} missing**."
    for section in draft.sections:
        yield ""
        yield f"## {escaped(section.title)} ({escaped(section.point)})"
        yield ""
        for line in section.lines:
            yield f"- **{escaped(line.label)}**: {_said(line)}"


def _said(line: Line) -> str:
    if line.state == "missing":
        return "*missing*"
    notes = [f"declared by {escaped(line.by)}" + (f", {escaped(line.on)}" if line.on else "")] if line.by else []
    notes += [f"`{line.digest}`"] if line.digest else []
    notes += [f"log entry {line.log_index}"] if line.log_index is not None else []
    return escaped(line.text) + (f" ({'; '.join(notes)})" if notes else "")
