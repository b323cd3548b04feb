"""What validations refuse, one class per rule."""

from governance.common.errors import DomainError, Forbidden, InvalidInput


class ValidatorNotIndependent(Forbidden):
    """Who asked for the model, trained it, owns it, made its evidence or answers for who did does not validate it."""

    title = "You can't validate this"


class ValidationOpen(DomainError):
    """The request has an open validation; it is signed or abandoned before the next one."""

    title = "A validation is under way"


class ValidationSettled(DomainError):
    """It was signed or abandoned, and does not change."""

    title = "The validation is settled"


class ValidationIncomplete(DomainError):
    """A part is missing without which work does not begin, or without which nobody can sign."""

    title = "The validation is not complete"


class ValidationMoved(DomainError):
    """What was shown to be signed is no longer what would be signed."""

    title = "The validation has changed since it was shown"


class ReportRefused(InvalidInput):
    """The report is no PDF, or too large."""

    title = "The report can't be kept"
