"""Apply approved promotions: ask that Placet sets the alias, and write down that it did."""

import uuid

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit.actors import Actor
from governance.audit.events import Event
from registry import alias_changes, renewals
from registry.errors import NotApproved, NotEnforced, NotYourPromotion
from registry.models import AliasChange, PromotionRequest
from registry.refusals import may_apply


@transaction.atomic
def request_apply(*, promotion_id: uuid.UUID, person: User) -> AliasChange | None:
    """Ask that an approved promotion be applied; the worker does it. None when it is being applied already.

    Raises:
        NotApproved: no approval in force, or no permit yet.
        NotYourPromotion: the person is no engineer, owner or risk officer of the system.
        NotEnforced: no MLflow holds the version, so there is nothing that Placet could set.
    """
    promotion = (
        PromotionRequest.objects.select_for_update(of=("self",))
        .select_related("approval__system", "version__model")
        .get(pk=promotion_id)
    )
    check_may_apply(promotion, person)
    if promotion.version.is_recorded:
        raise NotEnforced(f"No MLflow holds {promotion.version}: state since when it is in use, once it is.")
    if refusal := may_apply(promotion):
        raise NotApproved(refusal)
    return None if promotion.state == PromotionRequest.State.APPLYING else _begin(promotion, actor=person, by=person)


def check_may_apply(promotion: PromotionRequest, person: User) -> None:
    """Check that somebody may put into use what is approved. Pages ask it too.

    Raises:
        NotYourPromotion: the person is no engineer, owner or risk officer of the system.
    """
    if not has_role(person, Role.ENGINEER, Role.OWNER, Role.RISK_OFFICER, system_id=promotion.approval.system_id):
        raise NotYourPromotion("An engineer, the owner or a risk officer of the system applies a promotion.")


def _begin(promotion: PromotionRequest, *, actor: Actor, by: User | None = None) -> AliasChange:
    promotion.state, promotion.state_reason = PromotionRequest.State.APPLYING, ""
    return alias_changes.ask(
        kind=AliasChange.Kind.PROMOTION,
        model=promotion.version.model,
        alias=promotion.alias,
        version=promotion.version,
        promotion=promotion,
        asked_by=by,
        actor=actor,
        event=Event.PROMOTION_APPLYING,
        also=[promotion],
    )


@transaction.atomic
def begin_renewals() -> int:
    """Begin to apply approved renewals: nothing changes in MLflow, so that nobody need ask; return how many."""
    due = [row.pk for row in renewals.due_to_apply()]
    rows = PromotionRequest.objects.select_for_update(of=("self",), skip_locked=True).select_related("version__model")
    begun = [
        _begin(promotion, actor=alias_changes.APPLIER)
        for promotion in rows.filter(pk__in=due, state=PromotionRequest.State.REQUESTED)
    ]
    return len(begun)
