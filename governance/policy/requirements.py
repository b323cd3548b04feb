"""What a policy asks of evidence, type by type: how the YAML becomes it, and the rules that a JSON Schema can't say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from governance.evidence.canary import CANARY, alias_of
from governance.evidence.evaluation import KINDS
from governance.evidence.evaluation import TYPE as EVALUATION
from governance.evidence.levels import RUN_THE_MODEL
from governance.policy.problems import Problem
from governance.policy.shape import problem_at
from governance.policy.source import Path, Source
from placet.mlflow_plugin.protection import fold

_RESULT = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)
SUBMITTED = "submitted_document/v1"
BY_PEOPLE = frozenset({SUBMITTED, EVALUATION, "human_review/v1"})
"""What people make: asking that Placet computes it asks for what never comes."""
INHERITABLE = frozenset({SUBMITTED, EVALUATION})
"""What may be a base's: papers, and evaluations that say on which tasks. What is measured of a version on the data of
its own use says nothing of another."""


@dataclass(frozen=True, slots=True)
class EvidenceRequirement:
    """Evidence that must be attached: ``type`` with version (``fairness/v1``), and how it is to be made.

    ``kinds`` names the documents that somebody must submit, and is empty for what Placet measures itself.
    ``max_age`` None means any age; ``parameters`` go to the producer as they stand (numbers, texts, tuples of them).
    ``computed``: only what Placet measured itself will do. ``isolation``: how well the model was kept apart at least
    while it was measured (``separate`` or ``full``), empty where the policy does not say. ``inherit``: evidence about
    what the version builds on will do, where that is approved on it.
    """

    type: str
    max_age: timedelta | None
    dataset: str | None
    parameters: Mapping[str, Any]
    kinds: tuple[str, ...] = ()
    computed: bool = False
    isolation: str = ""
    inherit: bool = False

    @property
    def name(self) -> str:
        """The type without its version, as expressions name it: ``evidence.<name>``."""
        return self.type.partition("/")[0]


def requirement_of(name: str, terms: Mapping[str, Any]) -> EvidenceRequirement:
    """Return what a policy says below one type of evidence; the schema has checked each value's kind."""
    parameters = {
        key: tuple(value) if isinstance(value, list) else value for key, value in terms.get("parameters", {}).items()
    }
    return EvidenceRequirement(
        type=name,
        max_age=duration(terms["max_age"]) if "max_age" in terms else None,
        dataset=terms.get("dataset"),
        parameters=MappingProxyType(parameters),
        kinds=tuple(terms.get("kinds", ())),
        computed=terms.get("origin") == "computed",
        isolation=terms.get("isolation", ""),
        inherit=terms.get("inherit", False),
    )


def duration(text: str) -> timedelta:
    """Return the duration of ``P<number>D`` or ``P<number>W``."""
    amount = int(text[1:-1])
    return timedelta(weeks=amount) if text.endswith("W") else timedelta(days=amount)


def requirement_problems(
    source: Source, evidence: Sequence[EvidenceRequirement], targets: Sequence[str]
) -> list[Problem]:
    """Return what is wrong between the parts of ``evidence``; ``targets`` are the aliases that the policy governs."""
    return [
        *_kind_problems(source, evidence),
        *_canary_problems(source, evidence, targets),
        *_origin_problems(source, evidence),
        *_inherit_problems(source, evidence),
        *_evaluation_problems(source, evidence),
    ]


def _origin_problems(source: Source, evidence: Sequence[EvidenceRequirement]) -> list[Problem]:
    """Nobody waits for what can't come: a person's word computed by Placet, or isolation where no model runs."""
    problems = []
    for item in evidence:
        if item.computed and item.type in BY_PEOPLE:
            where: Path = ("evidence", item.type, "origin")
            problems.append(problem_at(source, where, f"People make {item.type}, so Placet never computes it."))
        if item.isolation and item.name not in RUN_THE_MODEL:
            where = ("evidence", item.type, "isolation")
            message = f"No model runs for {item.type}; `isolation` is for {', '.join(sorted(RUN_THE_MODEL))}."
            problems.append(problem_at(source, where, message))
    return problems


def _inherit_problems(source: Source, evidence: Sequence[EvidenceRequirement]) -> list[Problem]:
    wrong = [item.type for item in evidence if item.inherit and item.type not in INHERITABLE]
    return [
        problem_at(source, ("evidence", name, "inherit"), f"Only {' and '.join(sorted(INHERITABLE))} may be a base's.")
        for name in wrong
    ]


def _evaluation_problems(source: Source, evidence: Sequence[EvidenceRequirement]) -> list[Problem]:
    """An evaluation is of one kind, on data of its own, and says which of its results the policy reads."""
    item = next((item for item in evidence if item.type == EVALUATION), None)
    if item is None:
        return []
    where: Path = ("evidence", EVALUATION)
    if item.dataset:
        return [
            problem_at(source, (*where, "dataset"), "An evaluation is made on data of its own: leave `dataset` out.")
        ]
    figures = item.parameters.get("figures", ())
    named = isinstance(figures, tuple) and all(isinstance(name, str) and _RESULT.fullmatch(name) for name in figures)
    if item.parameters.get("kind") not in KINDS or not named or set(item.parameters) - {"kind", "figures"}:
        message = (
            f"Name in `parameters` the `kind`, one of {', '.join(KINDS)}, and in `figures` the results that the checks "
            "read: small letters, digits and underscores. Nothing else."
        )
        return [problem_at(source, where, message)]
    return []


def _kind_problems(source: Source, evidence: Sequence[EvidenceRequirement]) -> list[Problem]:
    """Documents are asked for by kind, and only they; they are made on no data and with no parameters of ours."""
    problems = []
    for item in evidence:
        where: Path = ("evidence", item.type)
        if item.type == SUBMITTED and not item.kinds:
            problems.append(problem_at(source, where, "Say which `kinds` of documents must be there."))
        if item.type != SUBMITTED and item.kinds:
            problems.append(problem_at(source, (*where, "kinds"), f"Only {SUBMITTED} comes in `kinds`."))
        if item.type == SUBMITTED and (item.dataset or item.parameters):
            problems.append(problem_at(source, where, "A document has neither `dataset` nor `parameters`."))
    return problems


def _canary_problems(source: Source, evidence: Sequence[EvidenceRequirement], targets: Sequence[str]) -> list[Problem]:
    """A canary is counted as of the request, behind an alias that a version can get without having been behind it."""
    item = next((item for item in evidence if item.type == CANARY), None)
    if item is None:
        return []
    where: Path = ("evidence", CANARY)
    alias = item.parameters.get("alias", "")
    if item.dataset or item.max_age is not None or set(item.parameters) - {"alias"} or not isinstance(alias, str):
        message = (
            "A canary is counted on its own records at the time of the request: leave `dataset` and `max_age` out, and "
            "name nothing in `parameters` but `alias`, a text."
        )
        return [problem_at(source, where, message)]
    alias = alias_of(item.parameters)
    if alias not in map(fold, targets):
        return []
    message = (
        f"No version could ever get {alias}: this policy governs it, and wants the version to have been behind it. "
        f"Take {alias} out of `targets` and govern it by a policy of its own."
    )
    return [problem_at(source, where, message)]
