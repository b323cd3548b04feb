"""Mirror MLflow's registry: models, versions with the digest of their bytes, the data they are measured on."""

import io
import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from governance.accounts.selectors import person_by_external_identity
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.evidence import storage
from placet.digests import artifact_manifest
from registry import mlflow
from registry.models import DatasetSnapshot, ModelVersion, RegisteredModel, RegistrationNotice

log = logging.getLogger(__name__)
RECONCILER = System("reconciler")


@dataclass(frozen=True)
class _Declared:
    """What the training script said about its evaluation data, or why it can't be used."""

    snapshot: DatasetSnapshot | None
    problem: str = ""


def mirror_models(client: mlflow.Client) -> list[tuple[mlflow.Model, RegisteredModel]]:
    """Mirror every registered model and its new versions; return the models with their rows."""
    mirrored = []
    for found in client.models():
        row = RegisteredModel.objects.filter(workspace="default", name=found.name).first() or _new_model(found.name)
        known = set(row.versions.values_list("number", "mlflow_created_at_ms"))
        for version in sorted(client.versions(found.name), key=lambda item: item.number):
            if (version.number, version.created_at_ms) not in known:
                mirror_version(client, row, version)
        mirrored.append((found, row))
    return mirrored


@transaction.atomic
def _new_model(name: str) -> RegisteredModel:
    row = RegisteredModel(name=name, mirrored_at=clock.now())
    audit.append(event=Event.MODEL_MIRRORED, actor=RECONCILER, subjects=[row], data={"model": name})
    return row


def mirror_version(client: mlflow.Client, model: RegisteredModel, version: mlflow.Version) -> ModelVersion:
    """Mirror one version: digest its bytes, read what it declares, keep its evaluation data by content."""
    location = client.storage_location(version.name, version.number)
    with tempfile.TemporaryDirectory(prefix="placet-mirror-") as folder:
        target = Path(folder) / "model"
        target.mkdir()
        client.download(location, target)
        manifest = artifact_manifest(target)
        described = _described(target)
    run = client.run(version.run_id) if version.run_id else mlflow.Run({}, {})
    declared = _declared(client, version)
    threshold, problem = _threshold(run.parameters), declared.problem
    notice = RegistrationNotice.objects.filter(name=version.name, source=version.source).order_by("-at").first()
    row = ModelVersion(
        model=model,
        number=version.number,
        mlflow_created_at_ms=version.created_at_ms,
        run_id=version.run_id,
        source=version.source,
        storage_location=location,
        artifact_digest=manifest.root_digest,
        manifest_digest=manifest.digest,
        artifact_bytes=sum(file.size for file in manifest.files),
        flavor=described["flavor"],
        signature=described["signature"],
        parameters=run.parameters,
        metrics=run.metrics,
        decision_threshold=threshold,
        evaluation_dataset=declared.snapshot,
        problem=problem,
        mirrored_at=clock.now(),
        trained_by=person_by_external_identity("mlflow", notice.username) if notice else None,
    )
    with transaction.atomic():
        audit.append(
            event=Event.VERSION_MIRRORED,
            actor=RECONCILER,
            subjects=[row],
            data={
                "model": version.name,
                "version": version.number,
                "created_at_ms": version.created_at_ms,
                "digest": row.artifact_digest,
                "manifest": row.manifest_digest,
                "trained_by": row.trained_by.actor_id if row.trained_by else None,
                "dataset": declared.snapshot.digest if declared.snapshot else None,
            },
        )
    log.info("mirrored %s, %s", row, row.artifact_digest)
    return row


def _described(folder: Path) -> dict[str, Any]:
    """Read flavor and signature from MLmodel without loading the model."""
    path = folder / "MLmodel"
    described = yaml.safe_load(path.read_text()) if path.exists() else {}
    flavors = [name for name in described.get("flavors", {}) if name != "python_function"]
    signature = described.get("signature") or {}
    return {
        "flavor": flavors[0] if flavors else "python_function" if described.get("flavors") else "",
        "signature": {key: json.loads(value) for key, value in signature.items() if isinstance(value, str) and value},
    }


def _threshold(parameters: dict[str, str]) -> float:
    try:
        value = float(parameters.get("decision_threshold", "0.5"))
    except ValueError:
        return 0.5
    return value if 0 < value < 1 else 0.5


def _declared(client: mlflow.Client, version: mlflow.Version) -> _Declared:
    """Fetch, check and keep the evaluation data that the run declared through Placet."""
    if not version.run_id:
        return _Declared(None, "The version has no run, so no evaluation data was declared; register it from a run.")
    raw = client.run_artifact(version.run_id, "placet/dataset.json")
    if raw is None:
        return _Declared(None, "The run declares no evaluation data; call placet.tracking.log_evaluation_data in it.")
    try:
        described = json.loads(raw)
        content = client.run_artifact(version.run_id, f"placet/{described['file']}")
        return _Declared(_snapshot(described, content, f"runs:/{version.run_id}/placet/{described['file']}"))
    except (ValueError, KeyError, TypeError) as error:
        return _Declared(None, f"The declared evaluation data can't be used: {error}")


def _snapshot(described: dict[str, Any], content: bytes | None, uri: str) -> DatasetSnapshot:
    """Keep a dataset by content.

    Raises:
        ValueError: bytes, columns or labels are not what the description says.
    """
    import pyarrow.parquet as pq

    if content is None:
        raise ValueError("the file is not in the run.")
    digest = storage.put(content)
    if digest != described["digest"]:
        raise ValueError("its bytes do not have the digest that was declared.")
    table = pq.read_table(io.BytesIO(content))
    label = described["label"]
    if label not in table.column_names:
        raise ValueError(f"it has no label column {label!r}; columns are {', '.join(table.column_names)}.")
    values = {str(value) for value in table.column(label).unique().to_pylist()}
    for name in ("positive_label", "favourable_label"):
        if str(described[name]) not in values:
            raise ValueError(f"{name} {described[name]!r} is none of the label's values {sorted(values)}.")
    missing = set(described["sensitive_features"]) - set(table.column_names)
    if missing:
        raise ValueError(f"it lacks the sensitive features {sorted(missing)}.")
    role = DatasetSnapshot.Role.EVALUATION
    existing = DatasetSnapshot.objects.filter(digest=digest, role=role).first()
    if existing:
        return existing
    row = DatasetSnapshot(
        digest=digest,
        role=role,
        uri=uri,
        rows=table.num_rows,
        columns=[{"name": item.name, "type": str(item.type)} for item in table.schema],
        features=described["features"],
        label=label,
        positive_label=str(described["positive_label"]),
        favourable_label=str(described["favourable_label"]),
        sensitive_features=described["sensitive_features"],
        reference_groups=described["reference_groups"],
        mirrored_at=clock.now(),
    )
    with transaction.atomic():
        audit.append(
            event=Event.DATASET_MIRRORED,
            actor=RECONCILER,
            subjects=[row],
            data={"digest": digest, "role": role, "rows": row.rows, "label": label},
        )
    return row
