"""What the administration of people refuses, one class per rule."""

from governance.common.errors import DomainError, Forbidden, InvalidInput


class SecondAdministratorNeeded(Forbidden):
    """A role that decides is given by two administrators, neither of whom gets it."""

    title = "Two administrators give this role"


class RoleHeld(DomainError):
    """The person holds the role already, for the same systems, without an end."""

    title = "The person holds this role"


class RoleNotHeld(DomainError):
    """The person does not hold the role, so it can't be taken away."""

    title = "The person does not hold this role"


class PersonInactive(DomainError):
    """The account is deactivated already."""

    title = "The account is deactivated"


class PasskeyRefused(InvalidInput):
    """What the authenticator sent is no passkey, no signature, or not the one that was asked for."""

    title = "The passkey can't be used"
