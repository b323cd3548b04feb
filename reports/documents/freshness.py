"""Whether a document is out of date: something that it rests on has changed since it was made. Pure.

What changed is told by times, not by comparing contents: a change that a document would not print all the same counts
where it is of a kind that the document prints. A new version says what it comes to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

What = Literal[
    "law", "version", "classification", "criteria", "evidence", "decision", "answer", "risk", "finding", "incident"
]

_MEASURED = ("performance/v1", "calibration/v1", "fairness/v1", "explanation/v1", "robustness/v1", "data_quality/v1")
EVIDENCE: Mapping[str, frozenset[str]] = {
    "annex-iv": frozenset({*_MEASURED, "human_review/v1", "drift/v1"}),
    "annex-v": frozenset(),
    "annex-viii": frozenset(),
    "instructions": frozenset(_MEASURED),
    "fria": frozenset({"fairness/v1"}),
    "risk-file": frozenset({"performance/v1", "fairness/v1", "robustness/v1", "drift/v1"}),
    "art-72-plan": frozenset({"drift/v1"}),
}
"""The types of evidence that each kind prints; of another kind any type counts."""

_COVER: frozenset[What] = frozenset({"version", "classification"})
RECORDS: Mapping[str, frozenset[What]] = {
    "annex-iv": _COVER | {"criteria", "decision", "finding"},
    "annex-v": _COVER,
    "annex-viii": _COVER,
    "instructions": _COVER | {"finding"},
    "fria": _COVER,
    "risk-file": _COVER | {"decision", "risk", "finding", "incident"},
    "art-72-plan": _COVER | {"finding", "incident"},
}
"""The records that each kind prints, those of the cover among them; of another kind any record counts."""


@dataclass(frozen=True)
class Latest:
    """When each thing about a system changed last; what never did is absent.

    Attributes:
        law_version: of the register as it is now.
        version: id of the model version that a document would describe now; empty for none.
        records: by what it is; ``law``, ``version``, ``evidence`` and ``answer`` are never among them.
        evidence: by type, of the version that a document would describe now.
        answers: by question of the system's record: when it was answered, taken back or reviewed.
    """

    law_version: str
    version: str = ""
    records: Mapping[What, datetime] = field(default_factory=dict)
    evidence: Mapping[str, datetime] = field(default_factory=dict)
    answers: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One thing that changed since: what, which (types of evidence, questions), and when last.

    The law and the version have no time: they are another than the document names.
    """

    what: What
    which: tuple[str, ...] = ()
    at: datetime | None = None


def changed_since(
    *, kind: str, made_at: datetime, law_version: str, version: str, latest: Latest, questions: Collection[str]
) -> tuple[Change, ...]:
    """Return what a document of a kind rests on and has changed since it was made; nothing if it is up to date.

    Args:
        law_version, version: what the document names.
        questions: those of the system's record that the kind prints.
    """
    return tuple(_changes(kind, made_at, (law_version, version), latest, questions))


def _changes(
    kind: str, made_at: datetime, named: tuple[str, str], latest: Latest, questions: Collection[str]
) -> Iterator[Change]:
    law_version, version = named
    if law_version != latest.law_version:
        yield Change("law")
    if version != latest.version and "version" in RECORDS.get(kind, ("version",)):
        yield Change("version")
    for what, at in latest.records.items():
        if at > made_at and what in RECORDS.get(kind, (what,)):
            yield Change(what, at=at)
    newer = {name: at for name, at in latest.evidence.items() if at > made_at and name in EVIDENCE.get(kind, (name,))}
    if newer:
        yield Change("evidence", tuple(sorted(newer)), max(newer.values()))
    said = {name: at for name, at in latest.answers.items() if at > made_at and name in questions}
    if said:
        yield Change("answer", tuple(sorted(said)), max(said.values()))
