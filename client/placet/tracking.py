"""Declare evaluation data in a training script, so that Placet can measure a model on it.

Writes ``placet/evaluation.parquet`` and ``placet/dataset.json`` into the MLflow run. Needs ``placet[mlflow]``, or an
MLflow from 2.3 with pandas and pyarrow.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placet.digests import file_digest

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "placet-dataset/1"
FOLDER = "placet"
FILE = "evaluation.parquet"


def log_evaluation_data(
    frame: "pd.DataFrame",
    *,
    label: str,
    positive_label: Any,
    favourable_label: Any,
    sensitive_features: "Iterable[str] | Mapping[str, Sequence[Any] | pd.Series[Any]]" = (),
    reference_groups: Mapping[str, Any] | None = None,
    features: Sequence[str] | None = None,
    run_id: str | None = None,
) -> str:
    """Log the rows that Placet shall evaluate the model on, and what their columns mean.

    Args:
        frame: the evaluation rows: features, label and sensitive features. At least one row.
        label: the column with the true outcome; it holds exactly two values and none is missing.
        positive_label: the value of the event that the model's score is the probability of (``bad`` in credit).
        favourable_label: the value that is good for the person (``good`` in credit).
        sensitive_features: names of columns, or name to values, one per row, for columns that are not in ``frame``
            because the model must not see them.
        reference_groups: per sensitive feature the group that others are compared with; left out, the largest group.
        features: the columns that the model takes, in its order; left out, every column of ``frame`` that is neither
            the label nor a sensitive feature given by name.
        run_id: the MLflow run; the active run when left out.
    Returns: the digest of the Parquet file, ``sha256:<hex>``. The same rows always give the same file.
    Raises:
        ValueError: a column or value does not exist, the label does not hold two values, or there is no run.
        TypeError: ``frame`` is not a pandas DataFrame, or a list of columns is one string.
    """
    import mlflow
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"frame is a {type(frame).__name__}; pass a pandas DataFrame.")
    sensitive = _sensitive(frame, sensitive_features)
    table = _with_sensitive(frame, sensitive_features)
    _check_columns(table)
    _check_label(table, label, positive_label=positive_label, favourable_label=favourable_label)
    if label in sensitive:
        raise ValueError(f"{label!r} is the label; it cannot be a sensitive feature too.")
    columns = _features(frame, label, sensitive, features)
    references = _references(table, sensitive, reference_groups or {})
    run = run_id or (active.info.run_id if (active := mlflow.active_run()) else None)
    if run is None:
        raise ValueError("There is no active MLflow run: call this inside `with mlflow.start_run():`, or pass run_id.")
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
            "positive_label": _plain(positive_label),
            "favourable_label": _plain(favourable_label),
            "sensitive_features": sensitive,
            "reference_groups": references,
            "features": columns,
        }
        text = json.dumps(described, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        (Path(folder) / "dataset.json").write_text(text, encoding="utf-8")
        mlflow.MlflowClient().log_artifacts(run, folder, artifact_path=FOLDER)
    return str(described["digest"])


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


def _sensitive(frame: "pd.DataFrame", given: Any) -> list[str]:
    if isinstance(given, str):
        raise TypeError(f"sensitive_features is the string {given!r}; pass a list of column names.")
    names = list(given)
    missing = [] if isinstance(given, Mapping) else [n for n in names if n not in frame.columns]
    if missing:
        raise ValueError(f"Sensitive columns not in the frame: {_listed(missing)}. It has {_listed(frame.columns)}.")
    if len(set(names)) != len(names):
        raise ValueError("A sensitive feature is listed twice.")
    return names


def _with_sensitive(frame: "pd.DataFrame", given: Any) -> "pd.DataFrame":
    import pandas as pd

    if not isinstance(given, Mapping):
        return frame.reset_index(drop=True)
    table = frame.reset_index(drop=True)
    for name, values in given.items():
        column = pd.Series(list(values), name=name)
        if len(column) != len(table):
            raise ValueError(f"The sensitive feature {name!r} has {len(column)} values for {len(table)} rows.")
        if name in table.columns and not column.equals(table[name].astype(column.dtype)):
            raise ValueError(f"The frame has a column {name!r} with other values than the sensitive feature {name!r}.")
        table[name] = column
    return table


def _check_columns(table: "pd.DataFrame") -> None:
    if not len(table):
        raise ValueError("The frame has no rows, so there is nothing to evaluate.")
    if other := [c for c in table.columns if not isinstance(c, str)]:
        raise ValueError(f"Column names must be strings; {other[0]!r} is a {type(other[0]).__name__}.")
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise ValueError(f"The frame has two columns named {twice!r}.")


def _check_label(table: "pd.DataFrame", label: str, *, positive_label: Any, favourable_label: Any) -> None:
    if label not in table.columns:
        raise ValueError(f"The label {label!r} is not a column. The frame has {_listed(table.columns)}.")
    if table[label].isna().any():
        raise ValueError(f"The label {label!r} is missing in {int(table[label].isna().sum())} rows; leave those out.")
    values = [_plain(v) for v in table[label].unique()]
    if len(values) != 2:
        found = _listed(sorted(map(str, values)))
        raise ValueError(f"The label {label!r} must hold exactly two values; it holds {len(values)}: {found}.")
    for name, value in {"positive_label": positive_label, "favourable_label": favourable_label}.items():
        if not any(_same(value, v) for v in values):
            raise ValueError(f"{name} {value!r} is not a value of {label!r}, which holds {_listed(values)}.")


def _features(frame: "pd.DataFrame", label: str, sensitive: list[str], features: Sequence[str] | None) -> list[str]:
    if features is None:
        return [str(c) for c in frame.columns if c != label and c not in sensitive]
    if isinstance(features, str):
        raise TypeError(f"features is the string {features!r}; pass a list of column names.")
    if missing := [f for f in features if f not in frame.columns]:
        raise ValueError(f"Features not in the frame: {_listed(missing)}. It has {_listed(frame.columns)}.")
    if label in features:
        raise ValueError(f"The label {label!r} cannot be a feature: the model would be given the answer.")
    return [str(f) for f in features]


def _references(table: "pd.DataFrame", sensitive: list[str], given: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := [name for name in given if name not in sensitive]:
        raise ValueError(f"reference_groups names {_listed(unknown)}, which is not among the sensitive features.")
    result: dict[str, Any] = {}
    for name in sensitive:
        counts = table[name].value_counts()
        if not len(counts):
            raise ValueError(f"The sensitive feature {name!r} has no value in any row.")
        groups = sorted((_plain(v) for v in counts[counts == counts.max()].index), key=str)
        group = given.get(name, groups[0])
        if not any(_same(group, _plain(v)) for v in counts.index):
            raise ValueError(f"The reference group {group!r} is not a value of {name!r}: {_listed(counts.index)}.")
        result[name] = _plain(group)
    return result


def _plain(value: Any) -> Any:
    """Return a numpy scalar as Python's own, so that it can go into JSON."""
    return value.item() if hasattr(value, "item") else value


def _same(one: Any, other: Any) -> bool:
    """Compare as values of a column: 1 and True are different labels, 1 and 1.0 are not."""
    one, other = _plain(one), _plain(other)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _listed(names: Iterable[Any]) -> str:
    texts = [repr(_plain(n)) for n in names]
    return ", ".join(texts[:12]) + (f" and {len(texts) - 12} more" if len(texts) > 12 else "")
