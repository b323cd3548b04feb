"""What reports refuse, one class per rule."""

from governance.common.errors import DomainError


class StatementNotReady(DomainError):
    """A statement is signed once the Act asks for it, on the newest draft, which lacks nothing and is up to date."""

    title = "The statement can't be made yet"


class NotDue(DomainError):
    """Records are disposed of once their last day has passed, and no sooner."""

    title = "The records have to be kept still"


class NothingToDispose(DomainError):
    """Rows of the database stay; only files on which nothing else rests can be removed."""

    title = "There is nothing to dispose of"


class TooManyChecks(DomainError):
    """Reading a stranger's file is dear: a person, or everybody together, asked for it too often."""

    status = 429
    title = "Too many files to check"
