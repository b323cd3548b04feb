"""What tells one kind of document from another: its outline in the Act, what records answer, and what it adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from reports.documents.asks import Ask
from reports.documents.content import Section
from reports.documents.snapshot import Record, Snapshot
from reports.documents.translation import N_

Sections = Callable[[Snapshot], Iterator[Section]]


def none(_: Snapshot) -> Iterator[Section]:
    """Add no section."""
    yield from ()


def every_point(snapshot: Snapshot) -> Sequence[Record]:
    """Return all points that the snapshot's law part holds."""
    found: Sequence[Record] = snapshot.part("law")["points"]
    return found


def never_stated(_: Snapshot) -> bool:
    """Say that the document is a draft: nobody makes a statement by signing it."""
    return False


@dataclass(frozen=True)
class Kind:
    """One kind of document.

    Attributes:
        id: as rows, addresses and events name it, at most 24 characters.
        outline: what its points stand in, ``Annex IV``; empty for a document whose sections are its own.
        groups: the references of the register whose points are its outline.
        stem: what is left off an id of the register before it becomes the number of a section.
        duty: who owes it by its role.
        caveat: what the cover says that it is not.
        headings: titles of parts that the register does not number, by their reference (``Annex VIII.A``).
        points: which points of its groups apply to a system.
        before, after: sections of its own, before and after the points.
        counted: whether each system is expected to have one.
        stated: whether a person has made the document's statement by signing it.
    """

    id: str
    title: str
    subtitle: str
    outline: str
    duty: Literal["provider", "deployer", "both"]
    groups: tuple[str, ...] = ()
    stem: str = ""
    asks: tuple[Ask, ...] = ()
    caveat: str = N_("Not a declaration of conformity.")
    lead: str = N_("The document supports an assessment; it does not replace one, and it does not state conformity.")
    headings: Mapping[str, str] = field(default_factory=dict)
    page_starts: tuple[str, ...] = ()
    points: Callable[[Snapshot], Sequence[Record]] = every_point
    before: Sections = none
    after: Sections = none
    stated: Callable[[Snapshot], bool] = never_stated
    counted: bool = True
