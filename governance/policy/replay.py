"""Hold a policy against requests that were decided under another: what each would have been, check by check.

Pure: the same policy and the same cases always give the same rows, and the same digest of them. A case brings what was
made for it. What the policy asks for and the case has not, or has otherwise than asked (older, with other parameters,
on data of another role), is missing and said so; nothing is guessed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import rfc8785

from governance.evidence.levels import suffices
from governance.policy.document import Check, PolicyDocument
from governance.policy.evaluate import Review, Verdict, Waiver, evaluate, evidence_names
from governance.policy.facts import Facts
from governance.policy.holds import held_by_context
from governance.policy.requirements import EvidenceRequirement

_GRAVITY = {"ALLOW": 0, "HOLD": 1, "BLOCK": 2}


@dataclass(frozen=True, slots=True)
class Made:
    """A piece of evidence that a request rested on: what it is and how it was made."""

    type: str
    payload_digest: str
    parameters: Mapping[str, Any]
    dataset_roles: Collection[str]
    made_at: datetime
    computed: bool = True
    isolation: str = ""

    @property
    def name(self) -> str:
        """The type without its version, as expressions name it."""
        return self.type.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A signed human review, with the rule that it was about and the digests, sorted, of what the reviewer read.

    It counts again only for the same rule on the same evidence: nobody is taken to have accepted another question.
    """

    review: Review
    rule: tuple[str, str | None]
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One past request.

    Attributes:
        id: names it in the rows.
        asked_at: when it was made; the age of evidence is told from then.
        facts: as the policy of that time was held against; see ``facts.Facts``.
        then: its verdict as stored, ``Verdict.as_json``.
        holds: what no evidence could lift, as ``holds.held_by_context`` takes it.
    """

    id: str
    asked_at: datetime
    facts: Facts
    evidence: Sequence[Made]
    then: Mapping[str, Any]
    holds: Sequence[Mapping[str, str]] = ()
    reviews: Sequence[Reviewed] = ()
    waivers: Collection[Waiver] = ()


@dataclass(frozen=True, slots=True)
class ChangedCheck:
    """A check that says or does something else; ``then`` or ``now`` is None where it is not asked at all."""

    id: str
    title: str
    then: str | None
    now: str | None
    effect_then: str | None
    effect_now: str | None


@dataclass(frozen=True, slots=True)
class Lacking:
    """Evidence that the policy asks for and the case has not as asked, and why not, in one sentence."""

    type: str
    why: str
    kind: str = ""  # of documents: the others of that type stand


@dataclass(frozen=True, slots=True)
class Row:
    """One case under the policy: verdict then and now, the sentence that decides now, what changed, what is lacking."""

    case: str
    then: str
    now: str
    reason: str
    changed_checks: tuple[ChangedCheck, ...]
    missing: tuple[Lacking, ...]

    @property
    def way(self) -> str:
        """``stricter``, ``looser`` or ``same``, told from the verdicts alone."""
        difference = _GRAVITY[self.now] - _GRAVITY[self.then]
        return "stricter" if difference > 0 else "looser" if difference else "same"

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        row = asdict(self)
        row["changed_checks"] = list(row["changed_checks"])
        row["missing"] = [{"type": item.type, "why": item.why} for item in self.missing]
        return row | {"way": self.way}


def replay(document: PolicyDocument, cases: Iterable[Case]) -> Iterator[Row]:
    """Yield a row for each case, in the order of the cases, as each is evaluated.

    Args:
        document: a policy that ``publication.check`` found no problem in.
    """
    for case in cases:
        lacking = tuple(item for requirement in document.evidence for item in _lacking(requirement, case))
        verdict = held_by_context(
            evaluate(document, _usable(case, lacking), waivers=case.waivers, reviews=_standing(document, case)),
            case.holds,
        )
        yield Row(
            case=case.id,
            then=case.then["outcome"],
            now=verdict.outcome.value,
            reason=verdict.reason,
            changed_checks=tuple(_changes(case.then["checks"], verdict)),
            missing=lacking,
        )


def counts(rows: Sequence[Row]) -> dict[str, Any]:
    """Count the rows: all, by way, by pair of verdicts (``ALLOW HOLD``: then, now), and by evidence that is lacking."""
    ways = Counter(row.way for row in rows)
    return {
        "cases": len(rows),
        "changed": len(rows) - ways["same"],
        "stricter": ways["stricter"],
        "looser": ways["looser"],
        "verdicts": dict(sorted(Counter(f"{row.then} {row.now}" for row in rows).items())),
        "missing": dict(sorted(Counter(item.type for row in rows for item in row.missing).items())),
    }


def digest(document: PolicyDocument, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return ``sha256:<hex>`` over the policy's digest and the rows as JSON: one policy, one past, one digest."""
    return f"sha256:{hashlib.sha256(rfc8785.dumps({'policy': document.digest, 'rows': list(rows)})).hexdigest()}"


def _lacking(requirement: EvidenceRequirement, case: Case) -> Iterator[Lacking]:
    if requirement.kinds:
        yield from _lacking_documents(requirement, case)
        return
    made = next((item for item in case.evidence if item.name == requirement.name), None)
    why = "It was not made for this request." if made is None else _unfit(requirement, made, case.asked_at)
    why = why or _not_its_own(requirement, case, requirement.name)
    if why:
        yield Lacking(requirement.type, why)


def _lacking_documents(requirement: EvidenceRequirement, case: Case) -> Iterator[Lacking]:
    counted, why = case.facts.get("evidence", {}).get(requirement.name, {}), case.facts.get("absent", {})
    for kind in requirement.kinds:
        name = kind.replace("_", " ")
        if kind not in counted:
            said = why.get(f"{requirement.name}.{kind}", "None was part of this request")
            yield Lacking(requirement.type, f"{name}: {said}.", kind)
        elif requirement.max_age is not None and counted[kind]["age_days"] > requirement.max_age.days:
            yield Lacking(
                requirement.type, f"{name}: it was issued more than {requirement.max_age.days} days before.", kind
            )
        elif said := _not_its_own(requirement, case, f"{requirement.name}.{kind}"):
            yield Lacking(requirement.type, f"{name}: {said}", kind)


def _not_its_own(requirement: EvidenceRequirement, case: Case, name: str) -> str:
    """Return that evidence was about a base, where that does not do; empty else."""
    base = case.facts.get("inherited", {}).get(name)
    return f"It is about {base}, and must be about the version itself." if base and not requirement.inherit else ""


def _unfit(requirement: EvidenceRequirement, made: Made, asked_at: datetime) -> str:
    """Return why evidence that is there is not what is asked for; empty when it is."""
    if made.type != requirement.type:
        return f"It was made as {made.type}."
    if requirement.dataset and requirement.dataset not in made.dataset_roles:
        return f"It was made on other data than {requirement.dataset} data."
    asked = {key: list(value) if isinstance(value, tuple) else value for key, value in requirement.parameters.items()}
    other = sorted(key for key in asked.keys() | made.parameters.keys() if asked.get(key) != made.parameters.get(key))
    if other:
        return f"It was made with another value of {', '.join(other)}."
    if requirement.computed and not made.computed:
        return "It was submitted, not computed by Placet."
    if requirement.isolation and not suffices(made.isolation, requirement.isolation):
        return f"It was made with isolation {made.isolation or 'unknown'}, and {requirement.isolation} is asked for."
    if requirement.max_age is not None and made.made_at < asked_at - requirement.max_age:
        return f"It was more than {requirement.max_age.days} days old when the request was made."
    return ""


def _usable(case: Case, lacking: Sequence[Lacking]) -> Facts:
    unfit = {item.type.partition("/")[0] for item in lacking if not item.kind}
    evidence = {name: known for name, known in case.facts.get("evidence", {}).items() if name not in unfit}
    kinds = {(item.type.partition("/")[0], item.kind) for item in lacking if item.kind}
    for name in {name for name, _ in kinds} & evidence.keys():
        evidence[name] = {kind: known for kind, known in evidence[name].items() if (name, kind) not in kinds}
    return {**case.facts, "evidence": evidence}


def _standing(document: PolicyDocument, case: Case) -> list[Review]:
    checks = {check.id: check for check in document.checks}
    return [
        given.review
        for given in case.reviews
        if (check := checks.get(given.review.check)) is not None
        and given.rule == (check.expr, check.fails_if)
        and given.evidence == _read_by(check, case.evidence)
    ]


def _read_by(check: Check, evidence: Iterable[Made]) -> tuple[str, ...]:
    names = evidence_names(check)
    return tuple(sorted({item.payload_digest for item in evidence if item.name in names}))


def _changes(then: Sequence[Mapping[str, Any]], verdict: Verdict) -> Iterator[ChangedCheck]:
    """Yield what says or does something else. A check that comes or goes without any effect changes nothing."""
    before = {row["id"]: row for row in then}
    now = {result.id: result for result in verdict.checks}
    for name in [*before, *(name for name in now if name not in before)]:
        old, new = before.get(name), now.get(name)
        was = (old["outcome"], old["effect"]) if old else (None, None)
        is_now = (new.outcome.value, new.effect.value) if new else (None, None)
        if was == is_now or {was[1], is_now[1]} == {None, "ALLOW"}:
            continue
        title = new.title if new else str(old["title"]) if old else ""
        yield ChangedCheck(name, title, was[0], is_now[0], was[1], is_now[1])
