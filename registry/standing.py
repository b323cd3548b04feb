"""Standing approvals as the registry has them: the envelope of what serves, and retrained versions held against it."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from governance.accounts.models import User
from governance.approvals import envelope, services, standing, unmeasured
from governance.approvals import facts as known
from governance.approvals import selectors as approvals
from governance.approvals.errors import NothingStands
from governance.approvals.models import ApprovalRequest, ChangeClass, StandingApproval, State
from governance.common.errors import Unknown
from governance.evidence import selectors as evidence_selectors
from placet.mlflow_plugin.protection import fold
from registry import selectors
from registry.models import AliasHistory, ModelVersion, PromotionRequest, RegisteredModel


def request_standing_approval(
    *,
    model: str,
    alias: str,
    requester: User,
    parameters: Mapping[str, Sequence[str]],
    bounds: Sequence[str],
    max_uses: int,
    expires_at: datetime,
    reason: str,
) -> StandingApproval:
    """Ask that retrained versions of a model need no new signatures for an alias; see ``approvals.standing``.

    Code, source, features and threshold are those of the version that serves now; nobody types them.

    Raises:
        UnknownModel: no such model, or none that the person may read.
        NothingStands: nothing serves under the alias on an approval of Placet's.
        Forbidden, StandingApprovalOpen, InvalidInput: as in ``approvals.standing``.
    """
    registered, alias = selectors.model_for(requester, model), fold(alias)
    now_live = selectors.live(registered, alias)
    if now_live is None or now_live.promotion is None:
        raise NothingStands(f"Nothing serves as {model} {alias} on an approval; a standing approval repeats one.")
    return standing.request_standing_approval(
        line=standing.Line(registered.pk, str(registered), alias),
        live=now_live.promotion.approval,
        envelope=envelope.taken_from(
            made_of(now_live.version, {}),
            parameters=parameters,
            bounds=[text.strip() for text in bounds if text.strip()],
        ),
        requester=requester,
        reason=reason,
        expires_at=expires_at,
        max_uses=max_uses,
    )


def made_of(version: ModelVersion, facts: Mapping[str, Any]) -> envelope.Made:
    """Return how a version was made, as the mirror has it, with what was measured of it."""
    return envelope.Made(
        code=version.code or {},
        features=version.signature.get("inputs") or [],
        parameters=version.parameters,
        threshold=version.decision_threshold,
        facts=facts,
    )


def inside(row: StandingApproval, approval: ApprovalRequest, version: ModelVersion) -> list[envelope.Condition]:
    """Return how a version keeps to an envelope, on the evidence that its request has frozen."""
    facts = known.of_request(approval, evidence_selectors.by_ids(approval.evidence_ids))
    return envelope.conditions(row.envelope, made_of(version, facts))


def on_review_opened(request_id: uuid.UUID) -> None:
    """Hold a request that was stated as pre-determined against each standing approval, until one grants it.

    Called in the transaction that opens its review. Where none grants it, people decide, as on every request.
    """
    promotion = PromotionRequest.objects.select_related("version__model").filter(approval_id=request_id).first()
    if promotion is None or promotion.change_class != ChangeClass.PRE_DETERMINED:
        return
    approval = services.locked(request_id)
    model = promotion.version.model
    live = live_approval(model, promotion.alias)
    for row in standing.granted(system_id=approval.system_id, model_id=model.pk, alias=promotion.alias):
        if standing.use(approval, row, live=live, inside=inside(row, approval, promotion.version)):
            return


def on_state_change(request_id: uuid.UUID, old: str, new: str) -> None:
    """Nothing follows from a standing approval being granted or ended: each use asks whether it is in force."""
    del request_id, old, new


def live_approval(model: RegisteredModel, alias: str) -> ApprovalRequest | None:
    """Return the approval on which an alias serves now, None where it serves on none."""
    now_live: AliasHistory | None = selectors.live(model, alias)
    return now_live.promotion.approval if now_live and now_live.promotion else None


def standing_approvals_of(model: RegisteredModel) -> list[StandingApproval]:
    """Return the standing approvals of a model, those that wait or are in force first, newest first."""
    rows = (
        StandingApproval.objects.filter(model_id=model.pk)
        .select_related("approval", "policy_version", "system", "live")
        .order_by("-made_at")
    )
    current = {State.APPROVED, State.IN_REVIEW, State.COLLECTING, State.CHANGES_REQUESTED}
    return sorted(rows, key=lambda row: row.approval.state not in current)


def standing_approvals_for(user: User) -> QuerySet[StandingApproval]:
    """Return the standing approvals that a person may read: those whose deciding request they may read."""
    deciding = approvals.readable_requests(ApprovalRequest.objects.filter(subject_kind=unmeasured.STANDING), user)
    rows = StandingApproval.objects.filter(approval__in=deciding)
    return rows.select_related("approval", "policy_version", "system").prefetch_related("matches")


def standing_approval_for(user: User, request_id: uuid.UUID) -> StandingApproval:
    """Return one by the request that decides on it, as a person asks for it.

    Raises:
        Unknown: there is none, or none that the person may read.
    """
    found = standing_approvals_for(user).filter(approval_id=request_id).first()
    if found is None:
        raise Unknown(f"There is no standing approval {request_id}.")
    return found
