"""What the log refuses."""

from governance.common.errors import DomainError


class NoOpenTransaction(DomainError):
    """An entry must be part of the transaction of the change that it names."""

    status = 500
    title = "The log was called outside a transaction"


class EntryTooLarge(DomainError):
    """An entry holds at most 65,535 bytes; move bulk into files and name their digests."""

    status = 422
    title = "The log entry is too large"


class LogInconsistent(DomainError):
    """The stored log contradicts what the notary signed before; nothing is signed until a person has looked."""

    status = 500
    title = "The log is not consistent with its last checkpoint"


class AnchorUnavailable(DomainError):
    """A place outside the database did not take a checkpoint. The notary signs on, and tries that place again."""

    status = 503
    title = "A place outside the database did not take the checkpoint"


class NotIntegrated(DomainError):
    """The entry is written, but the notary has not given it a place yet; this takes about a second."""

    status = 409
    title = "The entry has no place in the log yet"


class ForkRefused(DomainError):
    """The log can't be begun anew like this; the message says what contradicts it."""

    status = 409
    title = "The log can't be forked like this"


class AlreadyErased(DomainError):
    """The text of this entry is gone already, or it never had one."""

    status = 409
    title = "There is nothing to erase"


class Unguarded(DomainError):
    """This process's database role could alter the log, or one of its guards is off."""

    status = 500
    title = "The log is not guarded"
