"""What the inventory refuses, one class per rule."""

from governance.common.errors import DomainError, Forbidden


class OwnClassification(Forbidden):
    """The proposer and the owner can't sign a classification; a second person must."""

    title = "A second person must sign"


class ClassReopened(DomainError):
    """The system was modified since its class was signed: nothing new is asked for it until it is signed anew."""

    title = "The class is open again"


class ProposalOvertaken(DomainError):
    """The system was modified after its classification was proposed, so the answers may no longer hold."""

    title = "The system was modified meanwhile"


class OwnAssignment(Forbidden):
    """The proposer and the owners of both systems can't sign an assignment; a second person must."""

    title = "A second person must sign"


class OwnCriteria(Forbidden):
    """The proposer and the owner can't sign success criteria; a second person must."""

    title = "A second person must sign"


class OwnDeclaration(Forbidden):
    """Whoever gave an answer of the record can't review it; a second person must."""

    title = "A second person must review"


class AlreadyReviewed(DomainError):
    """An answer that was reviewed is sealed; answer anew."""

    title = "It is reviewed"


class AnsweredMeanwhile(DomainError):
    """Somebody else answered the question since it was read."""

    title = "Somebody answered meanwhile"


class AlreadySigned(DomainError):
    """What is signed is sealed; propose anew."""

    title = "It is signed"


class AlreadyProposed(DomainError):
    """One proposal at a time waits for its signature."""

    title = "A proposal already waits for its signature"


class ProposalWithdrawn(DomainError):
    """A proposal that was taken back can't be signed."""

    title = "The proposal was withdrawn"


class AssignmentStands(DomainError):
    """A model can't change its AI system while something of it is live, requested or approved under that system."""

    title = "The model is bound to its AI system"


class OwnRisk(Forbidden):
    """Who owns or wrote a risk does not accept what remains of it; a second person does."""

    title = "A second person must accept"


class RiskNotTreated(DomainError):
    """What remains is accepted once measures, their tests and the residual scores are stated, and only once."""

    title = "The risk is not treated yet"


class RiskClosed(DomainError):
    """A closed risk is not changed; write down another."""

    title = "The risk is closed"


class RiskMoved(DomainError):
    """Somebody changed the risk since it was read."""

    title = "The risk has changed"


class CorrespondenceSettled(DomainError):
    """What was sent or withdrawn is not changed; record another."""

    title = "It is settled"


class AlreadyBlank(DomainError):
    """What was erased holds nothing more to erase."""

    title = "It is erased already"


class CorrespondenceMoved(DomainError):
    """Somebody changed the notice or request since it was read."""

    title = "It has changed"


class SystemInUse(DomainError):
    """A system is retired once nothing of it is live, requested or approved."""

    title = "Something of the system is in use"


class SystemRetired(DomainError):
    """A retired system takes no new request."""

    title = "The system is retired"
