"""What changed between two versions of a document: paragraph by paragraph, under the point that each stands on.

Pure: it takes two built documents and compares what they say, never the text of their PDFs. Paragraphs have no id, so
they are paired within a section: the same text first, then the most similar text, then what was missing with what now
stands in its place. Whatever is left was removed or added.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.documents.content import Block, Content, Facts, Paragraph, Section, Source, Table
from reports.documents.translation import N_, _, speaking

Kind = Literal["added", "removed", "state", "text", "figures", "sources"]
Standing = Literal["added", "removed", "changed", "same"]
KINDS: tuple[Kind, ...] = ("state", "added", "removed", "text", "figures", "sources")
ALIKE = 0.5
"""From which share of common words two texts are versions of one paragraph."""

_LONGEST = 400
"""Of a long paragraph the first words decide whether it is another's version: comparing them all would take long."""

_ANYWAY = (N_("Document made"), N_("Document id"), N_("Law as of"))
"""Lines of the cover that differ between any two documents, or that stand elsewhere in a comparison."""

_PLACES = (N_("Log"), N_("Log entry"))
"""Columns and labels that say where something stands in the log: it may get its place after the document was made."""


class NotComparable(ValueError):
    """The two documents are of different kinds or in different languages; the message names them."""


@dataclass(frozen=True)
class Value:
    """One printed value that differs: where it stands, and both texts; empty where it was not printed."""

    where: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One paragraph that differs. ``kind`` is the gravest of its differences; the rest is there beside it."""

    kind: Kind
    before: Paragraph | None
    after: Paragraph | None
    values: tuple[Value, ...] = ()
    gone: tuple[Source, ...] = ()
    come: tuple[Source, ...] = ()


@dataclass(frozen=True)
class SectionChange:
    """One section of either document, with the paragraphs that differ and how many are as they were.

    ``requirement`` is set where the wording of the point itself differs.
    """

    anchor: str
    number: str
    title: str
    point: str | None
    standing: Standing
    changes: tuple[Change, ...]
    same: int
    requirement: Value | None = None


@dataclass(frozen=True)
class Comparison:
    """Two documents of one kind: what differs in the law behind them, on the cover, and in each section."""

    law: Value | None
    cover: tuple[Value, ...]
    sections: tuple[SectionChange, ...]

    @property
    def counts(self) -> dict[Kind, int]:
        """How many paragraphs differ, by the gravest difference of each."""
        found = Counter(change.kind for section in self.sections for change in section.changes)
        return {kind: found[kind] for kind in KINDS}

    @property
    def changed(self) -> tuple[SectionChange, ...]:
        """The sections in which anything differs."""
        return tuple(section for section in self.sections if section.standing != "same")

    @property
    def is_empty(self) -> bool:
        """Whether both say the same under the same law."""
        return not (self.law or self.cover or self.changed)


def compare(before: Content, after: Content) -> Comparison:
    """Return what ``after`` says otherwise than ``before``.

    Raises:
        NotComparable: they are of different kinds, or in different languages: build one in the language of the other.
    """
    if before.kind != after.kind:
        raise NotComparable(f"A document of the kind {before.kind} is not compared with one of {after.kind}.")
    if before.language != after.language:
        raise NotComparable(f"A document in {before.language!r} is not compared with one in {after.language!r}.")
    with speaking(after.language):
        return _compared(before, after)


def _compared(before: Content, after: Content) -> Comparison:
    law = Value("law", before.law_version, after.law_version) if before.law_version != after.law_version else None
    anyway = {_(label) for label in _ANYWAY}
    cover = tuple(row for row in _differing(dict(before.cover), dict(after.cover)) if row.where not in anyway)
    return Comparison(law=law, cover=cover, sections=tuple(_sections(before.sections, after.sections)))


def _sections(before: Sequence[Section], after: Sequence[Section]) -> Iterator[SectionChange]:
    """Yield the sections of both, in the order of the newer one; one that was left out comes after its neighbour."""
    old, new = ({_key(section): section for section in part} for part in (before, after))
    for key in _in_order(list(old), list(new)):
        yield _section(old.get(key), new.get(key))


def _key(section: Section) -> str:
    """Return what a section is known by in any version: its point, or its number and title where it has none."""
    return section.point or f"{section.number} {section.title}"


def _in_order(old: Sequence[str], new: Sequence[str]) -> list[str]:
    merged = list(new)
    for place, key in enumerate(old):
        if key not in new:
            above = next((other for other in reversed(old[:place]) if other in merged), None)
            merged.insert(merged.index(above) + 1 if above is not None else 0, key)
    return merged


def _section(old: Section | None, new: Section | None) -> SectionChange:
    shown = new or old
    if shown is None:
        raise ValueError("A section of neither document.")
    pairs = _pairs(old.paragraphs if old else (), new.paragraphs if new else ())
    changes = tuple(change for pair in pairs if (change := _change(*pair)) is not None)
    wording = None
    if old and new and old.requirement != new.requirement:
        wording = Value("requirement", old.requirement, new.requirement)
    standing: Standing = "changed" if changes or wording else "same"
    if not (old and new):
        standing = "added" if new else "removed"
    return SectionChange(
        anchor=shown.anchor,
        number=shown.number,
        title=shown.title,
        point=shown.point,
        standing=standing,
        changes=changes,
        same=len(pairs) - len(changes),
        requirement=wording,
    )


Pair = tuple[Paragraph | None, Paragraph | None]


def _pairs(before: Sequence[Paragraph], after: Sequence[Paragraph]) -> list[Pair]:
    """Return each paragraph once, with its other version where it has one, in the order of the newer document."""
    left, right = list(range(len(before))), list(range(len(after)))
    other: dict[int, int] = {}

    def settle(pairs: Iterable[tuple[int, int]]) -> None:
        for old, new in pairs:
            if old in left and new in right:
                other[new] = old
                left.remove(old)
                right.remove(new)

    settle((o, n) for n in list(right) for o in list(left) if before[o] == after[n])
    ranked = ((_alike(before[o], after[n]), o, n) for n in right for o in left)
    settle((o, n) for share, o, n in sorted(ranked, key=lambda row: (-row[0], row[2], row[1])) if share >= ALIKE)
    # What was asked for and is there now, or the other way round: in the order of the point's own questions.
    for gone in (True, False):
        settle(
            zip(
                [o for o in left if (before[o].state == "missing") is gone],
                [n for n in right if (after[n].state == "missing") is not gone],
                strict=False,
            )
        )
    found: list[Pair] = [(before[other[n]] if n in other else None, after[n]) for n in range(len(after))]
    return [*found, *((before[o], None) for o in left)]


def _alike(old: Paragraph, new: Paragraph) -> float:
    """Return the share of common words, in their order; 0 where one is missing and the other is not."""
    if (old.state == "missing") != (new.state == "missing"):
        return 0.0
    return _ratio(old.text.split()[:_LONGEST], new.text.split()[:_LONGEST])


def _ratio(old: Sequence[str], new: Sequence[str]) -> float:
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= ALIKE else 0.0


def _change(old: Paragraph | None, new: Paragraph | None) -> Change | None:
    if old is None or new is None:
        return Change("added" if new else "removed", old, new)
    # Of what was not there at all, every value is new: the paragraph says them.
    answered = "missing" not in {old.state, new.state}
    values = tuple(_differing(_printed(old.blocks), _printed(new.blocks))) if answered else ()
    gone, come = _without(old.sources, new.sources), _without(new.sources, old.sources)
    said = (old.text, old.owner, _who(old)) != (new.text, new.owner, _who(new))
    differs: tuple[tuple[bool, Kind], ...] = (
        (old.state != new.state, "state"),
        (said, "text"),
        (bool(values), "figures"),
        (bool(gone or come), "sources"),
    )
    kind = next((name for holds, name in differs if holds), None)
    return Change(kind, old, new, values, gone, come) if kind else None


def _without(some: Sequence[Source], others: Sequence[Source]) -> tuple[Source, ...]:
    """Return the sources that others lack: a place in the log that came later makes nothing another source."""
    known = {(source.name, source.id, source.digest) for source in others}
    return tuple(source for source in some if (source.name, source.id, source.digest) not in known)


def _who(paragraph: Paragraph) -> tuple[str, str, str] | None:
    """Return who declared it, when, and its review; its place in the log may come later with nothing said anew."""
    who = paragraph.declared_by
    return (who.role, who.on, who.review) if who else None


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Value]:
    for where in dict.fromkeys([*new, *old]):
        if old.get(where, "") != new.get(where, ""):
            yield Value(where, old.get(where, ""), new.get(where, ""))


def _printed(blocks: Iterable[Block]) -> dict[str, str]:
    """Return every printed value of tables, lists and charts by where it stands: caption, row and column."""
    found: dict[str, str] = {}
    for block in blocks:
        for where, text in _cells(block):
            place, again = where, 1
            while place in found:  # two rows of one name: the second is another place
                again += 1
                place = f"{where} ({again})"
            found[place] = text
    return found


def _cells(block: Block) -> Iterator[tuple[str, str]]:
    places = {_(label) for label in _PLACES}
    if isinstance(block, Facts):
        yield from ((f"{block.caption}: {label}", value) for label, value in block.rows if label not in places)
    elif isinstance(block, Table):
        for row in block.rows:
            for column, cell in zip(block.columns[1:], row[1:], strict=True):
                if column.title in places:
                    continue
                # A small chart says the same in words; of a cell with a chart alone they are the value.
                yield (
                    f"{block.caption}: {row[0].text}, {column.title}",
                    " ".join(filter(None, [cell.text or cell.alt, *cell.sub.splitlines()])),
                )
    else:
        yield block.caption, block.alt
