"""What no evidence can lift, such as an unknown trainer: added to a verdict as checks that hold. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from governance.policy.evaluate import CheckResult, Effect, Outcome, Ruling, Verdict


def held_by_context(verdict: Verdict, holds: Sequence[Mapping[str, str]]) -> Verdict:
    """Return the verdict with ``holds`` ({id, title, reason} each) among its checks; a BLOCK stays one."""
    added = tuple(
        CheckResult(
            id=row["id"],
            title=row["title"],
            outcome=Outcome.MISSING,
            on_fail="block",
            on_insufficient="hold",
            value=None,
            low=None,
            high=None,
            n=None,
            limit=None,
            better=None,
            evidence_type=None,
            reason=row["reason"],
            effect=Effect.HOLD,
            lifted_by=None,
            wants_review=False,
        )
        for row in holds
    )
    if not added:
        return verdict
    blocked = verdict.outcome == Ruling.BLOCK
    return replace(
        verdict,
        checks=(*verdict.checks, *added),
        outcome=Ruling.BLOCK if blocked else Ruling.HOLD,
        reason=verdict.reason if blocked else added[0].reason,
    )
