"""How a person wants to be told: the kinds, at once or by digest, and the addresses of their channels."""

import uuid
from collections.abc import Collection
from zoneinfo import available_timezones

from django.conf import settings
from django.db import transaction

from governance.accounts.models import User
from governance.common import clock
from governance.common.errors import InvalidInput, Unknown
from governance.notices import sealing
from governance.notices.channels.addresses import NEVER, checked, shown
from governance.notices.kinds import MANDATORY, Kind
from governance.notices.models import Channel, Delivery, Notice, NoticeSettings
from governance.notices.outbox import write
from governance.notices.rules import About, Fact, told

MOST_CHANNELS = 5


@transaction.atomic
def save_settings(
    *, person: User, by_mail: bool, off: Collection[str], digest: bool, digest_hour: int, time_zone: str
) -> NoticeSettings:
    """Keep how the person wants to be told from now on; what waits already goes out as it was.

    Raises:
        InvalidInput: a kind that is unknown or can't be turned off, no hour of the day, or an unknown time zone.
    """
    if unknown := set(off) - set(Kind.values):
        raise InvalidInput(f"Unknown kinds {sorted(unknown)}.")
    if set(off) & {str(kind) for kind in MANDATORY}:
        raise InvalidInput("What is asked of you, and the security of your account, can't be turned off.")
    if not 0 <= digest_hour <= 23:
        raise InvalidInput("Choose an hour from 0 to 23.")
    if time_zone not in available_timezones():
        raise InvalidInput("Choose a time zone such as Europe/Berlin.")
    row, _ = NoticeSettings.objects.update_or_create(
        person=person,
        defaults={
            "by_mail": by_mail,
            "off": sorted(set(off)),
            "digest": digest,
            "digest_hour": digest_hour,
            "time_zone": time_zone,
        },
    )
    return row


@transaction.atomic
def add_channel(*, person: User, label: str, address: str) -> Channel:
    """Keep an Apprise address, sealed; it is never shown again. Its owner is told by e-mail that it was added.

    Raises:
        InvalidInput: no name, a name that another channel of the person has, or too many channels.
        AddressRefused: not an address that this deployment sends to.
        ChannelsUnavailable: the deployment has no key to seal it with.
    """
    User.objects.select_for_update().get(pk=person.pk)  # its channels are counted
    label = " ".join(label.split())
    standing = Channel.objects.filter(person=person, removed_at__isnull=True)
    if not 0 < len(label) <= 60 or standing.filter(label=label).exists():
        raise InvalidInput("Give it a name of its own, in 1 to 60 characters.")
    if standing.count() >= MOST_CHANNELS:
        raise InvalidInput(f"A person has at most {MOST_CHANNELS} channels; remove one first.")
    address = checked(address, schemes=settings.NOTICE_SCHEMES, hosts=settings.NOTICE_HOSTS)
    row = Channel.objects.create(
        person=person, label=label, shown=shown(address), sealed=sealing.seal(address), made_at=clock.now()
    )
    _tell(person, "notice_channel.added", f"channel:{row.pk}:added", label)
    return row


@transaction.atomic
def remove_channel(*, person: User, channel_id: uuid.UUID) -> None:
    """Forget an address at once. What waits for it is not sent.

    Raises:
        Unknown: the person has no such channel.
    """
    row = Channel.objects.select_for_update().filter(pk=channel_id, person=person, removed_at__isnull=True).first()
    if row is None:
        raise Unknown("You have no such channel.")
    row.sealed, row.removed_at = "", clock.now()
    row.save()
    Delivery.objects.filter(channel=row, state=Delivery.State.WAITING).update(
        state=Delivery.State.DROPPED, lease_until=None, error="The channel was removed."
    )
    _tell(person, "notice_channel.removed", f"channel:{row.pk}:removed", row.label)


@transaction.atomic
def send_test(*, person: User) -> list[Notice]:
    """Put a test message to every channel of the person into the outbox, at most one a minute; return it if it is new.

    The worker sends it, as it sends everything.
    """
    return _tell(person, "notice.tested", f"test:{clock.now():%Y-%m-%dT%H:%M}", "")


def _tell(person: User, event: str, occasion: str, title: str) -> list[Notice]:
    about = About(title=title, path="/notices/settings", people={"person": (person.pk,)})
    return write(told(Fact(event, occasion, about)))


def schemes() -> list[str]:
    """Return to which services this deployment sends; none where it keeps no addresses."""
    return sorted(set(settings.NOTICE_SCHEMES) - NEVER) if settings.NOTICE_KEY else []
