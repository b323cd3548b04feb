"""What a document says, before it looks like anything: sections of paragraphs, each measured, declared or missing.

The three states are an invariant, not a label: a measured paragraph names its sources, a declared one names who
declared it, a missing one names who owes it. A paragraph without any of the three cannot be built, so a document
cannot hold a statement that nobody and nothing stands behind. Pure data: no Django, no PDF library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from reports.documents.translation import N_, _
from reports.documents.wording import log_index, words

State = Literal["measured", "declared", "missing"]
Tone = Literal["none", "good", "bad", "warn", "info"]
STATES: tuple[State, ...] = ("measured", "declared", "missing")
STATE_WORDS: Mapping[State, str] = {
    "measured": N_("Measured"),
    "declared": N_("Declared"),
    "missing": N_("Missing"),
}
"""What stands above a paragraph of each state, to be translated."""


class Unsupported(ValueError):
    """A paragraph lacks what its state promises: a source, a declarant or an owner."""


@dataclass(frozen=True)
class Source:
    """What a measured statement rests on: a row of evidence or a record of the registry.

    ``digest`` is ``sha256:<hex>`` over the evidence payload or the recorded thing; ``log_index`` is its entry in the
    transparency log (0-based), None if the snapshot names none. ``name`` is the evidence type (``fairness/v1``) or the
    kind of record.
    """

    id: str
    name: str
    title: str
    digest: str | None = None
    log_index: int | None = None
    made_at: str | None = None
    origin: str | None = None


@dataclass(frozen=True)
class Declarant:
    """Who declared something: a role, the day (ISO), and the log entry that holds it. No personal name is printed.

    ``review`` says whether a second person read it, in words; empty where nobody is asked to.
    """

    role: str
    on: str
    log_index: int | None = None
    review: str = ""

    @property
    def line(self) -> str:
        """What a document prints of it above the paragraph."""
        said = _("by the {role}, {on}, {place}").format(
            role=words(self.role), on=self.on, place=log_index(self.log_index)
        )
        return f"{said}; {self.review}" if self.review else said


@dataclass(frozen=True)
class Cell:
    """One table cell. ``sub`` holds smaller lines below it; ``svg`` a small chart that ``alt`` puts in words."""

    text: str
    sub: str = ""
    tone: Tone = "none"
    svg: str = ""
    alt: str = ""


@dataclass(frozen=True)
class Column:
    """One table column. Numeric ones are right-aligned; ``width`` is in per cent of the table, 0 for automatic."""

    title: str
    numeric: bool = False
    width: int = 0


@dataclass(frozen=True)
class Table:
    """A table with a caption. Each row has one cell for each column; the first cell of a row is its header."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        wrong = [len(row) for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"{self.caption}: a row of {wrong[0]} cells for {len(self.columns)} columns.")


@dataclass(frozen=True)
class Facts:
    """Labelled values, printed as a two-column list. ``caption`` names them."""

    caption: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Figure:
    """A chart: SVG, caption, and the same in words (``alt``) for who cannot see it. ``half``: two side by side."""

    svg: str
    caption: str
    alt: str
    half: bool = False


Block = Table | Facts | Figure


@dataclass(frozen=True)
class Paragraph:
    """One statement with what stands behind it.

    Raises:
        Unsupported: measured without sources, declared without a declarant, missing without an owner, or a mixture.
    """

    state: State
    text: str
    blocks: tuple[Block, ...] = ()
    sources: tuple[Source, ...] = ()
    declared_by: Declarant | None = None
    owner: str | None = None

    def __post_init__(self) -> None:
        supported = {
            "measured": bool(self.sources) and self.declared_by is None and self.owner is None,
            "declared": self.declared_by is not None and self.owner is None,
            "missing": self.owner is not None and not self.sources and self.declared_by is None and not self.blocks,
        }
        if not supported[self.state]:
            needs = {"measured": "at least one source", "declared": "a declarant", "missing": "an owner and no content"}
            raise Unsupported(f"A {self.state} paragraph needs {needs[self.state]}: {self.text[:80]!r}.")


@dataclass(frozen=True)
class Section:
    """One numbered section. ``point`` is its id in the register (None for parts that the Act does not number).

    ``level`` is 1 for a chapter, 2 for a lettered point. ``requirement`` paraphrases the point; ``duty`` says when it
    binds.
    """

    anchor: str
    number: str
    title: str
    level: Literal[1, 2]
    point: str | None = None
    requirement: str = ""
    duty: str = ""
    paragraphs: tuple[Paragraph, ...] = ()

    def count(self, state: State) -> int:
        """Return how many paragraphs of this section are in ``state``."""
        return sum(paragraph.state == state for paragraph in self.paragraphs)


@dataclass(frozen=True)
class Gap:
    """One missing paragraph, as the gap page lists it."""

    anchor: str
    number: str
    title: str
    what: str
    owner: str


@dataclass(frozen=True)
class Content:
    """A whole document. ``cover`` holds labelled values; ``sources`` come in the order of their first use.

    ``signature`` says in a sentence how the file is signed; ``caveat`` what the document is not; ``lead`` what its
    states mean for it as a whole. ``outline`` is what its points stand in (``Annex IV``), empty where it has none.
    ``page_starts``: the numbers of chapters that start on a new page. Texts are in ``language``; whatever lays them out
    adds its own words in the same.
    """

    kind: str
    title: str
    subtitle: str
    document_id: str
    snapshot_digest: str
    created_at: str
    law_version: str
    language: str
    organisation: str
    status: str
    cover: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    sample: bool = False
    signature: str = "Not signed."
    outline: str = ""
    caveat: str = ""
    lead: str = ""
    page_starts: tuple[str, ...] = ()
    appendices: tuple[Table | Facts, ...] = field(default=())

    def paragraphs(self) -> Iterator[tuple[Section, Paragraph]]:
        """Yield every paragraph with its section, in reading order."""
        for section in self.sections:
            for paragraph in section.paragraphs:
                yield section, paragraph

    @property
    def chapters(self) -> tuple[tuple[Section, ...], ...]:
        """The sections by chapter: each of level 1 with those of level 2 that follow it."""
        found: list[list[Section]] = []
        for section in self.sections:
            if section.level == 1 or not found:
                found.append([])
            found[-1].append(section)
        return tuple(tuple(chapter) for chapter in found)

    @property
    def counts(self) -> dict[State, int]:
        """How many paragraphs are measured, declared and missing."""
        return {state: sum(section.count(state) for section in self.sections) for state in STATES}

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Every missing paragraph, in reading order."""
        return tuple(
            Gap(section.anchor, section.number, section.title, paragraph.text, paragraph.owner or "")
            for section, paragraph in self.paragraphs()
            if paragraph.state == "missing"
        )

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every source once, in the order of first use: its position plus one is its footnote number."""
        return tuple(dict.fromkeys(source for _section, paragraph in self.paragraphs() for source in paragraph.sources))
