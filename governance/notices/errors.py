"""What notices refuse."""

from governance.common.errors import DomainError


class AddressRefused(DomainError):
    """An Apprise address that this deployment does not send to, or that is none."""

    status = 422
    title = "Messages can't be sent to this address"


class ChannelsUnavailable(DomainError):
    """The deployment has no key to seal addresses with."""

    status = 409
    title = "This deployment keeps no addresses for messages"


class Undeliverable(Exception):
    """A message could not be delivered; says why in a sentence that holds no secret. Never leaves the worker."""
