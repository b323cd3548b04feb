"""What the administration of people refuses, one class per rule."""

from governance.common.errors import DomainError, Forbidden, InvalidInput, OutsideSystemDown


class SecondAdministratorNeeded(Forbidden):
    """A role that decides is given by two administrators, neither of whom gets it."""

    title = "Two administrators give this role"


class RoleHeld(DomainError):
    """The person holds the role already, for the same systems, without an end."""

    title = "The person holds this role"


class RoleNotHeld(DomainError):
    """The person does not hold the role, so it can't be taken away."""

    title = "The person does not hold this role"


class RolesExclude(DomainError):
    """Who administers people decides nothing: the two kinds of role are never one person's at one time."""

    title = "An administrator does not decide"


class ProposalOpen(DomainError):
    """The same role is proposed for the person already and waits for its second administrator."""

    title = "The role is proposed already"


class ProposalSettled(DomainError):
    """The proposal of a role was confirmed or withdrawn, or waited too long."""

    title = "The proposal is settled"


class OwnRole(Forbidden):
    """Nobody says of a role of their own whether it is kept."""

    title = "Nobody reviews their own role"


class ItemDecided(DomainError):
    """The role in an access review was revoked or has ended, so there is nothing to decide."""

    title = "The role has ended"


class ReviewSigned(DomainError):
    """The access review is signed, and what it says stays."""

    title = "The access review is signed"


class ReviewUnfinished(DomainError):
    """Of some role in the access review nothing was said yet."""

    title = "Roles wait in the access review"


class IdentityTaken(DomainError):
    """The outside system's name is known as somebody's already; one name is one person at one time."""

    title = "The name is somebody's already"


class MappingOpen(DomainError):
    """The same claim gives the same role already, or waits to."""

    title = "The claim is mapped already"


class MappingSettled(DomainError):
    """The claim mapping was confirmed or has ended, or waited too long."""

    title = "The claim mapping is settled"


class WorkloadOpen(DomainError):
    """The same runs act as an account already, or wait to."""

    title = "The workload identity is there already"


class WorkloadSettled(DomainError):
    """The workload identity was confirmed or has ended, or waited too long."""

    title = "The workload identity is settled"


class ExchangeRefused(Forbidden):
    """The token that was shown is not exchanged; the server's log says why."""

    title = "The token is not exchanged"


class SignOnRefused(Forbidden):
    """What the identity provider sent is not believed, or lets nobody in here."""

    title = "You can't sign in this way"


class SignOnUnavailable(OutsideSystemDown):
    """The identity provider does not answer, or not as one."""

    title = "The identity provider does not answer"


class PersonInactive(DomainError):
    """The account is deactivated already."""

    title = "The account is deactivated"


class PasskeyRefused(InvalidInput):
    """What the authenticator sent is no passkey, no signature, or not the one that was asked for."""

    title = "The passkey can't be used"


class SecondFactorSet(DomainError):
    """The person has an authenticator app already."""

    title = "There is a second factor already"


class NoSecondFactor(DomainError):
    """The person has no second factor that the call could use or end."""

    title = "There is no second factor"


class WrongCode(Forbidden):
    """The code is neither the app's present one nor an unused recovery code."""

    title = "The code does not fit"


class SecondFactorUnreadable(DomainError):
    """The stored secret can't be opened with the present key."""

    title = "The second factor can't be read"


class TooManyAttempts(DomainError):
    """Password or code were wrong too often; ``retry_after`` says for how many seconds nothing more is compared."""

    status = 429
    title = "Too many wrong attempts"


class SignInUnavailable(OutsideSystemDown):
    """Attempts can't be counted, so none is taken."""

    title = "Nobody can sign in at present"


class UnderLegalHold(DomainError):
    """What is under a legal hold is kept until the hold is lifted."""

    title = "It is under a legal hold"


class AlreadyHeld(DomainError):
    """One object is under one hold at a time."""

    title = "It is under a legal hold already"


class HoldLifted(DomainError):
    """A hold is lifted once."""

    title = "The hold was lifted"
