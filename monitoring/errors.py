"""What monitoring refuses."""

from governance.common.errors import DomainError, InvalidInput, OutsideSystemDown


class InvalidProfile(InvalidInput):
    """A profile's parts do not belong together, or the data does not fit the profile."""

    title = "The profile can not be used"


class InvalidSettings(InvalidInput):
    """A monitor's settings have an unknown name or a value out of range."""

    title = "The settings can not be used"


class SchemaDrift(InvalidInput):
    """The records do not have the columns and types of the reference; nothing of the batch was kept."""

    title = "The records do not fit the monitor's reference"


class UnreadableRecords(InvalidInput):
    """The body is not what its content type says, or a stored file is damaged."""

    title = "The records can not be read"


class TooManyRecords(InvalidInput):
    """One batch is bounded, so that memory is; send more batches."""

    status = 413
    title = "The batch is too large"


class BatchIdTaken(DomainError):
    """A batch id names one content for ever; other content needs another id."""

    title = "This batch id stands for other content"


class NothingToCompare(DomainError):
    """The window holds no records, or no version is live."""

    title = "There is nothing to compare"


class NoReference(InvalidInput):
    """A monitor needs reference data with features."""

    title = "There is no reference data"


class MonitorExists(DomainError):
    """An alias of a model has one monitor."""

    title = "The alias has a monitor"


class MonitorDisabled(DomainError):
    """A monitor that is switched off takes no records and makes no runs."""

    title = "The monitor is switched off"


class AlertSettled(DomainError):
    """The alert has gone on; look at it again."""

    title = "The alert is not in that state"


class RecordsKeyMissing(DomainError):
    """A column is to be kept hashed, and the installation has no key for that."""

    title = "There is no key to hash columns with"


class RecordsKeyChanged(DomainError):
    """The key of hashed columns is another than that under which a monitor keeps them."""

    title = "Columns were hashed with another key"


class NothingToErase(DomainError):
    """No record, label or quarantined row of the monitor is the person's or the prediction's."""

    title = "There is nothing to erase"


class SourceUnavailable(OutsideSystemDown):
    """The table that a monitor's records are pulled from can't be reached or read."""

    title = "The table of records can not be read"
