"""A system is modified after it was taken in: somebody declares it, and its signed class is open again from then on.

Nobody is asked whether the class still holds: whoever proposes it anew and the second person who signs it say so. Until
then the class that was signed keeps what it made stricter (the gate, the law's clocks), and nothing new is promoted.
"""

from django.db import transaction
from django.db.models import QuerySet

from governance.accounts.models import User
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.inventory.declaring import check_may_declare
from governance.inventory.errors import ProposalOvertaken
from governance.inventory.models import AISystem, Classification, Modification
from governance.inventory.retiring import check_not_retired
from governance.inventory.texts import text_of

Kind = Modification.Kind
SHORTEST, SHORTEST_PURPOSE = 20, 30


@transaction.atomic
def declare_modification(
    *, ai_system: AISystem, by: User, kind: str, what: str, purpose: str | None = None
) -> Modification:
    """Declare that a system is modified, which opens its signed class again.

    Args:
        kind: of ``Modification.Kind``.
        what: what was or is to be changed, at least 20 characters.
        purpose: the intended purpose from now on; needed where it is what changes, None where it stays.

    Raises:
        Forbidden: the person has no part in the system, or is a service.
        SystemRetired: it is retired.
        InvalidInput: something of that is missing, too long or too short, or the purpose is what it was.
    """
    check_may_modify(ai_system, by)
    if kind not in Kind.values:
        raise InvalidInput(f"The kind is one of: {', '.join(Kind.values)}.")
    said = text_of(what, "description")
    if len(said) < SHORTEST:
        raise InvalidInput(f"Say in at least {SHORTEST} characters what is changed.")
    ai_system = AISystem.objects.select_for_update().get(pk=ai_system.pk)
    check_not_retired(ai_system)
    new_purpose = _purpose(purpose, kind, ai_system)
    newest = ai_system.modifications.order_by("-number").first()
    row = Modification(
        system=ai_system,
        number=newest.number + 1 if newest else 1,
        kind=kind,
        what=said,
        purpose_before=ai_system.purpose if new_purpose else "",
        class_before=ai_system.ai_act_class,
        declared_by=by,
        declared_at=clock.now(),
    )
    ai_system.purpose = new_purpose or ai_system.purpose
    if ai_system.ai_act_class:
        ai_system.class_reopened_at = row.declared_at
    audit.append(
        event=Event.SYSTEM_MODIFIED,
        actor=by,
        subjects=[row, ai_system],
        data={
            "system": ai_system.slug,
            "number": row.number,
            "kind": row.kind,
            "reopens": row.class_before or None,
            "purpose_changed": bool(new_purpose),
        },
    )
    return row


def check_may_modify(ai_system: AISystem, by: User) -> None:
    """Check that the person may declare that a system is modified.

    Raises:
        Forbidden: they are a service, or have no part in the system.
    """
    if by.is_service:
        raise Forbidden("A person declares that a system is modified.")
    check_may_declare(ai_system, by)


def check_holds(proposal: Classification) -> None:
    """Check that the system is as it was when its classification was proposed. Pages ask it too.

    Raises:
        ProposalOvertaken: it was modified since.
    """
    since = proposal.system.modifications.filter(declared_at__gt=proposal.proposed_at).order_by("number").first()
    if since:
        raise ProposalOvertaken(
            f"{proposal.system.name} was modified after this was proposed ({since}, {clock.day(since.declared_at)}): "
            "withdraw the proposal and propose the classification anew."
        )


def modifications_of(ai_system: AISystem) -> QuerySet[Modification]:
    """Return what was declared of a system, the newest first."""
    return ai_system.modifications.select_related("system", "declared_by").order_by("-number")


def _purpose(given: str | None, kind: str, ai_system: AISystem) -> str:
    """Return the new purpose, an empty text where it stays."""
    kept = text_of(given, "intended purpose")
    changes = bool(kept) and kept != ai_system.purpose
    if kind == Kind.PURPOSE and not changes:
        raise InvalidInput("Write down the intended purpose as it is from now on; this is what it was.")
    if changes and len(kept) < SHORTEST_PURPOSE:
        raise InvalidInput(f"Say in at least {SHORTEST_PURPOSE} characters for whom the system decides what.")
    return kept if changes else ""
