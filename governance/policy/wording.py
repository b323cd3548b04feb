"""The sentences of a verdict: what was found, against which limit, and what it does. Plain words, one place."""

from __future__ import annotations

from collections.abc import Sequence


def number(value: float | None) -> str:
    """Return a figure for people: three decimals, ``undefined`` for None, an exponent below 0.001."""
    if value is None:
        return "undefined"
    if value == 0 or float(value).is_integer():
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) >= 0.001 else f"{value:.1e}"


def outcome_reason(
    outcome: str,
    *,
    path: str,
    evidence_type: str | None,
    attached: bool,
    value: float | None,
    low: float | None,
    high: float | None,
    n: float | None,
    limit: float | None,
) -> str:
    """Return one sentence without its full stop: ``0.910 (95 % interval 0.757 to 1.080, n = 300) …``.

    Args:
        outcome: pass, fail, insufficient, missing or not_applicable.
        path: the figure that decided, where one did.
        attached: whether the evidence of ``path`` is there at all.
    """
    measured = _measured(value, low, high, n)
    bound = "" if limit is None else f" {limit:g}"
    if outcome == "missing":
        if not attached:
            return f"No {evidence_type or 'such'} evidence is attached"
        return f"The attached facts have no usable figure {path}"
    if outcome == "not_applicable":
        return "No version is in production yet, so there is nothing to compare with"
    if outcome == "insufficient":
        if path:
            return f"{path} is undefined on this data"
        if limit is not None and low is not None and high is not None and low <= limit <= high:
            return f"{measured} does not settle it: the interval reaches across the limit{bound}"
        return f"{measured or 'The data'} settles neither a pass nor a failure"
    clears = outcome == "pass"
    if not measured:
        return "The condition holds" if clears else "The condition does not hold"
    return f"{measured} {'clears' if clears else 'misses'} the limit{bound}"


def effect_note(effect: str, *, lifted_by: str | None, review: str, wants_review: bool, roles: Sequence[str]) -> str:
    """Return the end of a check's sentence: what the outcome does, with its full stop."""
    if lifted_by == "waiver":
        return "; a waiver in force lets it through."
    if lifted_by == "review":
        return "; accepted in a signed human review."
    if wants_review:
        who = " or ".join(role.replace("_", " ") for role in roles)
        if review == "rejected":
            return "; a signed human review rejected it."
        return f"; it holds until a {who} signs a review of it."
    return {"WARN": "; a warning only.", "HOLD": "; it holds.", "BLOCK": "; it blocks."}.get(effect, ".")


def decided_by(title: str, reason: str, *, others: int, blocks: bool) -> str:
    """Return the sentence that decides a HOLD or a BLOCK."""
    verb = "block" if blocks else "hold"
    more = (
        f" {others} more check{'s' if others > 1 else ''} {verb if others > 1 else verb + 's'} as well."
        if others
        else ""
    )
    return f"{title}: {reason}{more}"


def allowed_because(outcomes: Sequence[str], effects: Sequence[str]) -> str:
    """Return the sentence of an ALLOW, with how many checks passed and what was let through otherwise."""
    total, passed = len(outcomes), outcomes.count("pass")
    if passed == total:
        return f"All {total} checks pass." if total > 1 else "The one check passes."
    parts = [f"{passed} of {total} checks pass"]
    if absent := outcomes.count("not_applicable"):
        parts.append(f"{absent} {'do' if absent > 1 else 'does'} not apply")
    if warned := effects.count("WARN"):
        parts.append(
            f"{warned} {'are' if warned > 1 else 'is'} let through with a warning, a waiver or a signed review"
        )
    return f"{', '.join(parts)}."


def _measured(value: float | None, low: float | None, high: float | None, n: float | None) -> str:
    if value is None:
        return ""
    details = [] if low is None or high is None else [f"95 % interval {number(low)} to {number(high)}"]
    if n is not None:
        details.append(f"n = {n:,.0f}")
    return number(value) + (f" ({', '.join(details)})" if details else "")
