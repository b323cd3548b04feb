"""Read what a run declared of its data through ``placet.tracking``, check it, and keep it by content."""

import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.db import transaction

from governance.audit import services as audit
from governance.audit.actors import Actor
from governance.audit.events import Event
from governance.common import clock
from governance.evidence import storage
from placet import rows as row_digests
from placet.declaring import TASKS, TERMS
from registry import mlflow
from registry.findings import RECONCILER
from registry.models import DatasetSnapshot

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_DATA = 4 << 30
MEANING = ("features", "label", "task", "positive_label", "favourable_labels", "favourable_direction")
"""What the same bytes can't mean differently from one run to the next."""


@dataclass(frozen=True)
class Declared:
    """What the training script said about its data, or why that can't be used."""

    evaluation: DatasetSnapshot | None = None
    training: DatasetSnapshot | None = None
    problem: str = ""


def declared_by(client: mlflow.Client, run_id: str) -> Declared:
    """Fetch, check and keep the data that a run declared; ``problem`` says in a sentence what can't be used."""
    if not run_id:
        return Declared(problem="The version has no run, so no evaluation data was declared; register it from a run.")
    raw = client.run_artifact(run_id, "placet/dataset.json")
    if raw is None:
        return Declared(problem="The run declares no evaluation data; call placet.tracking.log_evaluation_data in it.")
    try:
        described = json.loads(raw)
        content = client.run_artifact(run_id, f"placet/{described['file']}")
        evaluation = keep_evaluation(described, content, f"runs:/{run_id}/placet/{described['file']}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Declared(problem=f"The declared evaluation data can't be used: {said(error)}")
    raw = client.run_artifact(run_id, "placet/training.json")
    if raw is None:
        return Declared(evaluation)
    try:
        described = json.loads(raw)
        content = client.run_artifact(run_id, f"placet/{described['file']}")
        return Declared(evaluation, _training(described, content, f"runs:/{run_id}/placet/{described['file']}"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Declared(evaluation, problem=f"The declared training data can't be used: {said(error)}")


def said(error: Exception) -> str:
    """Return what is wrong with declared data, as the end of a sentence."""
    return f"its description lacks {error}." if isinstance(error, KeyError) else str(error)


def keep_evaluation(
    described: dict[str, Any], content: bytes | None, uri: str, *, actor: Actor = RECONCILER
) -> DatasetSnapshot:
    """Keep evaluation data by content.

    Raises:
        ValueError: bytes, columns or labels are not what the description says, or it may not be kept any more.
    """
    import pyarrow.parquet as pq

    content = _checked(content, described["digest"])
    file = pq.ParquetFile(io.BytesIO(content))
    unpacked = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
    if unpacked > LARGEST_DATA:
        raise ValueError(f"it unpacks to {unpacked >> 20} MB; at most {LARGEST_DATA >> 20} MB are read.")
    schema = file.schema_arrow
    if not file.metadata.num_rows:
        raise ValueError("it has no rows, so there is nothing to measure on.")
    label = described["label"]
    if label not in schema.names:
        raise ValueError(f"it has no label column {label!r}; columns are {', '.join(schema.names)}.")
    outcome = _outcome(described, file.read(columns=[label]).column(label))
    for what, names in (
        ("the sensitive features", described["sensitive_features"]),
        ("the features", described["features"]),
    ):
        if missing := set(names) - set(schema.names):
            raise ValueError(f"it lacks {what} {sorted(missing)}.")
    handling = _handling(described.get("handling") or {}, described["sensitive_features"])
    days = [terms["delete_by"] for terms in handling.values() if "delete_by" in terms]
    row = DatasetSnapshot(
        digest=described["digest"],
        role=DatasetSnapshot.Role.EVALUATION,
        uri=uri,
        rows=file.metadata.num_rows,
        columns=[{"name": item.name, "type": str(item.type)} for item in schema],
        features=described["features"],
        label=label,
        **outcome,
        sensitive_features=described["sensitive_features"],
        reference_groups=described["reference_groups"],
        handling=handling,
        delete_by=_last_day([described.get("delete_by"), *days]),
    )
    return _kept(row, content, actor)


def _training(described: dict[str, Any], content: bytes | None, uri: str) -> DatasetSnapshot:
    """Keep the digests of training rows, and what their columns hold.

    Raises:
        ValueError: the digests are not what the description says, or may not be kept any more.
    """
    content = _checked(content, described["file_digest"])
    found = row_digests.from_bytes(content)
    if len(found) != described["rows"] or not len(found):
        raise ValueError(f"it has the digests of {len(found)} rows and says that it has {described['rows']}.")
    if not isinstance(described["profile"], dict):
        raise TypeError("its profile is no table of columns.")
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", str(described["digest"])):
        raise ValueError(f"its digest {described['digest']!r} is no digest.")
    row = DatasetSnapshot(
        digest=described["digest"],
        role=DatasetSnapshot.Role.TRAINING,
        uri=uri,
        rows=len(found),
        columns=[{"name": str(item["name"]), "type": str(item["type"])} for item in described["columns"]],
        features=described["features"],
        label=described["label"],
        profile=described["profile"],
        row_digests=described["file_digest"],
        delete_by=_last_day([described.get("delete_by")]),
    )
    return _kept(row, content)


def _checked(content: bytes | None, digest: str) -> bytes:
    if content is None:
        raise ValueError("the file is not in the run.")
    if "sha256:" + sha256(content).hexdigest() != digest:
        raise ValueError("its bytes do not have the digest that was declared.")
    return content


def _outcome(described: Mapping[str, Any], column: "pa.ChunkedArray[Any]") -> dict[str, Any]:
    """Return the fields that say what the label means for a person; without ``task`` it is binary."""
    task = described.get("task", "binary")
    if task not in TASKS:
        raise ValueError(f"its task {task!r} is none of {', '.join(TASKS)}.")
    if column.null_count:
        raise ValueError(f"its label {described['label']!r} is missing in {column.null_count} rows.")
    meant = {"binary": _of_two, "multiclass": _of_several, "regression": _of_a_number}[task]
    return {"task": task, **meant(described, column)}


def _of_two(described: Mapping[str, Any], column: "pa.ChunkedArray[Any]") -> dict[str, Any]:
    values = {str(value) for value in column.unique().to_pylist()}
    given = {name: str(described[name]) for name in ("positive_label", "favourable_label")}
    for name, value in given.items():
        if value not in values:
            raise ValueError(f"{name} {value!r} is none of the label's values {sorted(values)}.")
    if len(values) != 2:
        label = described["label"]
        raise ValueError(f"its label {label!r} holds {len(values)} values, {sorted(values)[:8]}; two are needed.")
    return {"positive_label": given["positive_label"], "favourable_labels": [given["favourable_label"]]}


def _of_several(described: Mapping[str, Any], column: "pa.ChunkedArray[Any]") -> dict[str, Any]:
    values = {str(value) for value in column.unique().to_pylist()}
    favourable = [str(value) for value in described["favourable_labels"]]
    if unknown := sorted(set(favourable) - values):
        raise ValueError(f"favourable_labels {unknown} are none of the label's values {sorted(values)[:20]}.")
    if not favourable or set(favourable) == values:
        raise ValueError("favourable_labels must name some of the label's values and not all.")
    return {"favourable_labels": favourable}


def _of_a_number(described: Mapping[str, Any], column: "pa.ChunkedArray[Any]") -> dict[str, Any]:
    import pyarrow as pa

    label = described["label"]
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise ValueError(f"its label {label!r} holds {column.type}; a regression needs numbers.")
    if not all(math.isfinite(value) for value in column.unique().to_pylist()):
        raise ValueError(f"its label {label!r} holds values that are not finite numbers.")
    direction = described["favourable_direction"]
    if direction not in DatasetSnapshot.Direction.values:
        raise ValueError(f"favourable_direction {direction!r} is neither higher nor lower.")
    return {"favourable_direction": direction}


def _handling(given: Mapping[str, Any], sensitive: list[str]) -> dict[str, dict[str, str]]:
    if unknown := set(given) - set(sensitive):
        raise ValueError(f"handling names {sorted(unknown)}, which are no sensitive features.")
    return {name: {term: str(terms[term])[:300] for term in TERMS if terms.get(term)} for name, terms in given.items()}


def _last_day(given: list[str | None]) -> date | None:
    days = [date.fromisoformat(value) for value in given if value]
    return min(days) if days else None


def _kept(row: DatasetSnapshot, content: bytes, actor: Actor = RECONCILER) -> DatasetSnapshot:
    """Return the snapshot of these bytes in this role, new or as an earlier run declared it."""
    if row.delete_by and row.delete_by < clock.now().date():
        raise ValueError(f"it was to be deleted by {clock.day(row.delete_by)}, so it is not kept.")
    with transaction.atomic():
        known = DatasetSnapshot.objects.select_for_update().filter(digest=row.digest, role=row.role).first()
        if known is None:
            storage.put(content)
            row.mirrored_at = clock.now()
            _append(row, {"label": row.label, "delete_by": row.delete_by}, actor)
            return row
        if known.gone_at:
            raise ValueError(f"the same rows were deleted here on {clock.day(known.gone_at.date())}; use others.")
        if different := [name for name in MEANING if getattr(known, name) != getattr(row, name)]:
            raise ValueError(
                f"the same bytes were declared before ({known.uri}) with another {different[0].replace('_', ' ')}: "
                f"{getattr(known, different[0])!r}, and now {getattr(row, different[0])!r}. Declare them alike."
            )
        # A day can come nearer and a missing basis can be filled in; a stated one stays as it was first said.
        known.handling = {
            name: (row.handling.get(name) or {}) | (known.handling.get(name) or {})
            for name in {*known.handling, *row.handling}
        }
        days = [day for day in (known.delete_by, row.delete_by) if day]
        known.delete_by = min(days) if days else None
        before = DatasetSnapshot.objects.get(pk=known.pk)
        if (before.handling, before.delete_by) != (known.handling, known.delete_by):
            _append(known, {"label": known.label, "delete_by": known.delete_by}, actor)
    return known


def _append(row: DatasetSnapshot, declared: Mapping[str, Any], actor: Actor) -> None:
    day = declared["delete_by"]
    audit.append(
        event=Event.DATASET_MIRRORED,
        actor=actor,
        subjects=[row],
        data={
            "digest": row.digest,
            "role": row.role,
            "rows": row.rows,
            "label": declared["label"],
            **({"delete_by": day.isoformat()} if day else {}),
        },
    )
