"""Under which names outside systems know a person, and since when: whose a version is, hangs on it.

A link begins when it is made and ends when it is taken away; a name that goes to another person later leaves what was
done under it before with the one who did it. So a look-up names a moment (``selectors.person_by_external_identity``).
"""

from django.db import transaction

from governance.accounts import administrators, services
from governance.accounts.models import ExternalIdentity, User
from governance.accounts.roles import DECIDING
from governance.accounts.selectors import grants_in_force, identities_in_force
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import InvalidInput, Unknown


def providers() -> list[str]:
    """Return the outside systems that a name may be of."""
    return [str(provider) for provider in ExternalIdentity.Provider.values]


@transaction.atomic
def link_identity(
    *,
    person: User,
    provider: str,
    subject: str,
    by: User | None,
    confirmed_by: User | None = None,
    confirmation: str = "",
) -> ExternalIdentity:
    """Say, as an administrator, under which name an outside system knows a person from now on.

    Args:
        provider: one of :func:`providers`.
        subject: the name there, exactly as the system spells it.
        confirmed_by: the second administrator, needed for a person who decides; ``confirmation`` their password.

    Raises:
        Forbidden: ``by`` is no administrator.
        SelfGrant: an administrator would link or confirm a name of their own.
        SecondAdministratorNeeded: the person decides, and no second administrator confirms.
        SignInAgain: the second administrator's password is not right.
        IdentityTaken: the name is somebody's already.
        InvalidInput: no such provider, an empty name, or one of more than 255 characters.
    """
    person = administrators.locked(person)
    administrators.acting(by)
    if provider not in providers():
        raise InvalidInput(f"There is no {provider}; there are {', '.join(providers())}.")
    if not 0 < len(subject.strip()) <= 255:
        raise InvalidInput("Give the name, in 1 to 255 characters, as the other system spells it.")
    if by is not None and by.pk == person.pk:
        raise services.SelfGrant(f"{person} can't link a name to themselves; another administrator must.")
    _check_two(person, by, confirmed_by, confirmation)
    return services.link_external_identity(
        person=person, provider=provider, subject=subject.strip(), linked_by=by, confirmed_by=confirmed_by
    )


@transaction.atomic
def unlink_identity(
    *, provider: str, subject: str, by: User, confirmed_by: User | None = None, confirmation: str = ""
) -> ExternalIdentity:
    """End a link now, as an administrator. What was done under the name until now stays that person's.

    Raises:
        Unknown: nobody has that name there.
        Forbidden, SelfGrant, SecondAdministratorNeeded, SignInAgain: as for :func:`link_identity`.
    """
    row = identities_in_force().select_for_update(of=("self",)).filter(provider=provider, subject=subject).first()
    if row is None:
        raise Unknown(f"Nobody is known to {provider} as {subject}.")
    person = administrators.locked(row.person)
    actor = administrators.acting(by)
    if by.pk == person.pk:
        raise services.SelfGrant(f"{person} can't take a name from themselves; another administrator must.")
    _check_two(person, by, confirmed_by, confirmation)
    row.valid_until, row.unlinked_by, row.unlink_confirmed_by = clock.now(), by, confirmed_by
    audit.append(
        event=Event.IDENTITY_UNLINKED,
        actor=actor,
        subjects=[row],
        data={
            "identity": row.pk,
            "person": person.actor_id,
            "provider": provider,
            "confirmed_by": confirmed_by.actor_id if confirmed_by else None,
        },
        payload={"subject": subject},
    )
    return row


def decides(person: User) -> bool:
    """Return whether the person holds a role now with which somebody decides, for whatever system."""
    return grants_in_force().filter(person=person, role__in=DECIDING).exists()


def _check_two(person: User, by: User | None, confirmed_by: User | None, confirmation: str) -> None:
    """Refuse one administrator's word on a person who decides; a second one may confirm for anybody."""
    if decides(person) or confirmed_by is not None:
        administrators.check_second(
            what="A name of somebody who decides",
            person=person,
            by=by,
            confirmed_by=confirmed_by,
            confirmation=confirmation,
        )
