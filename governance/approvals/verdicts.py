"""The verdict of a request: its evidence, reviews, waivers and what holds it, against its policy."""

from collections.abc import Sequence
from typing import Any

from governance.approvals import conditions, facts, inherited, selectors, unmeasured, waived
from governance.approvals.models import ApprovalRequest
from governance.evidence import projection
from governance.evidence.errors import InvalidEvidence
from governance.evidence.models import Evidence
from governance.policy.evaluate import Review, Verdict, Waiver, evaluate
from governance.policy.holds import held_by_context
from governance.policy.selectors import document_of


def check_size(approval: ApprovalRequest, evidence: Sequence[Evidence]) -> None:
    """Keep a policy from being held against more than it may be.

    Raises:
        InvalidEvidence: all facts together are too large.
    """
    size = projection.size(facts.of_request(approval, evidence))
    if size > projection.LARGEST:
        raise InvalidEvidence(
            f"All facts of {approval} take {size:,} bytes together, and {projection.LARGEST:,} are allowed: measure "
            "fewer features or groups, or ask for less evidence in the policy."
        )


def evaluated(approval: ApprovalRequest, evidence: Sequence[Evidence]) -> Verdict:
    """Hold evidence against the policy of a request, with the reviews and waivers given in it."""
    document = document_of(approval.policy_version)
    if approval.subject_kind in unmeasured.KINDS:
        return held_by_context(unmeasured.verdict_of(approval.subject_kind, document), conditions.holds(approval))
    signed = [
        Review(
            check=item.payload["check"],
            verdict=item.payload["verdict"],
            role=item.payload["reviewer_role"],
            reviewer=item.producer_id,
        )
        for item in selectors.standing_reviews(approval)
    ]
    granted = [Waiver(check=row.check_id) for row in waived.in_force(approval)]
    verdict = evaluate(document, facts.of_request(approval, evidence), waivers=granted, reviews=signed)
    held = [*approval.context.get("holds", []), *conditions.holds(approval), *inherited.holds(approval)]
    return held_by_context(verdict, held)


def said(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as an entry of the log names it."""
    return {"verdict": verdict.outcome.value, "checks": {check.id: check.outcome.value for check in verdict.checks}}
