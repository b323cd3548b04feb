"""Hold a retrained version against the envelope of a standing approval. Pure: no database, no settings.

What is unknown is outside. Two versions without a commit have no code in common that anybody knows of, and a bound
whose figure is undefined bounds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785

from governance.common.errors import InvalidInput
from governance.policy.cel import WrongKind, check_types, truth
from governance.policy.document import PolicyDocument
from governance.policy.expressions import InvalidExpression, read_expression
from governance.policy.facts import Facts, evidence_name, figure
from governance.policy.publication import Projections, declared_kinds
from governance.policy.shape import did_you_mean

ANY = "*"
MOST_BOUNDS = 20
SOURCE = {"source": "Source", "type": "Kind of source", "repository": "Repository", "entry_point": "Entry point"}
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True)
class Made:
    """How a version was made, and what was measured of it.

    Attributes:
        code: ``{commit, source, type, repository, entry_point}`` as its run says; empty where nothing is known.
        features: the inputs of its signature.
        facts: what its policy is held against.
    """

    code: Mapping[str, str]
    features: Sequence[Any]
    parameters: Mapping[str, str]
    threshold: float
    facts: Facts


@dataclass(frozen=True)
class Condition:
    """One condition and whether it holds; ``reason`` names nobody."""

    id: str
    title: str
    holds: bool
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {"id": self.id, "title": self.title, "holds": self.holds, "reason": self.reason}


def commit_of(code: Mapping[str, str]) -> str:
    """Return the commit that a run names, empty for what is not the full name of one; git writes none as zeros."""
    commit = str(code.get("commit") or "").lower()
    return commit if _COMMIT.fullmatch(commit) and commit.strip("0") else ""


def taken_from(made: Made, *, parameters: Mapping[str, Sequence[str]], bounds: Sequence[str]) -> dict[str, Any]:
    """Return the envelope around a version: its code, source, features and threshold, and what may differ.

    Args:
        parameters: for each parameter that a version may have, the values allowed; ``["*"]`` allows any.
        bounds: CEL on the facts, as a policy's checks have it.

    Raises:
        InvalidInput: commit, source or features of the version are unknown, so that nothing could be the same.
    """
    if not commit_of(made.code):
        raise InvalidInput("The run of the live version names no commit, so no other version can have the same code.")
    if not made.code.get("source"):
        raise InvalidInput("The run of the live version names no source, so no other version can have the same.")
    if not made.features:
        raise InvalidInput("The live version has no signature, so no other version can have the same features.")
    return {
        "commit": commit_of(made.code),
        "source": {name: str(made.code.get(name) or "") for name in SOURCE},
        "features": list(made.features),
        "threshold": made.threshold,
        "parameters": {name: sorted(set(values)) for name, values in sorted(parameters.items())},
        "bounds": list(bounds),
    }


def check_bounds(bounds: Sequence[str], document: PolicyDocument, projections: Projections) -> None:
    """Compile each bound and check its types against what the policy's evidence declares.

    Raises:
        InvalidInput: none is given, too many are, or one does not compile, fit, or read any figure.
    """
    if not 1 <= len(bounds) <= MOST_BOUNDS:
        raise InvalidInput(f"Give between one and {MOST_BOUNDS} bounds on what is measured, one a line.")
    kinds = declared_kinds(document, projections)
    for number, text in enumerate(bounds, start=1):
        try:
            expression = read_expression(text)
            for problem in _unreadable(expression.references, document, kinds):
                raise InvalidInput(f"Bound {number}: {problem}")
            check_types(expression, kinds)
        except InvalidExpression as wrong:
            raise InvalidInput(f"Bound {number}, column {wrong.column}: {wrong.message}") from wrong


def _unreadable(names: frozenset[str], document: PolicyDocument, kinds: Mapping[str, str]) -> Iterator[str]:
    if not names:
        yield "it reads no figure, so it bounds nothing."
    for name in sorted(names):
        evidence = evidence_name(name)
        if name not in kinds:
            yield f"there is no field `{name}`{did_you_mean(name, kinds)}"
        elif evidence is not None and document.requirement(evidence) is None:
            yield f"`{name}` needs {evidence} evidence, which {document.name} does not ask for."


def conditions(envelope: Mapping[str, Any], made: Made) -> list[Condition]:
    """Return each condition of an envelope with its outcome for a version."""
    return [
        _code(envelope, made),
        _source(envelope, made),
        _features(envelope, made),
        Condition(
            "envelope.threshold",
            "Same decision threshold",
            envelope["threshold"] == made.threshold,
            f"{made.threshold:g}; {envelope['threshold']:g} was signed for.",
        ),
        _parameters(envelope, made),
        *(_bound(number, text, made.facts) for number, text in enumerate(envelope["bounds"], start=1)),
    ]


def _code(envelope: Mapping[str, Any], made: Made) -> Condition:
    wanted, found = str(envelope["commit"]), commit_of(made.code)
    reason = f"Commit {found[:12]}." if found == wanted else f"Commit {found[:12]}; {wanted[:12]} was signed for."
    if not found:
        reason = "Its run names no commit; what is not known is not the same."
    return Condition("envelope.code", "Same code", bool(found) and found == wanted, reason)


def _source(envelope: Mapping[str, Any], made: Made) -> Condition:
    wanted = envelope["source"]
    found = {name: str(made.code.get(name) or "") for name in SOURCE}
    if not found["source"]:
        return Condition("envelope.source", "Same source", False, "Its run names no source.")
    other = [label.lower() for name, label in SOURCE.items() if found[name] != wanted.get(name, "")]
    reason = f"Another {' and '.join(other)}." if other else "The run has the source that was signed for."
    return Condition("envelope.source", "Same source", not other, reason)


def _features(envelope: Mapping[str, Any], made: Made) -> Condition:
    wanted, found = list(envelope["features"]), list(made.features)
    same = bool(found) and rfc8785.dumps(found) == rfc8785.dumps(wanted)
    if not found:
        reason = "It has no signature; what is not known is not the same."
    elif same:
        reason = f"The same {len(found)} inputs."
    else:
        names = {str(row.get("name")) for row in found if isinstance(row, dict)}
        before = {str(row.get("name")) for row in wanted if isinstance(row, dict)}
        differ = sorted(names ^ before)
        reason = f"Inputs differ: {', '.join(differ[:5])}." if differ else "Types or the order of inputs differ."
    return Condition("envelope.features", "Same features", same, reason)


def _parameters(envelope: Mapping[str, Any], made: Made) -> Condition:
    allowed: Mapping[str, Sequence[str]] = envelope["parameters"]
    wrong = [
        f"{name} is not among them" if name not in allowed else f"{name}={value[:60]} is not allowed"
        for name, value in sorted(made.parameters.items())
        if ANY not in allowed.get(name, ()) and value not in allowed.get(name, ())
    ]
    wrong += [f"{name} is missing" for name in sorted(allowed.keys() - made.parameters.keys())]
    reason = "; ".join(wrong[:5]) + "." if wrong else f"All {len(made.parameters)} are allowed."
    return Condition("envelope.parameters", "Allowed parameters", not wrong, reason)


def _bound(number: int, text: str, facts: Facts) -> Condition:
    expression = read_expression(text)
    found = {name: figure(facts, name) for name in expression.references}
    known = {name: value for name, value in found.items() if isinstance(value, bool | float | str)}
    try:
        holds = truth(expression, known) if known.keys() == found.keys() else None
    except WrongKind:
        holds = None
    said = ", ".join(
        f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in sorted(known.items())
    )
    absent = ", ".join(sorted(found.keys() - known.keys()))
    reason = f"Not known: {absent}." if absent else f"{said}."
    return Condition(f"envelope.bound-{number}", text, holds is True, reason)
