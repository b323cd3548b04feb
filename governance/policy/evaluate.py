"""Hold a policy against the facts about one model version: the outcome of each check, and the verdict.

Pure: the same policy, facts, waivers and reviews always give the same verdict. The caller passes only waivers in force
and reviews that were signed by people who may sign; this module knows neither the clock nor people.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from governance.policy.cel import Scalar, WrongKind, truth
from governance.policy.document import Check, OnFail, OnInsufficient, PolicyDocument
from governance.policy.expressions import read_expression
from governance.policy.facts import ABSENT, Facts, evidence_name, figure, is_comparison
from governance.policy.requirements import EvidenceRequirement
from governance.policy.wording import allowed_because, decided_by, effect_note, outcome_reason


class Outcome(StrEnum):
    """What the evidence says about one check."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    INSUFFICIENT = "insufficient"
    MISSING = "missing"
    NOT_APPLICABLE = "not_applicable"


class Effect(StrEnum):
    """What one check does to the verdict; WARN lets through and says so."""

    ALLOW = "ALLOW"
    WARN = "WARN"
    HOLD = "HOLD"
    BLOCK = "BLOCK"


class Ruling(StrEnum):
    """The verdict of a policy."""

    ALLOW = "ALLOW"
    HOLD = "HOLD"
    BLOCK = "BLOCK"


@dataclass(frozen=True, slots=True)
class Waiver:
    """A waiver in force: the failure of ``check`` (its id) is accepted for now."""

    check: str


@dataclass(frozen=True, slots=True)
class Review:
    """A signed human review of one check.

    Attributes:
        check: id of the check.
        verdict: ``accepted`` or ``rejected``.
        role: the role in which it was signed; counts only if the policy names it.
        reviewer: stable id of the person; the last review of each person counts.
    """

    check: str
    verdict: str
    role: str
    reviewer: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check, as it stands on the facts.

    Attributes:
        id, title, on_fail, on_insufficient: from the policy.
        outcome: what the evidence says.
        value, low, high, n, limit, better: the figures that ``shows`` names; None where undefined, absent or not named.
        evidence_type: with version, such as ``fairness/v1``; None when the check names no evidence.
        reason: one sentence on why the outcome is what it is, and on what it does.
        effect: what it does to the verdict.
        lifted_by: ``waiver`` or ``review`` when a signature changed the effect, else None.
        wants_review: a signed human review of this check would lift its hold.
        inherited_from: the version whose evidence it reads, where that is one which the candidate builds on; else "".
    """

    id: str
    title: str
    outcome: Outcome
    on_fail: str
    on_insufficient: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    limit: float | None
    better: str | None
    evidence_type: str | None
    reason: str
    effect: Effect
    lifted_by: str | None
    wants_review: bool
    inherited_from: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values; ``inherited_from`` stands there only where something was inherited."""
        row = {**asdict(self), "outcome": self.outcome.value, "effect": self.effect.value}
        return row if self.inherited_from else {key: row[key] for key in row if key != "inherited_from"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """ALLOW, HOLD or BLOCK, every check that led there, and the one sentence that decides."""

    outcome: Ruling
    checks: tuple[CheckResult, ...]
    reason: str
    policy: str
    policy_digest: str

    @property
    def wants_review(self) -> tuple[str, ...]:
        """Ids of the held checks that a signed human review would lift."""
        return tuple(result.id for result in self.checks if result.wants_review)

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values, the same for the API, the CLI and the database."""
        return {
            "outcome": self.outcome.value,
            "reason": self.reason,
            "policy": self.policy,
            "policy_digest": self.policy_digest,
            "checks": [result.as_json() for result in self.checks],
        }


_SEVERITY = {Effect.ALLOW: 0, Effect.WARN: 0, Effect.HOLD: 1, Effect.BLOCK: 2}
_RULING = (Ruling.ALLOW, Ruling.HOLD, Ruling.BLOCK)


def evaluate(
    policy: PolicyDocument, facts: Facts, *, waivers: Collection[Waiver] = (), reviews: Sequence[Review] = ()
) -> Verdict:
    """Return the verdict of ``policy`` on ``facts``.

    Within a check: fail, then missing, then not applicable, then insufficient, then pass. Over the checks: any BLOCK
    blocks, else any HOLD holds, else ALLOW. A check passes only if every figure it names is there and defined. Evidence
    that the policy asks for and nobody attached holds by itself, as a result named ``evidence.<type>``.

    Args:
        policy: a parsed document that ``publication.check`` found no problem in.
        facts: see ``facts.Facts``.
        waivers: those in force; each turns a ``fail`` of a waivable check into a warning.
        reviews: in the order of signing.
    """
    waived = {waiver.check for waiver in waivers}
    results = [_result(policy, check, facts, waived=check.id in waived, reviews=reviews) for check in policy.checks]
    results += _absent_evidence(policy, facts)
    severity = max(_SEVERITY[result.effect] for result in results)
    deciding = [result for result in results if _SEVERITY[result.effect] == severity]
    if severity:
        reason = decided_by(deciding[0].title, deciding[0].reason, others=len(deciding) - 1, blocks=severity == 2)
    else:
        reason = allowed_because(
            [result.outcome.value for result in results], [result.effect.value for result in results]
        )
    return Verdict(_RULING[severity], tuple(results), reason, policy.name, policy.digest)


def outcome_of(check: Check, facts: Facts) -> tuple[Outcome, str]:
    """Return what the facts say about one check, and the path that decided when one did (else an empty text)."""
    passes = read_expression(check.expr)
    fails = passes if check.fails_if is None else read_expression(check.fails_if)
    figures = {path: figure(facts, path) for path in sorted(passes.references | fails.references)}
    known: dict[str, Scalar] = {
        path: value for path, value in figures.items() if value is not None and value is not ABSENT
    }
    try:
        passed = truth(passes, known)
        failed = passed is False if check.fails_if is None else truth(fails, known) is True
    except WrongKind:
        # Evidence that is not what it was declared to be is not evidence: held, never passed over as "too little data".
        return Outcome.MISSING, next(iter(figures))
    if failed:
        return Outcome.FAIL, ""
    absent = [path for path, value in figures.items() if value is ABSENT]
    first = "production" not in facts
    for path in absent:
        if not (first and is_comparison(path)) or not _attached(facts, path):
            return Outcome.MISSING, path
    for path, value in figures.items():
        if first and is_comparison(path) and (value is None or value is ABSENT):
            return Outcome.NOT_APPLICABLE, path
    for path, value in figures.items():
        if value is None:
            return Outcome.INSUFFICIENT, path
    return (Outcome.PASS if passed else Outcome.INSUFFICIENT), ""


def _attached(facts: Facts, path: str) -> bool:
    name = evidence_name(path)
    return name is None or name in facts.get("evidence", {})


def _why_absent(facts: Facts, path: str) -> str:
    """Return why the evidence, or the document, in which a figure would stand does not count; empty for any other."""
    return _said_of(path, facts.get("absent", {}))


def _said_of(path: str, said: Mapping[str, Any]) -> str:
    """Return what is said of the document, or of the evidence, in which a figure stands."""
    head, *parts = path.split(".")
    if head != "evidence" or not parts:
        return ""
    return str(said.get(".".join(parts[:2]), "") or said.get(parts[0], ""))


def _inherited_from(check: Check, facts: Facts) -> str:
    """Return the bases whose evidence a check reads, empty where it reads none."""
    said = facts.get("inherited", {})
    texts = [check.expr] if check.fails_if is None else [check.expr, check.fails_if]
    paths = {path for text in texts for path in read_expression(text).references} if said else set()
    return ", ".join(sorted({_said_of(path, said) for path in paths} - {""}))


def _result(
    policy: PolicyDocument, check: Check, facts: Facts, *, waived: bool, reviews: Sequence[Review]
) -> CheckResult:
    outcome, path = outcome_of(check, facts)
    review = _review_state(policy, check, reviews)
    effect, lifted_by = _effect(check, outcome, waived=waived, review=review)
    wants_review = (
        effect is Effect.HOLD
        and outcome is Outcome.INSUFFICIENT
        and check.on_insufficient is OnInsufficient.HUMAN_REVIEW
    )
    shown = _shown(check, facts)
    limit = check.shows.limit if check.shows else None
    evidence_type = _evidence_type(policy, check)
    reason = _why_absent(facts, path) or outcome_reason(
        outcome.value, path=path, evidence_type=evidence_type, attached=_attached(facts, path), limit=limit, **shown
    )
    base = _inherited_from(check, facts)
    note = f", by evidence of {base}, on which it builds" if base else ""
    note += effect_note(
        effect.value, lifted_by=lifted_by, review=review, wants_review=wants_review, roles=policy.human_review_roles
    )
    return CheckResult(
        id=check.id,
        title=check.title,
        outcome=outcome,
        on_fail=check.on_fail.value,
        on_insufficient=check.on_insufficient.value,
        value=shown["value"],
        low=shown["low"],
        high=shown["high"],
        n=None if shown["n"] is None else int(shown["n"]),
        limit=limit,
        better=check.shows.better if check.shows else None,
        evidence_type=evidence_type,
        reason=f"{reason}{note}",
        effect=effect,
        lifted_by=lifted_by,
        wants_review=wants_review,
        inherited_from=base,
    )


def _effect(check: Check, outcome: Outcome, *, waived: bool, review: str) -> tuple[Effect, str | None]:
    """The table of outcomes to effects: the only place where an outcome becomes a consequence."""
    if outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE):
        return Effect.ALLOW, None
    if outcome is Outcome.MISSING:
        return Effect.HOLD, None
    if outcome is Outcome.FAIL:
        if check.on_fail is OnFail.WAIVABLE and waived:
            return Effect.WARN, "waiver"
        return (Effect.WARN if check.on_fail is OnFail.WARN else Effect.BLOCK), None
    if check.on_insufficient is OnInsufficient.HUMAN_REVIEW and review == "accepted":
        return Effect.WARN, "review"
    return (Effect.WARN if check.on_insufficient is OnInsufficient.WARN else Effect.HOLD), None


def _review_state(policy: PolicyDocument, check: Check, reviews: Sequence[Review]) -> str:
    """Return ``accepted``, ``rejected`` or nothing: each person's last review counts, and one rejection outweighs."""
    last = {
        review.reviewer: review.verdict
        for review in reviews
        if review.check == check.id and review.role in policy.human_review_roles
    }
    if not last:
        return ""
    return "accepted" if set(last.values()) == {"accepted"} else "rejected"


def _shown(check: Check, facts: Facts) -> dict[str, float | None]:
    paths: Mapping[str, str] = check.shows.paths if check.shows else {}
    shown: dict[str, float | None] = dict.fromkeys(("value", "low", "high", "n"))
    for key, path in paths.items():
        value = figure(facts, path)
        shown[key] = value if isinstance(value, float) else None
    return shown


def evidence_names(check: Check) -> frozenset[str]:
    """Return the evidence types, without version, that a check reads."""
    texts = [check.expr] if check.fails_if is None else [check.expr, check.fails_if]
    paths = {path for text in texts for path in read_expression(text).references}
    return frozenset(name for path in paths if (name := evidence_name(path)) is not None)


def _evidence_type(policy: PolicyDocument, check: Check) -> str | None:
    references = read_expression(check.expr).references
    names = sorted({name for path in references if (name := evidence_name(path)) is not None})
    if not names:
        return None
    requirement = policy.requirement(names[0])
    return requirement.type if requirement else names[0]


def _absent_evidence(policy: PolicyDocument, facts: Facts) -> list[CheckResult]:
    """Return a held result for each piece of evidence that the policy asks for and that is not there, or counts not."""
    attached, why = facts.get("evidence", {}), facts.get("absent", {})
    found = []
    for item in policy.evidence:
        if not item.kinds and item.name not in attached:
            found.append(_absent(item, item.name, f"{item.type} evidence", why.get(item.name, "None is attached")))
        for kind in item.kinds:
            if kind not in attached.get(item.name, {}):
                name, title = f"{item.name}.{kind}", f"Document: {kind.replace('_', ' ')}"
                found.append(_absent(item, name, title, why.get(name, "None is attached")))
    return found


def _absent(requirement: EvidenceRequirement, name: str, title: str, why: str) -> CheckResult:
    return CheckResult(
        id=f"evidence.{name}",
        title=title,
        outcome=Outcome.MISSING,
        on_fail=OnFail.BLOCK.value,
        on_insufficient=OnInsufficient.HOLD.value,
        value=None,
        low=None,
        high=None,
        n=None,
        limit=None,
        better=None,
        evidence_type=requirement.type,
        reason=f"{why}; it holds until the evidence is there.",
        effect=Effect.HOLD,
        lifted_by=None,
        wants_review=False,
    )
