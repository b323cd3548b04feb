"""What the keeping of serious incidents refuses."""

from governance.common.errors import DomainError, Forbidden, InvalidInput


class IncidentClosed(DomainError):
    """It is closed, and nothing is added to it."""

    title = "The incident is closed"


class IncidentNotReported(DomainError):
    """An incident is closed once it was reported, or because it was not serious."""

    title = "The incident was not reported yet"


class IncidentTasksOpen(DomainError):
    """An incident is closed when nothing is left to do about it."""

    title = "Tasks of the incident are open"


class IncidentTaskDone(DomainError):
    """Somebody has done it."""

    title = "The task is done"


class IncidentTimesRefused(InvalidInput):
    """A time lies in the future, or two of them are in an order that can't be."""

    title = "The times do not fit together"


class OwnIncident(Forbidden):
    """The owner of an incident can't close it."""

    title = "Somebody else must close the incident"
