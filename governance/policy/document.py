"""A policy document: frozen dataclasses, how the YAML becomes one, and its digest."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from governance.policy.problems import InvalidPolicy, Problem
from governance.policy.requirements import EvidenceRequirement, duration, requirement_of, requirement_problems
from governance.policy.shape import problem_at, shape_problems
from governance.policy.source import Json, Path, Source, read
from governance.policy.watching import UNSAID, Monitoring, monitoring_of, monitoring_problems

HUMAN_REVIEW = "human_review/v1"
VALIDATION = "validation"
"""What a stage can require before it approves: a signed review of a check, or a signed independent validation."""


class Mode(StrEnum):
    """What the gate does with a verdict: record it, say it, or keep it."""

    OBSERVE = "observe"
    WARN = "warn"
    BLOCK = "block"


class OnFail(StrEnum):
    """What a failed check does to the verdict."""

    BLOCK = "block"
    WAIVABLE = "waivable"
    WARN = "warn"


class OnInsufficient(StrEnum):
    """What a check without enough data does to the verdict."""

    HOLD = "hold"
    HUMAN_REVIEW = "human_review"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Shows:
    """What to draw for a check: paths of the value, of its 95 % interval and its n; the limit and its good side."""

    value: str
    low: str | None
    high: str | None
    n: str | None
    limit: float | None
    better: str | None

    @property
    def paths(self) -> Mapping[str, str]:
        """The paths by key (``value``, ``low``, ``high``, ``n``), without those the policy left out."""
        named = {"value": self.value, "low": self.low, "high": self.high, "n": self.n}
        return {key: path for key, path in named.items() if path is not None}


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: it passes when ``expr`` is true, and fails when ``fails_if`` is (left out: when ``expr`` is false)."""

    id: str
    title: str
    expr: str
    fails_if: str | None
    on_fail: OnFail
    on_insufficient: OnInsufficient
    shows: Shows | None
    why: str
    owner: str
    supports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """One round of signatures by ``quorum`` distinct people with one of ``roles``; ``signature`` is how they sign."""

    name: str
    roles: tuple[str, ...]
    quorum: int
    requires: str | None
    signature: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a standing approval must keep: open findings at most, and what an overdue one does (suspend or alert)."""

    max_open_findings: int | None
    on_overdue: str


@dataclass(frozen=True, slots=True)
class Renewal:
    """How long before its end an approval may be renewed, and whether Placet opens the renewal by itself then."""

    before: timedelta
    by_itself: bool


@dataclass(frozen=True, slots=True)
class ApprovalTerms:
    """How long evidence and people may take, how long an approval holds, and what drift and suspension do to it.

    ``grace``: how much longer what serves may be loaded once the approval has lapsed. ``waive_for``: how long a failed
    check may stand on a waiver. ``revalidate_every``: when what is live is to be validated again,
    None for never.
    """

    collect_within: timedelta
    decide_within: timedelta
    answer_within: timedelta
    valid_for: timedelta
    renewal: Renewal
    grace: timedelta
    waive_for: timedelta
    revalidate_every: timedelta | None
    on_drift: str
    on_suspend: str
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class Escalation:
    """Which roles are told that nobody has decided, so long after the review opened. It makes nobody eligible."""

    after: timedelta
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy as published: immutable, and named by ``digest`` (sha256 of the RFC 8785 bytes of the parsed YAML).

    ``model_tiers`` empty means every tier; ``supersedes`` names policies whose place it takes where both fit.
    ``source`` keeps the lines for messages and takes no part in equality.
    """

    name: str
    title: str
    description: str
    ai_act_classes: tuple[str, ...]
    model_tiers: tuple[int, ...]
    supersedes: tuple[str, ...]
    mode: Mode
    targets: tuple[str, ...]
    evidence: tuple[EvidenceRequirement, ...]
    checks: tuple[Check, ...]
    human_review_roles: tuple[str, ...]
    stages: tuple[Stage, ...]
    duties_added: tuple[str, ...]
    approval: ApprovalTerms
    escalation: Escalation | None
    monitoring: Monitoring
    digest: str
    source: Source = field(repr=False, compare=False)

    def applies_to(self, *, ai_act_class: str, model_tier: int) -> bool:
        """Return whether the policy is for a system of this AI Act class and model tier."""
        return ai_act_class in self.ai_act_classes and (not self.model_tiers or model_tier in self.model_tiers)

    def overlaps(self, other: PolicyDocument) -> bool:
        """Return whether some system and alias would be governed by both; an alias is one in every spelling."""
        tiers, others = set(self.model_tiers), set(other.model_tiers)
        return (
            not set(self.ai_act_classes).isdisjoint(other.ai_act_classes)
            and (not tiers or not others or not tiers.isdisjoint(others))
            and not {target.casefold() for target in self.targets}.isdisjoint(map(str.casefold, other.targets))
        )

    def requirement(self, name: str) -> EvidenceRequirement | None:
        """Return what the policy asks of evidence ``name`` (without version), or None when it does not ask for it."""
        return next((requirement for requirement in self.evidence if requirement.name == name), None)


@functools.lru_cache(maxsize=64)
def parse(text: str | bytes) -> PolicyDocument:
    """Read a policy from YAML.

    The shape is checked, not the expressions: ``publication.check`` does that, with the fields that evidence declares.

    Raises:
        InvalidPolicy: with every problem of the shape, each with path and line.
    """
    source = read(text)
    if problems := shape_problems(source):
        raise InvalidPolicy(problems)
    document = _document(source)
    if problems := _rule_problems(document):
        raise InvalidPolicy(problems)
    return document


def digest(data: Mapping[str, Json]) -> str:
    """Return ``sha256:<hex>`` over the RFC 8785 form of a parsed policy; comments and layout do not count."""
    import rfc8785

    return f"sha256:{hashlib.sha256(rfc8785.dumps(dict(data))).hexdigest()}"


def _rule_problems(document: PolicyDocument) -> list[Problem]:
    """Rules between parts, which a JSON Schema can't say."""
    source = document.source
    problems: list[Problem] = []
    for key, names in (
        ("checks", [check.id for check in document.checks]),
        ("stages", [stage.name for stage in document.stages]),
        ("evidence", [requirement.name for requirement in document.evidence]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                where: Path = (key, document.evidence[index].type) if key == "evidence" else (key, index)
                problems.append(problem_at(source, where, f"`{name}` stands twice in {key}; give each its own name."))
    problems += _review_problems(document)
    problems += _escalation_problems(document)
    problems += monitoring_problems(source, document.monitoring)
    if not document.approval.answer_within:
        message = "Nobody could answer in time; give it a day at least, or leave the key out (P30D)."
        problems.append(problem_at(source, ("approval", "answer_within"), message))
    problems += requirement_problems(source, document.evidence, document.targets)
    if not document.approval.collect_within:
        message = "No evidence would be complete in time; give it a day at least, or leave the key out (P30D)."
        problems.append(problem_at(source, ("approval", "collect_within"), message))
    if document.approval.revalidate_every == timedelta(0):
        message = "Give the validators a day at least, or leave the key out: then nothing falls due."
        problems.append(problem_at(source, ("approval", "revalidate_every"), message))
    return problems


def _escalation_problems(document: PolicyDocument) -> list[Problem]:
    """An escalation that would come when the request has expired, or at once, tells nobody in time."""
    escalation, within = document.escalation, document.approval.decide_within
    if escalation is None or timedelta(0) < escalation.after < within:
        return []
    message = (
        f"Escalate before the request expires: after more than P0D and less than `decide_within` ({within.days} days)."
    )
    return [problem_at(document.source, ("escalation", "after"), message)]


def _review_problems(document: PolicyDocument) -> list[Problem]:
    """A held check that asks for a review must have a stage in which someone can sign it."""
    reviewers = {role for stage in document.stages if stage.requires == HUMAN_REVIEW for role in stage.roles}
    able = reviewers.intersection(document.human_review_roles)
    return [
        problem_at(
            document.source,
            ("checks", index, "on_insufficient"),
            f"Nobody could lift this hold: no stage has `requires: {HUMAN_REVIEW}` with one of the roles "
            f"{', '.join(document.human_review_roles)}.",
        )
        for index, check in enumerate(document.checks)
        if check.on_insufficient is OnInsufficient.HUMAN_REVIEW and not able
    ]


def _document(source: Source) -> PolicyDocument:
    data: dict[str, Any] = dict(source.data)  # the schema has checked each value's kind
    applies_to = data["applies_to"]
    classes = applies_to["ai_act_class"]
    return PolicyDocument(
        name=data["policy"],
        title=data["title"],
        description=data.get("description", ""),
        ai_act_classes=(classes,) if isinstance(classes, str) else tuple(classes),
        model_tiers=tuple(applies_to.get("model_tier", ())),
        supersedes=tuple(data.get("supersedes", ())),
        mode=Mode(data["mode"]),
        targets=tuple(data["targets"]),
        evidence=tuple(requirement_of(name, terms) for name, terms in data["evidence"].items()),
        checks=tuple(_check(check) for check in data["checks"]),
        human_review_roles=tuple(data.get("human_review", {}).get("roles", ("validator",))),
        stages=tuple(_stage(stage) for stage in data["stages"]),
        duties_added=tuple(data.get("separation_of_duties", {}).get("add", ())),
        approval=_approval(data["approval"]),
        escalation=_escalation(data["escalation"]) if "escalation" in data else None,
        monitoring=monitoring_of(data["monitoring"]) if "monitoring" in data else UNSAID,
        digest=digest(source.data),
        source=source,
    )


def _check(data: dict[str, Any]) -> Check:
    shows = data.get("shows")
    return Check(
        id=data["id"],
        title=data["title"],
        expr=data["expr"],
        fails_if=data.get("fails_if"),
        on_fail=OnFail(data["on_fail"]),
        on_insufficient=OnInsufficient(data.get("on_insufficient", "hold")),
        shows=None if shows is None else _shows(shows),
        why=data["why"],
        owner=data["owner"],
        supports=tuple(data.get("supports", ())),
    )


def _shows(data: dict[str, Any]) -> Shows:
    limit = data.get("limit")
    return Shows(
        value=data["value"],
        low=data.get("low"),
        high=data.get("high"),
        n=data.get("n"),
        limit=None if limit is None else float(limit),
        better=data.get("better"),
    )


def _stage(data: dict[str, Any]) -> Stage:
    return Stage(
        name=data["name"],
        roles=tuple(data["roles"]),
        quorum=data["quorum"],
        requires=data.get("requires"),
        signature=data.get("signature", "password"),
    )


def _approval(data: dict[str, Any]) -> ApprovalTerms:
    conditions, renewal = data.get("conditions", {}), data.get("renewal", {})
    return ApprovalTerms(
        collect_within=duration(data.get("collect_within", "P30D")),
        decide_within=duration(data.get("decide_within", "P30D")),
        answer_within=duration(data.get("answer_within", "P30D")),
        valid_for=duration(data["valid_for"]),
        renewal=Renewal(before=duration(renewal.get("before", "P30D")), by_itself=renewal.get("opened_by") == "placet"),
        grace=duration(data["grace"]),
        waive_for=duration(data.get("waive_for", "P90D")),
        revalidate_every=duration(data["revalidate_every"]) if "revalidate_every" in data else None,
        on_drift=data["on_drift"],
        on_suspend=data["on_suspend"],
        conditions=Conditions(
            max_open_findings=conditions.get("max_open_findings"), on_overdue=conditions.get("on_overdue", "alert")
        ),
    )


def _escalation(data: dict[str, Any]) -> Escalation:
    return Escalation(after=duration(data["after"]), to=tuple(data["to"]))
