"""What the keeping of serious incidents refuses."""

from governance.common.errors import DomainError, Forbidden, InvalidInput


class IncidentClosed(DomainError):
    """It is closed, and nothing is added to it."""

    title = "The incident is closed"


class IncidentChanged(DomainError):
    """Somebody changed it after the page was drawn from which this comes; nothing was changed."""

    title = "The incident has changed since you read it"


class IncidentNotReported(DomainError):
    """An incident is closed as reported once a report is on record."""

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
    """The owner of an incident can't close it, nor who has just handed it over."""

    title = "Somebody else must close the incident"


class OwnWord(Forbidden):
    """Who said what the closing rests on can't close it: the report of record, or what the incident is."""

    title = "Somebody else must close the incident"
