"""The second factor: an authenticator app's codes (TOTP, RFC 6238), and recovery codes for the day it is lost.

The rows are allauth's; each change of them is made here, with its log entry in the same transaction.
"""

from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.conf import settings
from django.db import transaction
from django.utils.crypto import constant_time_compare

from governance.accounts import sealing
from governance.accounts.errors import NoSecondFactor, SecondFactorSet, WrongCode
from governance.accounts.models import Grant, User, in_force
from governance.accounts.roles import DECIDING, Role
from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden

CODES_SHOWN_FOR = timedelta(minutes=10)
_NEWEST = "newest_counter"


def is_enabled(user: User) -> bool:
    """Return whether the person signs in with a second factor."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def enabled_at(user: User) -> datetime | None:
    """Return since when the person has a second factor."""
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    return row.created_at if row else None


def is_demanded(user: User) -> bool:
    """Return whether ``PLACET_SECOND_FACTOR`` wants one of this person: of all, or of who decides or administers."""
    if settings.SECOND_FACTOR == "deciders":
        grave = {*DECIDING, Role.ADMINISTRATOR, Role.POLICY_PUBLISHER}
        return Grant.objects.filter(in_force(clock.now()), person=user, role__in=grave).exists()
    return bool(settings.SECOND_FACTOR == "everyone")


@transaction.atomic
def enable(*, user: User, secret: str, code: str) -> None:
    """Bind an authenticator app to the person, who shows by a code that it holds the secret; make recovery codes.

    Raises:
        SecondFactorSet: there is one.
        WrongCode: the code does not follow from the secret.
    """
    _lock(user)
    if is_enabled(user):
        raise SecondFactorSet("You have an authenticator app. Remove it first.")
    app = TOTP.activate(user, secret).instance
    if not _take_app_code(app, "".join(code.split())):
        raise WrongCode("The code does not fit. Codes change every 30 seconds; check the clock of your phone.")
    audit.append(event=Event.SECOND_FACTOR_ENABLED, actor=user, data={"person": user.actor_id, "kind": "totp"})
    _new_codes(user)


@transaction.atomic
def disable(*, user: User, by: Actor) -> None:
    """Take the authenticator app and the recovery codes away.

    Raises:
        NoSecondFactor: there is none.
    """
    _lock(user)
    deleted, _ = Authenticator.objects.filter(
        user=user, type__in=[Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES]
    ).delete()
    if not deleted:
        raise NoSecondFactor(f"{user.name} has no authenticator app.")
    audit.append(event=Event.SECOND_FACTOR_DISABLED, actor=by, data={"person": user.actor_id, "kind": "totp"})


@transaction.atomic
def reset(*, user: User, by: User) -> None:
    """End the second factor of somebody who lost phone and codes, as an administrator who has seen who asks.

    Raises:
        Forbidden: ``by`` is no administrator, or the person.
        NoSecondFactor: there is none.
    """
    if by.pk == user.pk:
        raise Forbidden("Another administrator ends your second factor.")
    if not Grant.objects.filter(in_force(clock.now()), person=by, role=Role.ADMINISTRATOR, system_id=None).exists():
        raise Forbidden(f"{by.name} is no administrator.")
    disable(user=user, by=by)


@transaction.atomic
def renew_codes(*, user: User) -> None:
    """Make new recovery codes; the old ones end.

    Raises:
        NoSecondFactor: there is nothing that they could stand in for.
    """
    _lock(user)
    if not is_enabled(user):
        raise NoSecondFactor("Recovery codes stand in for an authenticator app; set one up first.")
    _new_codes(user)


@transaction.atomic
def use_code(*, user: User, code: str) -> Authenticator:
    """Take a code of the app, or a recovery code, once. Return what it was of.

    A code of the app is never taken twice, nor one older than the last: what somebody saw over a shoulder is spent.

    Raises:
        NoSecondFactor: the person has none.
        WrongCode: it is neither, or it was used.
    """
    _lock(user)
    held = {row.type: row for row in Authenticator.objects.filter(user=user)}
    app, codes = held.get(Authenticator.Type.TOTP), held.get(Authenticator.Type.RECOVERY_CODES)
    if app is None:
        raise NoSecondFactor(f"{user.name} has no authenticator app.")
    code = "".join(code.split())
    if _take_app_code(app, code):
        return app
    if codes is not None and (wrapped := RecoveryCodes(codes)).validate_code(code):
        left = len(wrapped.get_unused_codes())
        audit.append(event=Event.RECOVERY_CODE_USED, actor=user, data={"person": user.actor_id, "left": left})
        return codes
    raise WrongCode("The code does not fit, or was used. Wait for the next one, or use a recovery code.")


def codes_to_show(user: User) -> list[str]:
    """Return the recovery codes while they are new; none once they were put away, or after ten minutes."""
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    if row is None or RecoveryCodes(row).did_view or clock.now() - row.created_at > CODES_SHOWN_FOR:
        return []
    return list(RecoveryCodes(row).get_unused_codes())


def put_codes_away(user: User) -> None:
    """Never show the present recovery codes again."""
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    if row is not None:
        RecoveryCodes(row).mark_as_viewed()


def codes_left(user: User) -> int:
    """Return how many recovery codes are unused."""
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    return len(RecoveryCodes(row).get_unused_codes()) if row is not None else 0


def _take_app_code(app: Authenticator, code: str) -> bool:
    secret = sealing.unseal(app.data["secret"])
    for counter in yield_hotp_counters_from_time():
        if counter > app.data.get(_NEWEST, 0) and constant_time_compare(
            code, format_hotp_value(hotp_value(secret, counter))
        ):
            app.data[_NEWEST] = counter
            app.save(update_fields=["data"])
            return True
    return False


def _new_codes(user: User) -> None:
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    made = RecoveryCodes.activate(user)
    Authenticator.objects.filter(pk=made.instance.pk).update(created_at=clock.now())
    count = len(made.get_unused_codes())
    audit.append(event=Event.RECOVERY_CODES_GENERATED, actor=user, data={"person": user.actor_id, "count": count})


def _lock(user: User) -> None:
    """Let one change of a person's second factor happen at a time."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
