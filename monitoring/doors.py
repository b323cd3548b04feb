"""What a monitor's settings and reference make of its door: for records, and for late labels."""

from __future__ import annotations

from monitoring import hashing, windows
from monitoring.door import Door
from monitoring.errors import InvalidProfile
from monitoring.intake_settings import LABEL, LABELLED_AT, LATENCY, SUBJECT, IntakeSettings
from monitoring.models import Monitor
from monitoring.schema import ID_COLUMN, PREDICTION, ColumnType, column_type


def reference_types(monitor: Monitor) -> dict[str, ColumnType]:
    """Return the type of each column of the reference data that a record can hold."""
    found: dict[str, ColumnType] = {}
    for column in monitor.snapshot.columns:
        try:
            found[column["name"]] = column_type(column["type"])
        except InvalidProfile:  # a date or a list: no column of records
            continue
    return found


def optional_types(monitor: Monitor) -> dict[str, ColumnType]:
    """Return the columns that a record may have, by name: those that every monitor knows, and its own."""
    intake, types = IntakeSettings.from_json(monitor.intake), reference_types(monitor)
    found: dict[str, ColumnType] = {LATENCY: "number", LABEL: label_type(monitor), SUBJECT: "string"}
    for name in intake.kpis:
        found[name] = "number"
    found |= {name: types[name] for name in intake.sensitive}
    features = set(monitor.snapshot.features)  # a feature of one of these names is the feature
    return {name: type_ for name, type_ in found.items() if name not in features and name not in intake.keep_out}


def label_type(monitor: Monitor) -> ColumnType:
    """Return the type of a label: that of the reference data's, text where that has none."""
    return reference_types(monitor).get(monitor.snapshot.label, "string")


def records_door(monitor: Monitor) -> Door:
    """Return how records of a monitor come in.

    Raises:
        InvalidProfile: the reference has a feature that can't be watched.
        RecordsKeyMissing, RecordsKeyChanged: a column is to be hashed and there is no key, or another one.
    """
    intake = IntakeSettings.from_json(monitor.intake)
    return Door(
        types=windows.schema_of(monitor).types,
        filled=frozenset({PREDICTION}),
        optional=optional_types(monitor),
        not_negative=frozenset({LATENCY} - set(monitor.snapshot.features)),
        keep_out=frozenset(intake.keep_out),
        hashed=frozenset(intake.hash),
        key=hashing.key(monitor) if intake.hash else b"",
        kept_days=intake.retention_days,
        quarantine=intake.quarantine,
    )


def labels_door(monitor: Monitor) -> Door:
    """Return how late labels of a monitor come in: the id of the prediction, the label, and when it was known.

    Raises:
        RecordsKeyMissing, RecordsKeyChanged: the id is hashed and there is no key, or another one.
    """
    intake = IntakeSettings.from_json(monitor.intake)
    is_hashed = ID_COLUMN in intake.hash
    return Door(
        types={ID_COLUMN: "string", LABEL: label_type(monitor)},
        filled=frozenset({ID_COLUMN, LABEL}),
        at=LABELLED_AT,
        at_in_all=False,
        hashed=frozenset({ID_COLUMN}) if is_hashed else frozenset(),
        key=hashing.key(monitor) if is_hashed else b"",
        quarantine=intake.quarantine,
    )
