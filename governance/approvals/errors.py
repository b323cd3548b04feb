"""What approvals refuse, one class per rule."""

from governance.common.errors import DomainError, Forbidden, InvalidInput


class RequestNotOpen(DomainError):
    """The request was settled, or is not in review."""

    title = "The request is not open for this"


class SelfApproval(Forbidden):
    """Separation of duties: requester, trainer, owner, evidence producer and sponsor can't decide."""

    title = "You can't decide on this request"


class NotEligible(Forbidden):
    """The person held no role of the open stage when the request was submitted."""

    title = "You can't sign in this stage"


class AlreadyDecided(DomainError):
    """One person signs once, across all stages."""

    title = "You have signed this request"


class ChecksHold(DomainError):
    """Checks block or hold; an approval would contradict the policy."""

    title = "The policy does not allow an approval yet"


class ReviewMissing(DomainError):
    """The stage requires a signed human review, and none by somebody eligible stands."""

    title = "The stage needs a signed human review first"


class RationaleTooShort(InvalidInput):
    """A decision needs a reason that a stranger understands later."""

    title = "The rationale is too short"


class NothingToReview(InvalidInput):
    """The named check does not ask for a human review."""

    title = "This check asks for no review"


class DataUnfit(InvalidInput):
    """The policy wants evidence on data of another role."""

    title = "The data has not the role that the policy asks for"


class ChangeClassUnconfirmed(InvalidInput):
    """Who approves in the validation stage confirms the change class that the requester stated."""

    title = "The change class is not confirmed"


class DelegateUnfit(InvalidInput):
    """A place is lent by somebody who decides to somebody who holds such a role of their own."""

    title = "The place can't be lent to them"


class DelegationChain(DomainError):
    """A place that is lent is not lent on, and a person stands for one other at a time."""

    title = "A lent place is not lent on"


class DelegationSettled(DomainError):
    """The delegation was confirmed before, or has ended."""

    title = "The delegation is settled"


class NotWaivable(InvalidInput):
    """Only a check that failed can be waived, and only if the policy says `on_fail: waivable`."""

    title = "The check can't be waived"


class WaiverOpen(DomainError):
    """A waiver of the check waits for its signatures."""

    title = "A waiver was asked for already"


class StandingApprovalOpen(DomainError):
    """A standing approval of the model and alias waits for its signatures."""

    title = "A standing approval was asked for already"


class NothingStands(DomainError):
    """A standing approval is taken from what serves now on an approval in force, under a policy with stages."""

    title = "Nothing serves that a standing approval could be taken from"


class FindingKnown(DomainError):
    """The system has an open finding with the same title."""

    title = "The finding is known"


class FindingDateRefused(InvalidInput):
    """The day lies in the past, behind the day on which the finding is due, or too far away."""

    title = "The finding can't be due then"


class PolicyMissing(DomainError):
    """No published policy governs the system and alias."""

    title = "No policy governs this"


class PasskeyNeeded(Forbidden):
    """The stage is signed by passkey, and the person has none that counts for this request, or typed a password."""

    title = "A passkey must sign this"


class StatementStale(DomainError):
    """What was to be signed is no longer what the request says, or is older than ten minutes."""

    title = "The statement is no longer current"


class ReplayUnderWay(DomainError):
    """A person has one replay of a policy at a time."""

    title = "Your last replay is not finished"


class ViewNotSaved(InvalidInput):
    """A saved view needs a name, and a person keeps a handful of them."""

    title = "The view was not saved"


class NotRenewable(DomainError):
    """An approval is renewed near its end or after it, while what it is about is live and nothing took its force."""

    title = "The approval can't be renewed now"


class CommentRefused(InvalidInput):
    """A comment has a text of bounded length and names only people who may read the request."""

    title = "The comment can't stand like this"
