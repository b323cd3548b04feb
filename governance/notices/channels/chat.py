"""Send a message to an Apprise address, in a process that holds none of the worker's secrets."""

from django.conf import settings

from governance.common import apart
from governance.common.errors import DomainError
from governance.notices import sealing
from governance.notices.channels.addresses import checked, scrubbed
from governance.notices.errors import Undeliverable
from governance.notices.messages import Message
from governance.notices.models import Channel

DEADLINE_S = 30


def send(channel: Channel, message: Message) -> None:
    """Send the message; the far side's answer counts.

    Raises:
        Undeliverable: the address can't be read, is not allowed any more, or did not take the message in time.
    """
    try:
        address = sealing.unseal(channel.sealed)
        checked(address, schemes=settings.NOTICE_SCHEMES, hosts=settings.NOTICE_HOSTS)
    except DomainError as refusal:
        raise Undeliverable(refusal.detail) from None
    asked = {"url": address, "title": message.subject, "body": message.text, "allowed": settings.NOTICE_HOSTS}
    error = apart.error_of("governance.notices.channels.sender", asked, deadline_s=DEADLINE_S)
    if error:
        raise Undeliverable(scrubbed(error, address)[:300])
