"""Evaluation data of a version that no MLflow holds: rows with their outcome and what the version answered on them.

Nothing of such a version runs here. With its answers beside the rows there is something that its records are compared
with, so it is monitored like others.
"""

import io
from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Any

from django.db import transaction

from governance.accounts.models import User
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common.errors import InvalidInput
from registry import declared, recording, selectors
from registry.errors import DataGiven, ModelUnassigned
from registry.models import ModelVersion

ANSWER = "prediction"
"""The column of what the version answered, as its records call it."""
LARGEST = 100_000_000  # bytes
MEANING = ("positive_label", "favourable_label", "favourable_labels", "favourable_direction")


def version_for(person: User, model: str, number: int) -> ModelVersion:
    """Return a recorded version as a person asks for it, whose model serves an AI system that they record for.

    Raises:
        UnknownModel, UnknownVersion: there is none, or none that the person may read.
        ModelUnassigned: its model serves no AI system.
        Forbidden: the person is no engineer or owner of the system.
        InvalidInput: MLflow holds it, and its run declares the data.
    """
    registered = selectors.model_for(person, model)
    if registered.system is None:
        raise ModelUnassigned(f"{registered} serves no AI system yet; a second person signs that first.")
    recording.check_may_record(person, registered.system)
    found = selectors.version(registered, number)
    if not found.is_recorded:
        raise InvalidInput(f"MLflow holds {found}: call placet.tracking.log_evaluation_data in its run.")
    return found


@transaction.atomic
def give_data(
    *,
    model: str,
    number: int,
    person: User,
    content: bytes,
    label: str,
    task: str = "binary",
    sensitive_features: Sequence[str] = (),
    delete_by: date | None = None,
    **meaning: Any,
) -> ModelVersion:
    """Keep the rows on which a recorded version was evaluated elsewhere, with its answers; once for a version.

    Args:
        content: a Parquet file with the features, the outcome and a column ``prediction``: of two classes the score of
            the positive one.
        label: the column of the outcome, in every row.
        sensitive_features: columns that are no features.
        delete_by: the last day on which the rows may be kept.
        meaning: those of :data:`MEANING` that the task needs, as ``placet.tracking.log_evaluation_data`` takes them.

    Raises:
        UnknownModel, UnknownVersion, ModelUnassigned, Forbidden: see :func:`version_for`.
        DataGiven: the version has some already.
        InvalidInput: the file is too large, or can't be used for a reason that is said.
    """
    found = version_for(person, model, number)
    version = ModelVersion.objects.select_for_update(of=("self",)).select_related("model").get(pk=found.pk)
    if version.evaluation_dataset_id:
        raise DataGiven(f"{version} has evaluation data already; what was evaluated anew is another version.")
    if len(content) > LARGEST:
        raise InvalidInput(f"The file is larger than {LARGEST >> 20} MB.")
    digest = "sha256:" + sha256(content).hexdigest()
    described = {
        "digest": digest,
        "label": label,
        "task": task,
        "sensitive_features": list(sensitive_features),
        "reference_groups": {},
        "delete_by": delete_by.isoformat() if delete_by else None,
        **{name: meaning[name] for name in MEANING if meaning.get(name)},
    }
    try:
        described["features"] = _features(content, label, sensitive_features)
        data = declared.keep_evaluation(described, content, f"recorded-version:{version.pk}", actor=person)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"The evaluation data can't be used: {declared.said(error)}") from error
    version.evaluation_dataset = data
    audit.append(
        event=Event.VERSION_DATA_GIVEN,
        actor=person,
        subjects=[version],
        data={
            "model": str(version.model),
            "version": version.number,
            "digest": version.artifact_digest,
            "dataset": data.digest,
            "rows": data.rows,
        },
    )
    return version


def as_json(version: ModelVersion) -> Mapping[str, Any]:
    """Return what is kept of the data that a version was given."""
    data = version.evaluation_dataset
    return (
        {
            "digest": data.digest,
            "rows": data.rows,
            "features": data.features,
            "label_column": data.label,
            "task": data.task,
        }
        if data
        else {}
    )


def _features(content: bytes, label: str, sensitive: Sequence[str]) -> list[str]:
    """Return the columns that are features.

    Raises:
        ValueError: it is no Parquet file, or has not one finite number as answer in each row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    names = pq.read_schema(io.BytesIO(content)).names
    if ANSWER not in names:
        raise ValueError(f"it has no column {ANSWER!r} with what the version answered.")
    answers = pq.read_table(io.BytesIO(content), columns=[ANSWER]).column(ANSWER)
    if not (pa.types.is_floating(answers.type) or pa.types.is_integer(answers.type)):
        raise ValueError(f"its column {ANSWER!r} holds {answers.type}; numbers are needed.")
    if answers.null_count or not pc.all(pc.is_finite(answers)).as_py():
        raise ValueError(f"its column {ANSWER!r} has rows without a finite number.")
    return [name for name in names if name not in {ANSWER, label, *sensitive}]
