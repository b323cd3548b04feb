"""Measure what the evaluation data is like: AI Act, Article 10, in figures. The file is read in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from placet.rows import row_digests
from reports import payload
from reports.data_quality.columns import Column, fits, outwards
from reports.data_quality.repeats import Digests, Repeats, false_match_chance, found_in, repeats
from reports.shares import counted, share

PIECE = 100_000  # rows in memory at once; the first piece is held against pandas
NOT_STATED = "not stated"
FEWEST_SHOWN = 5  # a value that fewer rows have is not written out: it could be one person's
SMALL = 100  # rows; below, a rate of the group is hardly known
MOST_LISTED = 50
TERMS = ("lawful_basis", "access_role", "delete_by")


@dataclass(frozen=True)
class Meaning:
    """What was declared of the rows' columns, as ``DatasetSnapshot`` has it."""

    features: Sequence[str]
    label: str
    task: str = "binary"
    sensitive_features: Sequence[str] = ()
    handling: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """What is known of the training rows: their number, digest, row digests in ascending order, and profile."""

    digest: str
    rows: int
    row_digests: Digests
    profile: Mapping[str, Mapping[str, Any]]


def measure(
    file: BinaryIO,
    *,
    digest: str,
    meaning: Meaning,
    signature: Sequence[Mapping[str, Any]] | None = None,
    training: Training | None = None,
    no_training: str = "the run declared no training data; call placet.tracking.log_training_data in it",
    min_share: float = 0.05,
    suppress_below: int = 10,
) -> payload.Payload:
    """Return a ``data_quality/v1`` payload of a Parquet file.

    Nothing in it is one person's: a value of a column is named only where at least five rows have it, and a range is
    rounded outwards to two digits. Where a sensitive feature has a group of fewer than ``suppress_below`` people, none
    of its shares is given: ``fairness/v1`` says which may be, and one more here could give the others away.
    Memory holds one piece of rows and 16 bytes for each row of the file.

    Args:
        file: the file, seekable; its digest is computed again over all its bytes.
        digest: what the bytes should have.
        meaning: which columns are features, label, sensitive.
        signature: the inputs of the model's signature, ``[{"name", "type", "required"}]``; None if it has none.
        training: what is known of the training rows; None, with ``no_training`` as the reason, if nothing is.
        min_share: the share below which a group counts as small, beside those of fewer than 100 rows.
        suppress_below: the fewest people of a group whose size is given; 1 gives all.
    Returns: the payload. What can't be said has value None and a reason.
    Raises:
        ValueError: it is no Parquet file, lacks the label or a feature, or has other bytes than ``digest``.
    """
    found, size = sha256(), 0
    for piece in iter(lambda: file.read(1 << 20), b""):
        found.update(piece)
        size += len(piece)
    if (computed := f"sha256:{found.hexdigest()}") != digest:
        msg = f"The bytes of the data have the digest {computed}, not {digest}."
        raise ValueError(msg)
    file.seek(0)
    try:
        data = pq.ParquetFile(file)
    except pa.ArrowException as error:
        msg = f"The data is no Parquet file that can be read: {error}"
        raise ValueError(msg) from None
    absent = [name for name in (meaning.label, *meaning.features) if name not in data.schema_arrow.names]
    if absent:
        msg = f"The data has no column {absent[0]!r}."
        raise ValueError(msg)
    seen = _read(data, meaning, training)
    n = seen.n
    leaks, known = _leakage(seen, meaning, training, no_training)
    columns = [_column(item, meaning, signature, training) for item in seen.columns.values()]
    groups = [
        _groups(seen.columns[name], min_share, suppress_below)
        for name in meaning.sensitive_features
        if name in seen.columns
    ]
    _withhold_missing(columns, groups)
    names = list(seen.columns)
    expected = [str(item["name"]) for item in signature or () if item.get("name")]
    return {
        **payload.head(
            "data_quality/v1",
            n=n,
            seed=0,
            method={
                "counts": "over all rows of the data, so without an interval",
                "groups": "95 % score interval (Wilson) of the share of rows, also of the classes of the label",
                "duplicates": "rows with the same digest of features and label (placet.rows, 64 bits)",
                "leakage": "rows whose digest of features and label is among those of the training rows",
                "ranges": "rounded outwards to two digits; outside means beyond the training rows' own range",
                "names": f"values that fewer than {FEWEST_SHOWN} rows have are counted and not named",
            },
            libraries=("pyarrow", "numpy", "pandas"),
            reference_check=payload.reference_check("pandas", max_difference=seen.difference, tolerance=0.0),
        ),
        "dataset": {"digest": digest, "bytes": size, "checked": True},
        "signature": signature is not None,
        "columns": columns,
        "missing_columns": [
            str(item["name"])
            for item in signature or ()
            if item.get("name") and item["name"] not in names and item.get("required", True)
        ],
        "extra_columns": [
            name
            for name in names
            if name not in {*meaning.features, *meaning.sensitive_features, *expected, meaning.label}
        ],
        "duplicates": counted(seen.repeats.duplicates, n),
        "conflicting": counted(seen.repeats.conflicting, n),
        "leakage": leaks,
        "training": known,
        "label": _label(seen.columns[meaning.label], meaning),
        "groups": groups,
        "min_share": min_share,
        "sensitive": [_terms(name, meaning.handling.get(name, {})) for name in meaning.sensitive_features],
    }


@dataclass
class _Seen:
    columns: dict[str, Column]
    n: int
    repeats: Repeats
    whole: Digests
    difference: float


def _read(data: pq.ParquetFile, meaning: Meaning, training: Training | None) -> _Seen:
    profile = training.profile if training else {}
    columns = {item.name: Column(item.name, item.type, profile.get(item.name)) for item in data.schema_arrow}
    by_features: list[Digests] = []
    by_all: list[Digests] = []
    difference = 0.0
    for batch in data.iter_batches(batch_size=PIECE):
        for name, column in columns.items():
            column.add(batch.column(name))
        used = batch.select([*meaning.features, meaning.label]).to_pandas()
        by_features.append(row_digests(used, meaning.features))
        by_all.append(row_digests(used, [*meaning.features, meaning.label]))
        if len(by_all) == 1:
            difference = difference_from_pandas(batch.to_pandas(), columns, meaning, by_all[0])
    empty = np.empty(0, dtype=np.uint64)
    whole = np.concatenate(by_all) if by_all else empty
    found = repeats(np.concatenate(by_features) if by_features else empty, whole)
    return _Seen(columns, len(whole), found, whole, difference)


def difference_from_pandas(
    frame: pd.DataFrame, columns: Mapping[str, Column], meaning: Meaning, whole: Digests
) -> float:
    """Return the largest difference from pandas' own counts on the same rows: missing, infinite, ends, duplicates."""
    rows = [*meaning.features, meaning.label]
    ours_twice = len(whole) - len(np.unique(whole))
    differences: list[float] = [abs(int(frame.duplicated(subset=rows).sum()) - ours_twice)]
    for name, column in columns.items():
        theirs = frame[name]
        differences.append(abs(int(theirs.isna().sum()) - column.missing))
        if column.kind != "number":
            continue
        numbers = pd.to_numeric(theirs, errors="coerce").dropna().to_numpy(dtype=np.float64)
        finite = numbers[np.isfinite(numbers)]
        differences.append(abs(len(numbers) - len(finite) - column.infinite))
        if len(finite):
            differences += [abs(float(finite.min()) - column.low), abs(float(finite.max()) - column.high)]
    return float(max(differences))


def _leakage(
    seen: _Seen, meaning: Meaning, training: Training | None, no_training: str
) -> tuple[payload.Payload, payload.Payload | None]:
    if training is None:
        return payload.undefined(no_training, n=seen.n), None
    said = {
        "digest": training.digest,
        "rows": training.rows,
        "false_match_chance": false_match_chance(seen.n, training.rows),
    }
    return counted(found_in(seen.whole, training.row_digests), seen.n), said


def _column(
    column: Column, meaning: Meaning, signature: Sequence[Mapping[str, Any]] | None, training: Training | None
) -> payload.Payload:
    name = column.name
    role = "label" if name == meaning.label else "feature" if name in meaning.features else "other"
    asked = next((item for item in signature or () if item.get("name") == name), None)
    expected = str(asked["type"]) if asked and isinstance(asked.get("type"), str) else None
    here = column.rows - column.missing
    low, high = outwards(column.low, column.high) if column.low <= column.high else (None, None)
    return {
        "column": name,
        "role": role,
        "sensitive": name in meaning.sensitive_features,
        "kind": column.kind,
        "type": str(column.type).replace("large_", ""),  # how long texts are stored is no property of the data
        "expected": expected,
        "fits": fits(expected, column.type) if expected else None,
        "missing": counted(column.missing, column.rows),
        "constant": column.constant and column.rows > 0,
        "infinite": column.infinite,
        "different": None if column.different is None else len(column.different),
        "low": low,
        "high": high,
        "outside": _beyond(column, column.outside, here, "number", training, role=role),
        "unseen": _beyond(column, column.unseen, here, "text", training, role=role),
        "unseen_categories": len(column.unseen_texts) if column.texts_known else None,
    }


def _beyond(
    column: Column, rows: int, here: int, kind: str, training: Training | None, *, role: str
) -> payload.Payload | None:
    """Return the share of rows beyond what was trained on; None for a column of another kind or no feature."""
    if column.kind != kind or role != "feature":
        return None
    if column.range_known if kind == "number" else column.texts_known:
        return counted(rows, here, reason="no value in any row")
    if training is None:
        return payload.undefined("what the model was trained on is not known", n=here)
    if column.trained and column.trained.get("kind") == kind:
        many = "it had more than 1,000 different texts in training" if kind == "text" else "it had no value in training"
        return payload.undefined(many, n=here)
    held = column.trained.get("kind") if column.trained else "nothing"
    return payload.undefined(f"in training it held {held}", n=here)


def _label(column: Column, meaning: Meaning) -> payload.Payload:
    out: payload.Payload = {"column": meaning.label, "task": meaning.task, "classes": [], "not_named": 0}
    if meaning.task == "regression":
        low, high = outwards(column.low, column.high) if column.low <= column.high else (None, None)
        return out | {"low": low, "high": high}
    counts: Mapping[Any, int] = column.different or {}
    shown = sorted(((str(value), k) for value, k in counts.items() if k >= FEWEST_SHOWN), key=lambda row: row[0])
    out["classes"] = [{"label": text, "share": share(k, column.rows)} for text, k in shown[:MOST_LISTED]]
    out["not_named"] = len(counts) - len(out["classes"])
    return out


def _groups(column: Column, min_share: float, suppress_below: int) -> payload.Payload:
    out: payload.Payload = {"feature": column.name, "groups": [], "not_named": 0}
    if column.different is None or len(column.different) > MOST_LISTED:
        return out | {"reason": f"more than {MOST_LISTED} different values: no groups, but a measure"}
    counts = [(str(value), k) for value, k in column.different.items()]
    if column.missing:
        counts.append((NOT_STATED, column.missing))
    few = any(k < suppress_below for _, k in counts)
    why = f"withheld: the feature has a group of fewer than {suppress_below} people"
    for text, k in sorted(counts, key=lambda row: (-row[1], row[0])):
        if k < FEWEST_SHOWN:
            out["not_named"] += 1
            continue
        size = payload.undefined(why, n=column.rows) if few else share(k, column.rows)
        out["groups"].append({"group": text, "share": size, "small": k < SMALL or k < min_share * column.rows})
    return out


def _withhold_missing(columns: list[payload.Payload], groups: list[payload.Payload]) -> None:
    """Leave out how many rows do not state a feature whose groups' sizes are withheld: those are a group too."""
    whole = {
        row["feature"]: next((group["share"] for group in row["groups"] if group["share"]["value"] is None), None)
        for row in groups
    }
    for column in columns:
        if share_withheld := whole.get(column["column"]):
            column["missing"] = share_withheld


def _terms(name: str, given: Mapping[str, str]) -> payload.Payload:
    return {"column": name, **{term: given.get(term) for term in TERMS}, "complete": all(given.get(t) for t in TERMS)}
