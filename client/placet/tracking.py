"""Declare evaluation and training data in a training script, so that Placet can measure a model on it.

Writes ``placet/evaluation.parquet`` and ``placet/dataset.json`` into the MLflow run, and of the training rows
``placet/training.json`` and digests of the rows, never the rows. Needs ``placet[mlflow]``, or an MLflow from 2.3 with
pandas and pyarrow.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placet import rows
from placet.declaring import (
    check_columns,
    check_frame,
    day,
    features_of,
    outcome_of,
    plain,
    references_of,
    sensitive_of,
    terms_of,
    with_sensitive,
)
from placet.digests import file_digest

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "placet-dataset/1"
TRAINING_FORMAT = "placet-training/1"
FOLDER = "placet"
FILE = "evaluation.parquet"
ROWS_FILE = "training-rows.u64"


def log_evaluation_data(
    frame: "pd.DataFrame",
    *,
    label: str,
    task: str = "binary",
    positive_label: Any = None,
    favourable_label: Any = None,
    favourable_labels: Sequence[Any] | None = None,
    favourable_direction: str | None = None,
    sensitive_features: "Iterable[str] | Mapping[str, Sequence[Any] | pd.Series[Any]]" = (),
    reference_groups: Mapping[str, Any] | None = None,
    handling: Mapping[str, Mapping[str, Any]] | None = None,
    delete_by: date | str | None = None,
    features: Sequence[str] | None = None,
    run_id: str | None = None,
) -> str:
    """Log the rows that Placet shall evaluate the model on, and what their columns mean.

    Args:
        frame: the evaluation rows: features, label and sensitive features. At least one row.
        label: the column with the true outcome; none is missing. It holds exactly two values for ``binary``, two or
            more for ``multiclass``, finite numbers for ``regression``.
        task: ``binary``, ``multiclass`` or ``regression``.
        positive_label: binary: the value of the event that the model's score is the probability of (``bad`` in credit).
        favourable_label: binary: the value that is good for the person (``good`` in credit).
        favourable_labels: multiclass: the values that are good for the person, not all of them.
        favourable_direction: regression: ``higher`` or ``lower``, which way a value is good for the person.
        sensitive_features: names of columns, or name to values, one per row, for columns that are not in ``frame``
            because the model must not see them.
        reference_groups: per sensitive feature the group that others are compared with; left out, the largest group.
        handling: per sensitive feature ``lawful_basis`` (why it may be processed: AI Act Article 10(5), GDPR),
            ``access_role`` (who may read it) and ``delete_by`` (a date: the last day on which it may be kept). What is
            left out is reported as missing; after the earliest date Placet deletes the rows.
        delete_by: the last day on which any of the rows may be kept, whatever the columns.
        features: the columns that the model takes, in its order; left out, every column of ``frame`` that is neither
            the label nor a sensitive feature given by name.
        run_id: the MLflow run; the active run when left out.
    Returns: the digest of the Parquet file, ``sha256:<hex>``. The same rows always give the same file.
    Raises:
        ValueError: a column or value does not exist, the label does not fit the task, a date is past, or there is no
            run.
        TypeError: ``frame`` is not a pandas DataFrame, or a list of columns is one string.
    """
    check_frame(frame)
    sensitive = sensitive_of(frame, sensitive_features)
    table = with_sensitive(frame, sensitive_features)
    check_columns(table)
    outcome = outcome_of(table, label, task, positive_label, favourable_label, favourable_labels, favourable_direction)
    if label in sensitive:
        raise ValueError(f"{label!r} is the label; it cannot be a sensitive feature too.")
    columns = features_of(frame, label, sensitive, features)
    references = references_of(table, sensitive, reference_groups or {})
    terms = terms_of(sensitive, handling or {})
    last = day("delete_by", delete_by)
    run = _run(run_id)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        types = write_parquet(table, file)
        described = {
            "format": FORMAT,
            "file": FILE,
            "digest": file_digest(file),
            "rows": len(table),
            "columns": types,
            "label": label,
            "task": task,
            **{name: plain(value) for name, value in outcome.items()},
            "sensitive_features": sensitive,
            "reference_groups": references,
            "handling": terms,
            "delete_by": last,
            "features": columns,
        }
        _log(run, folder, "dataset.json", described)
    return str(described["digest"])


def log_training_data(
    frame: "pd.DataFrame",
    *,
    label: str,
    features: Sequence[str] | None = None,
    delete_by: date | str | None = None,
    run_id: str | None = None,
) -> str:
    """Log what the model was trained on, so that rows which it has seen are found in the evaluation data.

    The rows stay where they are. Placet gets their number, the digest of the whole, a digest of each row
    (:func:`placet.rows.row_digests`), and of each feature its range and the digests of its categories.

    Args:
        frame: the training rows with features and label, as the model was fitted on them.
        label: the column with the true outcome.
        features: the columns that the model takes; left out, every column but the label. Name the same features as
            for the evaluation data: a row is looked up by features and label.
        delete_by: the last day on which the digests of the rows may be kept.
        run_id: the MLflow run; the active run when left out.
    Returns: the digest of the rows as Parquet, ``sha256:<hex>``.
    Raises:
        ValueError: a column does not exist, a date is past, or there is no run.
        TypeError: ``frame`` is not a pandas DataFrame, or ``features`` is one string.
    """
    check_frame(frame)
    table = frame.reset_index(drop=True)
    check_columns(table)
    if label not in table.columns:
        raise ValueError(f"The label {label!r} is not a column of the training data.")
    columns = features_of(table, label, [], features)
    last = day("delete_by", delete_by)
    run = _run(run_id)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "training.parquet"
        types = write_parquet(table, whole)
        digest = file_digest(whole)
        whole.unlink()  # never logged
        file = Path(folder) / ROWS_FILE
        file.write_bytes(rows.to_bytes(rows.row_digests(table, [*columns, label])))
        described = {
            "format": TRAINING_FORMAT,
            "file": ROWS_FILE,
            "file_digest": file_digest(file),
            "digest": digest,
            "rows": len(table),
            "columns": types,
            "label": label,
            "features": columns,
            "profile": rows.profile(table, columns),
            "delete_by": last,
        }
        _log(run, folder, "training.json", described)
    return str(digest)


def _run(run_id: str | None) -> str:
    import mlflow

    run = run_id or (active.info.run_id if (active := mlflow.active_run()) else None)
    if run is None:
        raise ValueError("There is no active MLflow run: call this inside `with mlflow.start_run():`, or pass run_id.")
    return str(run)


def _log(run: str, folder: str, name: str, described: Mapping[str, Any]) -> None:
    import mlflow

    text = json.dumps(described, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    (Path(folder) / name).write_text(text, encoding="utf-8")
    mlflow.MlflowClient().log_artifacts(run, folder, artifact_path=FOLDER)


def write_parquet(frame: "pd.DataFrame", path: Path) -> list[dict[str, str]]:
    """Write a frame as Parquet, the same rows to the same bytes (per pyarrow version); return its columns and types.

    The index, and what pandas notes about itself, are left out.

    Raises:
        ValueError: a column mixes types that Parquet cannot hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    except pa.ArrowException as error:
        raise ValueError(f"The frame cannot be written as Parquet: {error}") from None
    pq.write_table(table, path, compression="zstd", version="2.6", use_dictionary=True, write_statistics=True)
    return [{"name": field.name, "type": str(field.type)} for field in table.schema]
