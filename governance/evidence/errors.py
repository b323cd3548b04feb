"""What evidence refuses."""

from governance.common.errors import DomainError, InvalidInput


class InvalidEvidence(InvalidInput):
    """The payload does not fit the published schema of its type."""

    title = "The evidence does not fit its schema"


class LeaseLost(DomainError):
    """Another attempt took the job over; what this one computed is dropped."""

    title = "The job belongs to a newer attempt"


class CannotProduce(Exception):
    """A producer can't make the evidence from these inputs, and trying again would not help. The text is for people."""
