"""What reports refuse, one class per rule."""

from governance.common.errors import DomainError


class StatementNotReady(DomainError):
    """A statement is signed once the Act asks for it, on the newest draft, which lacks nothing and is up to date."""

    title = "The statement can't be made yet"
