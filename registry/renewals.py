"""Renew an approval near its end: the same version, decided on again, while what is live keeps serving.

A renewal is a promotion of the version that is live to the alias that it has. People decide on it as on any other; once
it is approved and its permit is signed, it takes the place of the old approval without a call to MLflow.
"""

import logging
import uuid
from typing import Any

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import renewal
from governance.approvals import services as approvals
from governance.approvals.errors import NotRenewable, PolicyMissing
from governance.approvals.findings import settle_findings
from governance.approvals.models import GRANTED, ApprovalRequest, ChangeClass, State
from governance.approvals.services import CLOCK
from governance.audit.actors import Actor
from governance.common.errors import DomainError, Forbidden
from governance.policy.document import PolicyDocument
from governance.policy.models import PolicyVersion
from governance.policy.selectors import document_of, governing
from registry import promotions, protected, required, selectors
from registry.errors import VersionUnusable
from registry.models import AliasHistory, ModelVersion, PromotionRequest

log = logging.getLogger(__name__)
ASKERS = (Role.ENGINEER, Role.OWNER)


def refusal(promotion: PromotionRequest, person: User) -> str:
    """Return why a person can't ask for the renewal of a promotion's approval now, an empty text when they can."""
    try:
        _check_asker(promotion, person)
        span = _live_span(promotion)
        renewal.check_renewable(promotion.approval, document_of(_policy(span)))
    except DomainError as refused:
        return refused.detail
    return ""


@transaction.atomic
def request_renewal(
    *, promotion_id: uuid.UUID, requester: User, actor: Actor | None = None
) -> tuple[PromotionRequest, list[uuid.UUID]]:
    """Ask that the approval of what is live be renewed; return the new promotion, and the evidence jobs to enqueue.

    The policy in force now says what evidence must be there and how fresh, and who decides. Evidence is compared with
    what the version was compared with when it was approved: with itself it would always fare well.

    Args:
        actor: who opens it, where Placet does so by itself in the requester's place.

    Raises:
        Unknown: there is no such promotion.
        NotRenewable: it is not live, lost its force, its end is too far away, or it is being renewed.
        Forbidden: the requester is no engineer or owner of the system.
        PolicyMissing, VersionUnusable, SystemUnclassified, SystemProhibited, ModelUnassigned: as for a promotion.
    """
    promotion = selectors.promotion(promotion_id)
    old = approvals.locked(promotion.approval_id)
    promotion.approval = old
    _check_asker(promotion, requester)
    span = _live_span(promotion)
    candidate = span.version
    ai_system = promotions.classified(candidate.model.system, str(candidate.model))
    policy = _policy(span)
    document = document_of(policy)
    renewal.check_renewable(old, document)
    if candidate.problem:
        raise VersionUnusable(f"{candidate}: {candidate.problem}")
    baseline = _compared_with(old)
    data = promotions.evaluation_data(candidate, ai_system)
    evidence = required.required_evidence(document, data, candidate, baseline)
    parts = promotions.parts_of(candidate, ai_system, requester, span, evidence)
    parts["requester"] = [*parts["requester"], *_earlier_requesters(old)]
    stated = {"change_class": str(ChangeClass.NON_SUBSTANTIAL), "renews": str(promotion)}
    approval = approvals.open_request(
        subject_kind=promotions.KIND,
        subject_id=candidate.pk,
        subject_name=candidate.subject_name,
        subject_digest=candidate.artifact_digest,
        asks_for=old.asks_for,
        alias=promotion.alias,
        system=ai_system,
        requester=requester,
        parts=parts,
        required_evidence=evidence,
        context={**promotions.context_of(candidate, baseline), **stated},
        use_restrictions=old.use_restrictions,
        policy_version=policy,
        renews=old,
        actor=actor,
    )
    return promotions.asked_for(
        candidate, promotion.alias, approval, change_class=stated["change_class"], actor=actor or requester
    )


def open_due() -> list[uuid.UUID]:
    """Open the renewals that policies let Placet open by itself; return the evidence jobs to enqueue.

    Each approval is asked about once: a renewal that was rejected, withdrawn or expired is for people to ask anew.
    """
    jobs: list[uuid.UUID] = []
    live = selectors.all_live().filter(promotion__approval__state=State.APPROVED)
    for span in live.filter(promotion__approval__renewals__isnull=True):
        promotion = span.promotion
        if promotion is None or not _opens_by_itself(span, promotion.approval):
            continue
        try:
            requester = _in_whose_place(promotion)
            jobs += request_renewal(promotion_id=promotion.pk, requester=requester, actor=CLOCK)[1]
        except DomainError as refused:
            log.warning("%s was not renewed by itself: %s", promotion, refused.detail)
    return jobs


def due_to_apply() -> list[PromotionRequest]:
    """Return the approved renewals that can take the place of what they renew: permit signed, and that one live.

    None of a system whose class is open again.
    """
    waiting = PromotionRequest.objects.select_related("approval", "version__model").filter(
        state=PromotionRequest.State.REQUESTED,
        approval__state=State.APPROVED,
        approval__renews__isnull=False,
        approval__system__class_reopened_at__isnull=True,
        approval__renews__promotion__alias_history__during__endswith__isnull=True,
    )
    return [row for row in waiting.distinct() if not selectors.lacks_permit(row) and not renewal.refusal(row.approval)]


def end_renewed(approval: ApprovalRequest, *, actor: Actor) -> None:
    """End what a renewal has taken the place of. It was in force to the last moment, and is suspended at none.

    Called in the transaction that writes who serves now. One that has lapsed stays so.

    Raises:
        NotRenewable: the renewal, or what it renews, has lost its force meanwhile.
    """
    if approval.renews_id is None:
        return
    mine = approvals.locked(approval.pk)
    if mine.state != State.APPROVED:
        raise NotRenewable(f"The renewal is {mine.get_state_display().lower()}; only one in force takes a place.")
    renewal.check(mine)
    old = approvals.locked(approval.renews_id)
    how = "A renewal took its place."
    if old.state in GRANTED:
        approvals.move(old, State.RENEWED, actor=actor, reason=how, allowed={State.APPROVED})
    else:  # it has lapsed meanwhile, and its renewal answers what that asked for
        settle_findings(old.findings.filter(code=protected.STOP_ASKED, closed_at__isnull=True), actor=actor, how=how)


def _live_span(promotion: PromotionRequest) -> AliasHistory:
    span = selectors.live(promotion.version.model, promotion.alias)
    if span is None or span.promotion is None or span.promotion_id != promotion.pk:
        raise NotRenewable(f"{promotion} is not what is behind {promotion.alias} now; only that is renewed.")
    return span


def _earlier_requesters(approval: ApprovalRequest) -> set[str]:
    """Return who asked for what is renewed, and for what that renewed: whose word it was once, it is still."""
    kept = {row["person"] for row in approval.excluded if "requester" in row["reasons"]}
    return kept | {str(approval.requester_id)}


def _check_asker(promotion: PromotionRequest, person: User) -> None:
    if not has_role(person, *ASKERS, system_id=promotion.approval.system_id):
        raise Forbidden("An engineer or the owner of the AI system asks for a renewal.")


def _policy(span: AliasHistory) -> PolicyVersion:
    system = span.version.model.system
    policy = governing(system, span.alias) if system else None
    if policy is None:
        raise PolicyMissing(f"No published policy governs {span.alias} of {span.version.model} now.")
    return policy


def _compared_with(old: ApprovalRequest) -> ModelVersion | None:
    """Return the version that the evidence of an approval was compared with, None where there was none."""
    ids = [row["baseline_id"] for row in old.required_evidence if row.get("baseline_id")]
    return ModelVersion.objects.select_related("model").filter(pk__in=ids[:1]).first()


def _opens_by_itself(span: AliasHistory, approval: ApprovalRequest) -> bool:
    try:
        document: PolicyDocument = document_of(_policy(span))
        if not document.approval.renewal.by_itself:
            return False
        renewal.check_renewable(approval, document)
    except DomainError:
        return False
    return True


def _in_whose_place(promotion: PromotionRequest) -> User:
    """Return whose request it is that Placet opens: who asked for the promotion, or else the system's owner."""
    asked: User = promotion.requester
    system: Any = promotion.version.model.system
    if asked.is_active and has_role(asked, *ASKERS, system_id=system.pk):
        return asked
    owner: User = system.owner
    return owner
