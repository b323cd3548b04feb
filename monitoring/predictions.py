"""Find the record of one prediction that was logged in production, by its id, among what a person may read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from governance.accounts.models import User
from monitoring import hashing, selectors, windows
from monitoring.models import Monitor, RecordBatch
from monitoring.schema import AT_COLUMN, ID_COLUMN, PREDICTION
from registry.models import ModelVersion

SHOWN = 80  # characters of an id in a message
PLACES = 5  # of a prediction in a message


class NoSingleRecord(Exception):
    """Not exactly one record stands under a prediction id for a version; the message says why and what to do.

    ``versions``: the numbers of the versions that made the prediction instead, in order.
    """

    def __init__(self, message: str, versions: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.versions = tuple(versions)


@dataclass(frozen=True)
class LoggedPrediction:
    """What was sent about one prediction.

    Attributes:
        features: value by name, of the features that the monitor records; None where the record had none.
        prediction: the score that was sent.
        at: event time, aware, UTC; the time of receipt where the sender gave none. The first, if it was sent again.
        batch: the batch that it came in, with its monitor and version.
    """

    features: Mapping[str, Any]
    prediction: float
    at: datetime
    batch: RecordBatch


def logged_prediction(
    viewer: User, version: ModelVersion, prediction_id: str, *, day: date | None = None
) -> LoggedPrediction:
    """Return the record of a prediction of one version, as a person asks for it.

    Only batches with a row count: that is written once all files of the batch are. The column of ids is read of each
    file, the others only where the id stands. Sent twice with the same features and score, a prediction is one.

    Args:
        day: of the event time, UTC; None for every day.
    Raises:
        NoSingleRecord: no monitor of the model that the person may read, no such id, another version's, or records that
            contradict each other.
        UnreadableRecords: a file is not there, is damaged or lacks a column.
    """
    monitors = list(selectors.monitors_for(viewer).filter(model=version.model_id))
    if not monitors:
        raise NoSingleRecord(
            f"{version.model} has no monitor that you may read, so no prediction of it is logged here. Open one first."
        )
    batches = RecordBatch.objects.filter(monitor__in=monitors).select_related("version", "monitor__model")
    own = _found(batches.filter(version=version), monitors, prediction_id, day)
    if own:
        return _one(own, prediction_id, day)
    others = _found(batches.exclude(version=version), monitors, prediction_id, day)
    if others:
        numbers = sorted({record.batch.version.number for record in others})
        made_by = " and ".join(f"version {number}" for number in numbers)
        raise NoSingleRecord(
            f"Prediction {_short(prediction_id)} was made by {made_by} of {version.model}, not by version "
            f"{version.number}. Ask for it there.",
            numbers,
        )
    raise NoSingleRecord(_absent(batches, monitors, prediction_id, day))


def _found(batches: Any, monitors: Sequence[Monitor], prediction_id: str, day: date | None) -> list[LoggedPrediction]:
    """Return what stands under an id, first event first."""
    from monitoring import engine  # DuckDB and pyarrow, that pages need not wait for

    found = []
    for monitor in monitors:
        batch_of = _files(batches, monitor, day)
        columns = [*windows.schema_of(monitor).types, AT_COLUMN]
        for form in sorted(hashing.forms_of(monitor, ID_COLUMN, prediction_id)):
            for path, row in engine.rows_where(batch_of, ID_COLUMN, form, columns=columns):
                at, score = row.pop(AT_COLUMN).astimezone(UTC), float(row.pop(PREDICTION))
                found.append(LoggedPrediction(row, score, at, batch_of[path]))
    return sorted(found, key=lambda record: record.at)


def _files(batches: Any, monitor: Monitor, day: date | None) -> dict[Path, RecordBatch]:
    return {
        windows.path_of(batch, on): batch
        for batch in batches.filter(monitor=monitor)
        for on in (date.fromisoformat(partition["day"]) for partition in batch.partitions)
        if day in (None, on)
    }


def _one(found: Sequence[LoggedPrediction], prediction_id: str, day: date | None) -> LoggedPrediction:
    first = found[0]
    if all((record.features, record.prediction) == (first.features, first.prediction) for record in found):
        return first
    places = [f"{record.at:%Y-%m-%d} in batch {record.batch} of {record.batch.monitor}" for record in found[:PLACES]]
    more = f" and {len(found) - PLACES} more" if len(found) > PLACES else ""
    days = {record.at.date() for record in found}
    hint = "Name the day" if day is None and len(days) > 1 else "Hand in the features that you mean"
    raise NoSingleRecord(
        f"Prediction {_short(prediction_id)} was logged {len(found)} times with different content: "
        f"{'; '.join(places)}{more}. {hint}."
    )


def _absent(batches: Any, monitors: Sequence[Monitor], prediction_id: str, day: date | None) -> str:
    from monitoring import engine

    names = ", ".join(str(monitor) for monitor in monitors)
    when = f" of {day} (UTC)" if day else ""
    files = [path for monitor in monitors for path in _files(batches, monitor, day)]
    if not files:
        return f"{names}: there are no records{when}." + (" Leave the day empty to look at all." if day else "")
    if not engine.any_value(files, ID_COLUMN):
        return (
            f"{names}: none of the records{when} has a {ID_COLUMN}, so none can be found by it. "
            "Hand in the features instead, and have whoever sends records send the id too."
        )
    return f"{names}: no record{when} has the {ID_COLUMN} {_short(prediction_id)}." + (
        " Leave the day empty to look at all." if day else ""
    )


def _short(prediction_id: str) -> str:
    return prediction_id if len(prediction_id) <= SHOWN else f"{prediction_id[:SHOWN]}…"
