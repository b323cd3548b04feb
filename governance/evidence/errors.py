"""What evidence refuses."""

from governance.common.errors import DomainError, Forbidden, InvalidInput


class InvalidEvidence(InvalidInput):
    """The payload does not fit the published schema of its type."""

    title = "The evidence does not fit its schema"


class LeaseLost(DomainError):
    """Another attempt took the job over; what this one computed is dropped."""

    title = "The job belongs to a newer attempt"


class JobFinished(DomainError):
    """A job that is done, failed or cancelled can't be cancelled."""

    title = "The job is finished"


class JobNotRetried(DomainError):
    """Only a job that failed or was cancelled is tried again, and only once at a time."""

    title = "The job can't be tried again"


class KeyRefused(InvalidInput):
    """The key is none, is known already, or has ended."""

    title = "The key can't be registered"


class Unsigned(Forbidden):
    """Evidence that somebody submits is signed by a key registered for their account, over exactly what they send."""

    title = "The evidence is not signed by you"


class EvidenceKnown(DomainError):
    """The same signed statement was taken before."""

    title = "This evidence was submitted before"


class NotReproducible(DomainError):
    """Evidence of this kind can't be made again, or is being made again already."""

    title = "The evidence can't be made again"


class CannotProduce(Exception):
    """A producer can't make the evidence from these inputs, and trying again would not help. The text is for people."""


class DocumentRefused(InvalidInput):
    """The file is not a PDF that Placet takes, or the dates do not fit."""

    title = "The document can't be taken"


class OwnDocument(Forbidden):
    """Who submitted a document, or answers for the machine that did, does not review it."""

    title = "Somebody else must review the document"


class DocumentReviewed(DomainError):
    """One person reviews a document once; what was said of it stays."""

    title = "You have reviewed this document"
