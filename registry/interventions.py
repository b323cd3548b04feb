"""What one person may do to production at once: go back to what was approved before, stop, or break the glass.

Each is asked for by a named person with a reason, goes the way of every alias change, and is in the log before MLflow
is called. A stop and a broken glass are reviewed afterwards by somebody else: the finding that asks for it is opened in
the same transaction.
"""

from django.db import transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import require_password
from governance.approvals.findings import open_finding
from governance.audit.actors import System
from governance.common.errors import InvalidInput
from placet.mlflow_plugin.protection import fold
from registry import alias_changes, protected, refusals, selectors
from registry.errors import (
    CannotGoBack,
    NotLive,
    NotYourProduction,
    SystemProhibited,
    VersionUnusable,
)
from registry.findings import caretaker, report
from registry.models import AliasChange, AliasHistory, PromotionRequest, RegisteredModel

Kind = AliasChange.Kind
MLFLOW = System("mlflow")
GOING_BACK = (Role.ENGINEER, Role.OWNER, Role.RISK_OFFICER)
AT_ONCE = (Role.OWNER, Role.RISK_OFFICER)
SEVERITY = {Kind.STOP: "high", Kind.BREAK_GLASS: "critical"}
"""Of the finding that asks for the review afterwards: due in a week, or in a day."""


@transaction.atomic
def roll_back(
    *, model: str, alias: str, person: User, reason: str, version: int | None = None, password: str | None = None
) -> AliasChange:
    """Go back to the version that was live before on an approval that is still in force.

    Args:
        version: the version to go back to; what was live before the present one when left out.
        password: typed for it in a browser; None where a token of the person's stands for it.

    Raises:
        UnknownModel, InvalidInput, SignInAgain: as they say.
        NotYourProduction: the person is no engineer, owner or risk officer of the system.
        NotLive: nothing of Placet's is behind the alias.
        CannotGoBack: there is nothing to go back to, or its approval has lost its force.
    """
    registered, alias = _named(model, alias, person, GOING_BACK)
    _said(person, reason, password)
    now_live = _live(registered, alias)
    span = _before(now_live, version)
    if span is None or span.promotion is None:
        which = f"version {version}" if version else "no version but this one"
        if now_live.adoption_id and not version:
            which = f"it serves as it was when Placet came, and {which}"
        raise CannotGoBack(f"{which} of {model} was {alias} on an approval before; nothing to go back to.")
    if refusal := refusals.may_go_back(span.promotion):
        raise CannotGoBack(refusal)
    return alias_changes.ask(
        kind=Kind.ROLLBACK,
        model=registered,
        alias=alias,
        version=span.version,
        promotion=span.promotion,
        asked_by=person,
        reason=reason.strip(),
    )


@transaction.atomic
def stop(*, model: str, alias: str, person: User, reason: str, password: str | None = None) -> AliasChange:
    """Take an alias off at once, on one person's word; somebody else reviews it afterwards.

    Raises:
        UnknownModel, InvalidInput, SignInAgain: as they say.
        NotYourProduction: the person is no owner or risk officer of the system, or a service account.
        NotLive: nothing of Placet's is behind the alias.
    """
    registered, alias = _named(model, alias, person, AT_ONCE)
    _said(person, reason, password)
    now_live = _live(registered, alias)
    change = alias_changes.ask(
        kind=Kind.STOP,
        model=registered,
        alias=alias,
        version=None,
        promotion=None,
        asked_by=person,
        reason=reason.strip(),
    )
    review_afterwards(change, person, now_live)
    return change


@transaction.atomic
def break_glass(
    *, model: str, version: int, alias: str, person: User, reason: str, password: str | None = None
) -> AliasChange:
    """Put a version that nobody approved into production at once, on one person's word.

    What a prohibited practice is stays out. The bytes are those that Placet has digested, so what was used is known
    afterwards. The review is due in a day, and its finding is critical.

    Raises:
        UnknownModel, UnknownVersion, InvalidInput, SignInAgain: as they say.
        NotYourProduction: the person is no owner or risk officer of the system, or a service account.
        VersionUnusable: its bytes were never digested.
        SystemProhibited: the system is a prohibited practice.
    """
    registered, alias = _named(model, alias, person, AT_ONCE)
    candidate = selectors.version(registered, version)
    _said(person, reason, password)
    if not candidate.artifact_digest:
        raise VersionUnusable(f"{candidate}: {candidate.problem or 'its files are not digested yet.'}")
    change = alias_changes.ask(
        kind=Kind.BREAK_GLASS,
        model=registered,
        alias=alias,
        version=candidate,
        promotion=None,
        asked_by=person,
        reason=reason.strip(),
    )
    if refusal := refusals.refusal(change):
        raise SystemProhibited(refusal)
    review_afterwards(change, person)
    return change


def go_back_by_policy(promotion: PromotionRequest) -> AliasChange | None:
    """Go back, in the open transaction, from what was suspended, as its policy says; None where that can't be done.

    Nobody waits for a person, who may be asleep; where there is nothing to go back to, a finding says so.
    """
    model, alias = promotion.version.model, promotion.alias
    now_live = selectors.live(model, alias)
    if now_live is None or now_live.promotion_id != promotion.pk:
        return None
    span, refusal = back_from(model, alias)
    if span is None or refusal:
        report(
            code="rollback-impossible",
            title=f"{promotion.version} is suspended and its policy says to go back, which can't be done. {refusal}",
            severity="critical",
            system=model.system,
            request=promotion.approval,
        )
        return None
    return alias_changes.ask(
        kind=Kind.ROLLBACK,
        model=model,
        alias=alias,
        version=span.version,
        promotion=span.promotion,
        asked_by=None,
        reason=f"The approval of {promotion} was suspended, and its policy says to go back.",
    )


def back_from(registered: RegisteredModel, alias: str) -> tuple[AliasHistory | None, str]:
    """Return what one would go back to, and why one can't; for pages, which offer only what is possible."""
    now_live = selectors.live(registered, alias)
    span = _before(now_live, None) if now_live else None
    if span is None or span.promotion is None:
        return None, "There is no earlier approved version to go back to."
    return span, refusals.may_go_back(span.promotion)


def _named(model: str, alias: str, person: User, roles: tuple[Role, ...]) -> tuple[RegisteredModel, str]:
    registered, alias = selectors.model_for(person, model), fold(alias)
    protected.check_governs(registered, alias)
    if not has_role(person, *roles, system_id=registered.system_id) or (roles == AT_ONCE and person.is_service):
        who = " or ".join(role.label.lower() for role in roles)
        raise NotYourProduction(f"A person who is {who} of the AI system does that at once.")
    return registered, alias


def _said(person: User, reason: str, password: str | None) -> None:
    if not 10 <= len(reason.strip()) <= 1000:
        raise InvalidInput("Say why, in 10 to 1,000 characters: whoever reviews it afterwards has only your words.")
    if password is not None:
        require_password(person, password)


def _live(registered: RegisteredModel, alias: str) -> AliasHistory:
    now_live = selectors.live(registered, alias)
    if now_live is None:
        raise NotLive(f"Nothing that Placet put there is behind {alias} of {registered}.")
    return now_live


def _before(now_live: AliasHistory, version: int | None) -> AliasHistory | None:
    """Return the span that one goes back to: of this version, if one is given."""
    if version is None:
        return selectors.rollback_target(now_live.version, now_live.alias)
    return selectors.spans_of_others(now_live.version, now_live.alias).filter(version__number=version).first()


def review_afterwards(change: AliasChange, person: User | None, now_live: AliasHistory | None = None) -> None:
    """Open the finding that asks somebody else to review the act; whoever acted owns it, and so can't close it.

    Args:
        person: None where MLflow told of it and Placet does not know the name.
    """
    owner = person or (None if change.model.system else caretaker())
    if owner is None and change.model.system is None:
        return  # there is neither an administrator nor a risk officer who could look at it
    what = f"{change.get_kind_display()} of {change.model} {change.alias}"
    open_finding(
        system=change.model.system,
        code=f"{change.kind.replace('_', '-')}-review",
        title=f"{change}: {what} on one person's word awaits its review",
        severity=SEVERITY[Kind(change.kind)],
        source="gate",
        actor=person or MLFLOW,
        request=now_live.promotion.approval if now_live and now_live.promotion else None,
        owner=owner,
    )
