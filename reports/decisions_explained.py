"""What made up the result behind one decision, for the letter that answers whoever asks (Article 86).

It is worked out as a look at one logged prediction is: from the records of production, in the model's sandbox, with an
entry in the log that names who asked. A letter is kept, so it gets less than a look shows: which features counted and
in which direction, and no value of any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from uuid import UUID

from governance.accounts.models import User
from governance.common.errors import Unknown
from governance.evidence.errors import CannotProduce
from governance.inventory.models import AISystem, Correspondence
from monitoring.errors import UnreadableRecords
from monitoring.predictions import NoSingleRecord, logged_prediction
from registry import selectors
from registry.models import ModelVersion
from reports.facts import Facts
from reports.looks import CannotLook
from reports.models import Document, DocumentJob

Json = dict[str, Any]
_RESULT = ("explainer", "output", "label", "said", "base", "score")
_LOGGED = ("at", "logged", "differs", "turned")


@dataclass(frozen=True)
class Explained:
    """The version that made a decision, where that is known, and ``explained`` or ``unexplained`` of a letter."""

    version: ModelVersion | None = None
    part: Json = field(default_factory=dict)


def explained_for(job: DocumentJob) -> Explained:
    """Return what became of the decision that a document's request asks about; empty for every other document."""
    if job.kind != Document.Kind.ANSWER:
        return Explained()
    row = Correspondence.objects.select_related("system").filter(pk=UUID(job.about)).first()
    if row is None or not row.decision:
        return _without("The request names no decision any more.")
    try:
        version = _version_behind(row.system, row.decision, job.requested_by)
    except (NoSingleRecord, UnreadableRecords) as error:
        return _without(str(error))
    if version is None:
        return _without("No version of a model is recorded for the system.")
    return _explained(version, row.decision, job.requested_by)


def _version_behind(ai_system: AISystem, decision: str, viewer: User) -> ModelVersion | None:
    """Return the version that made a prediction; None where the system has no version.

    Raises:
        NoSingleRecord: no record of that id, or records that contradict each other; of several models what the first
            that has records says.
        UnreadableRecords: the records can't be read.
    """
    in_use = Facts(ai_system).version
    others = ModelVersion.objects.filter(model__system=ai_system).select_related("model__system")
    newest = others.order_by("model", "-mlflow_created_at_ms").distinct("model")
    candidates = [in_use, *(row for row in newest if row.model_id != in_use.model_id)] if in_use else []
    refusal: NoSingleRecord | None = None
    for version in candidates:
        try:
            logged_prediction(viewer, version, decision)
        except NoSingleRecord as error:
            refusal = refusal or error
            if len(error.versions) == 1:
                return selectors.version(version.model, error.versions[0])
        else:
            return version
    if refusal:
        raise refusal
    return None


def _explained(version: ModelVersion, decision: str, viewer: User) -> Explained:
    look = {"viewer": str(viewer.pk), "version": str(version.pk), "mutable": [], "most": 0}
    work = import_module("reports.producers.record").worked_out  # libraries that only a worker has at hand
    try:
        found = work(look | {"record": {"prediction": decision, "day": ""}})
    except (CannotLook, CannotProduce, Unknown, ValueError) as error:
        return Explained(version, {"unexplained": str(error)[:800]})
    return Explained(version, {"explained": _kept(found)})


def _kept(found: Mapping[str, Any]) -> Json:
    logged = found.get("logged")
    return {
        **{name: found[name] for name in _RESULT},
        "contributions": [{"feature": row["feature"], "phi": row["phi"]} for row in found["contributions"]],
        "logged": {name: logged.get(name) for name in _LOGGED} if logged else None,
    }


def _without(why: str) -> Explained:
    return Explained(part={"unexplained": why[:800]})
