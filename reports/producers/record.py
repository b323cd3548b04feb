"""Work out a look at one record, in the evidence worker, where the heavy libraries live."""

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
from django.db import transaction

from governance.accounts.models import User
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common.clock import rfc3339
from monitoring.errors import UnreadableRecords
from monitoring.predictions import LoggedPrediction, NoSingleRecord, logged_prediction
from registry import selectors
from registry.models import DatasetSnapshot, ModelVersion
from reports.explanation import local
from reports.explanation.measure import background_digest
from reports.looks import CannotLook, Look, changeable, evidence_of
from reports.producers.inputs import artifact, model_errors

KINDS = {"row": "of the evaluation data", "features": "handed in", "prediction": "of a logged prediction"}


def worked_out(look: Look) -> dict[str, Any]:
    """Return one explained record as plain values; that somebody looks is in the log before the model is asked.

    Raises:
        CannotLook: the person may no longer read the model, or there is no evidence or no such row.
        CannotProduce: the model can't be run.
        ValueError: the features handed in are not the model's.
    """
    viewer = User.objects.get(pk=look["viewer"])
    version = ModelVersion.objects.select_related("model__system").get(pk=look["version"])
    if not selectors.models_for(viewer).filter(pk=version.model_id).exists():
        raise CannotLook("You may no longer read this model.")
    source = evidence_of(version)
    if source is None:
        raise CannotLook("There is no explanation of this version yet, whose data and background a look would use.")
    data = selectors.dataset(source.dataset_digest)
    frame: pd.DataFrame = pd.read_parquet(io.BytesIO(selectors.dataset_bytes(data)))[data.features]
    logged = _logged(viewer, version, data, look["record"]) if "prediction" in look["record"] else None
    row = _record({"features": logged.features} if logged else look["record"], frame)
    _log(viewer, version, data, look, row)
    with artifact(version) as folder, model_errors():
        found = local.explain(
            model_dir=folder,
            frame=frame,
            record=row,
            payload=source.payload,
            task=data.task,
            positive_label=data.positive_label,
            threshold=version.decision_threshold,
            mutable=[name for name in look["mutable"] if name in changeable(data)],
            most=look["most"],
        )
    return found | {"logged": _beside(logged, found, version, data) if logged else None}


def _logged(viewer: User, version: ModelVersion, data: DatasetSnapshot, wanted: Mapping[str, Any]) -> LoggedPrediction:
    """Return a record of production, with exactly the features of the data that the model is explained on."""
    day = date.fromisoformat(wanted["day"]) if wanted["day"] else None
    try:
        found = logged_prediction(viewer, version, wanted["prediction"], day=day)
    except NoSingleRecord as error:
        raise CannotLook(str(error), error.versions) from error
    except UnreadableRecords as error:
        raise CannotLook(f"The records of production can't be read: {error}") from error
    missing = [name for name in data.features if name not in found.features]
    if missing:
        raise CannotLook(
            f"The record lacks features that the model needs: {', '.join(missing)}. {found.batch.monitor} records the "
            "features of its reference; hand in all of them as JSON instead."
        )
    return replace(found, features={name: found.features[name] for name in data.features})


def _beside(
    logged: LoggedPrediction, found: Mapping[str, Any], version: ModelVersion, data: DatasetSnapshot
) -> dict[str, Any]:
    """Return what the model said then beside what it says now."""
    compared = local.then_and_now(
        logged.prediction, found["said"], task=data.task, threshold=version.decision_threshold
    )
    return {"at": rfc3339(logged.at), "monitor": str(logged.batch.monitor), "batch": str(logged.batch), **compared}


def _record(wanted: Mapping[str, Any], frame: pd.DataFrame) -> pd.DataFrame:
    if "features" in wanted:
        return local.one_row(wanted["features"], frame)
    place = int(wanted["row"])
    if not 1 <= place <= len(frame):
        raise CannotLook(f"The evaluation data has rows 1 to {len(frame):,}; there is no row {place:,}.")
    return frame.iloc[[place - 1]].reset_index(drop=True)


@transaction.atomic
def _log(viewer: User, version: ModelVersion, data: DatasetSnapshot, look: Look, row: pd.DataFrame) -> None:
    """Say in the log who looks, before anything is shown. Which record goes into the part that can be erased."""
    audit.append(
        event=Event.EXPLANATION_READ,
        actor=viewer,
        data={
            "model": str(version.model),
            "version": version.number,
            "digest": version.artifact_digest,
            "dataset": data.digest,
            "record": next(words for key, words in KINDS.items() if key in look["record"]),
            "counterfactual": bool(look["most"]),
        },
        payload={"row_digest": background_digest(row)} | _id_of(look["record"]),
    )


def _id_of(wanted: Mapping[str, Any]) -> dict[str, str]:
    return {"prediction_id": wanted["prediction"]} if "prediction" in wanted else {}
