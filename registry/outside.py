"""What people state of a model that no MLflow holds: that it is in use since a day; and the asking that it be stopped.

Placet moves nothing there. A statement goes the way of every change of an alias, so that "what was in use when, on
whose word" is answered from the same rows; it says of itself that no machine enforced it.
"""

import uuid
from datetime import UTC, date, datetime, time

from django.db import IntegrityError, transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import selectors as approvals
from governance.approvals.findings import open_finding
from governance.approvals.models import State
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from registry import alias_changes, applying, protected, selectors
from registry.errors import NotApproved, NotEnforced
from registry.models import AliasChange, AliasHistory, PromotionRequest, RegisteredModel
from registry.refusals import may_apply, prohibition

ENFORCEMENT = System("outside-mlflow")
SEVERITY = {State.SUSPENDED: "high", State.REVOKED: "critical", State.LAPSED: "high"}
"""Of the finding that asks the owner to stop what has lost its approval, by what became of that."""


def check_may_request(model: RegisteredModel, person: User) -> None:
    """Check that somebody may request on a page that a recorded model be used.

    Raises:
        Forbidden: no engineer or owner of its AI system.
        NotEnforced: MLflow holds the model, so that evidence is computed for its requests.
    """
    if not has_role(person, Role.ENGINEER, Role.OWNER, system_id=model.system_id):
        raise Forbidden("An engineer or the owner of the AI system requests the use of its models.")
    if not model.is_recorded:
        raise NotEnforced(f"MLflow holds {model}: request it with `placet request`.")


def check_may_state(promotion: PromotionRequest, person: User) -> None:
    """Check that somebody may state now that what was approved is in use. Pages ask it too.

    Raises:
        NotYourPromotion: the person is no engineer, owner or risk officer of the system.
        NotEnforced: MLflow holds the model: Placet applies it, and knows.
        NotApproved: no approval in force, it is in use already, it renews one and takes its place by itself, or its AI
            system is a prohibited practice.
    """
    applying.check_may_apply(promotion, person)
    if not promotion.version.is_recorded:
        raise NotEnforced(f"MLflow holds {promotion.version}: have Placet apply it, and nobody needs to state it.")
    if refusal := prohibition(promotion.version.model.system) or may_apply(promotion):
        raise NotApproved(refusal)
    if promotion.approval.renews_id and promotion.state != PromotionRequest.State.FAILED:
        raise NotApproved("It is in use already: the renewal takes the old approval's place within a minute.")


@transaction.atomic
def state_in_use(*, promotion_id: uuid.UUID, person: User, since: date, statement: str) -> AliasChange:
    """Write down somebody's word that what was approved is in use since a day.

    The day begins at midnight UTC; on the day of the approval, with the approval, and on that of what was stated of the
    model before, with this statement.

    Raises:
        NotEnforced, NotYourPromotion: see :func:`check_may_state`.
        NotApproved: likewise, or something else was stated of the model in this very moment.
        InvalidInput: the day lies ahead, before the approval or before what was stated of the model last, or the
            statement is too short or too long.
    """
    rows = PromotionRequest.objects.select_for_update(of=("self",))
    promotion = rows.select_related("approval__system", "version__model__system").get(pk=promotion_id)
    check_may_state(promotion, person)
    moment, statement = _moment(promotion, since), statement.strip()
    if not 10 <= len(statement) <= 1000:
        raise InvalidInput("Say where and by whom it is used, in 10 to 1,000 characters.")
    change = alias_changes.ask(
        kind=AliasChange.Kind.PROMOTION,
        model=promotion.version.model,
        alias=promotion.alias,
        version=promotion.version,
        promotion=promotion,
        asked_by=person,
        actor=person,
        event=Event.PROMOTION_APPLYING,
        reason=statement,
    )
    try:
        with transaction.atomic():
            alias_changes.record(change.pk, at=moment, actor=person)
    except IntegrityError as clash:
        if "one_version_per_alias_at_a_time" not in str(clash):
            raise
        raise NotApproved(
            f"Somebody stated something else of {promotion.version.model} just now; look again."
        ) from clash
    return selectors.alias_change(change.pk)


def first_day(promotion: PromotionRequest) -> date | None:
    """Return the first day since which a use may be stated, None while there is no approval."""
    approved, turn = promotion.approval.settled_at, _newest_turn(promotion)
    return max(_day(moment) for moment in (approved, turn) if moment) if approved else None


def _newest_turn(promotion: PromotionRequest) -> datetime | None:
    """Return when, by what was stated last, the use of the model's newest version ended, or else began."""
    rows = AliasHistory.objects.filter(model=promotion.version.model_id, alias=promotion.alias)
    newest = rows.order_by("-during").first()
    return (newest.during.upper or newest.during.lower) if newest else None


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _moment(promotion: PromotionRequest, since: date) -> datetime:
    approved, now = promotion.approval.settled_at, clock.now()
    began = datetime.combine(since, time.min, tzinfo=UTC)
    if began > now:
        raise InvalidInput("That day lies ahead; state it once it is in use.")
    if approved is None or since < _day(approved):
        day = clock.day(approved.date()) if approved else "no day"
        raise InvalidInput(
            f"It was approved on {day}. What was used before that had no approval: break the glass for it, "
            "so that somebody reviews it."
        )
    turn = _newest_turn(promotion)
    if turn is None or since > _day(turn):
        return max(began, approved)
    if since < _day(turn):
        raise InvalidInput(
            f"Something is stated of {promotion.version.model} on {clock.day(turn)} already; state a use from then on."
        )
    return now if since == now.date() else max(turn, approved)


def ask_to_stop(promotion: PromotionRequest, state: State) -> None:
    """Ask the owner, in the open transaction, to stop what is in use and has lost its approval.

    The finding is closed by somebody else once the owner has stated that it is stopped. What has lapsed may be used for
    the grace that its policy gives, as loaders may load for so long.
    """
    model, alias = promotion.version.model, promotion.alias
    now_live = selectors.live(model, alias)
    if now_live is None or now_live.promotion_id != promotion.pk or model.system is None:
        return
    until = approvals.serves_until(promotion.approval) if state == State.LAPSED else None
    open_finding(
        system=model.system,
        code=protected.STOP_ASKED,
        title=f"{promotion.version}: its approval is {state.label.lower()}; stop using it"
        f"{f' by {clock.day(until)}' if until else ''}, and state so",
        due_on=_day(until) if until else None,
        severity=SEVERITY[state],
        source="gate",
        actor=ENFORCEMENT,
        request=promotion.approval,
        description=protected.WHY_NOT_ENFORCED,
    )
