"""Mirror MLflow's registry: models, versions with the digest of their bytes, the data they are measured on."""

import json
import logging
import math
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet

from governance.accounts.models import User
from governance.accounts.selectors import person_by_external_identity
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError
from governance.evidence import storage
from placet.digests import ArtifactManifest, UnusableArtifact, artifact_manifest
from placet.uris import split_workspace
from registry import artifacts, bases, mlflow
from registry.declared import declared_by
from registry.errors import ArtifactUnavailable, MlflowDown, UnknownModel, UnknownVersion
from registry.findings import RECONCILER, report
from registry.models import DatasetSnapshot, ModelVersion, RegisteredModel, RegistrationNotice, RunNotice

log = logging.getLogger(__name__)
DEFAULT_THRESHOLD = 0.5
AGAIN_S = 300
CODE_TAGS = {
    "commit": "mlflow.source.git.commit",
    "source": "mlflow.source.name",
    "type": "mlflow.source.type",
    "repository": "mlflow.source.git.repoURL",
    "entry_point": "mlflow.project.entryPoint",
}
"""What of a version's code is mirrored, and the tag of its run that says it: the word of whoever wrote the run."""


def model_row(model: str) -> RegisteredModel:
    """Return the row of a registered model by what it is called, made now when it is new."""
    workspace, name = split_workspace(model)
    return model_rows(workspace, [name])[name]


@transaction.atomic
def _new_model(workspace: str, name: str) -> RegisteredModel:
    row = RegisteredModel(workspace=workspace, name=name, mirrored_at=clock.now())
    audit.append(event=Event.MODEL_MIRRORED, actor=RECONCILER, subjects=[row], data={"model": str(row)})
    return row


def model_rows(workspace: str, names: Iterable[str]) -> dict[str, RegisteredModel]:
    """Return the rows of many registered models of a workspace by name, in one query but for those that are new."""
    wanted = set(names)
    rows = RegisteredModel.objects.select_related("system__owner").filter(workspace=workspace, name__in=wanted)
    found = {row.name: row for row in rows}
    return found | {name: _new_model(workspace, name) for name in sorted(wanted - found.keys())}


def mirror_page(client: mlflow.Client, versions: Sequence[mlflow.Version]) -> list[str]:
    """Mirror those of a page's versions that are new, each by itself; return a sentence for each that has a problem.

    Three queries and one look into the cache for a page in which nothing is new. A version whose files can't be
    fetched is kept with its problem and without a digest, so that people see why it can't be requested; it is tried
    again every few minutes.

    Raises:
        MlflowDown: the tracking server does not answer.
    """
    models = model_rows(client.workspace, (version.name for version in versions))
    rows = ModelVersion.objects.filter(
        model__in=[row.pk for row in models.values()], mlflow_created_at_ms__in={row.created_at_ms for row in versions}
    ).values_list("model", "number", "mlflow_created_at_ms", "pk", "artifact_digest")
    known = {(model, number, created): (pk, digest) for model, number, created, pk, digest in rows}
    lately = cache.get_many([_lately(pk) for pk, digest in known.values() if not digest])
    sentences = []
    for version in versions:
        model = models[version.name]
        pk, digest = known.get((model.pk, version.number, version.created_at_ms), (None, ""))
        if not digest and (pk is None or _lately(pk) not in lately):
            sentences += _mirror_contained(client, model, version, pk)
    return sentences


def _mirror_contained(
    client: mlflow.Client, model: RegisteredModel, version: mlflow.Version, known: uuid.UUID | None
) -> list[str]:
    try:
        row = ModelVersion.objects.get(pk=known) if known else None
        row = mirror_version(client, model, version, row)
    except MlflowDown:
        raise
    except Exception as error:  # what one version does to us must not hide the others
        log.exception("%s version %s can't be mirrored", version.model, version.number)
        return report(
            code="version-unmirrored",
            title=f"{version.model} version {version.number} can't be mirrored: {in_words(error)}",
            severity="high",
            system=model.system,
        )
    if not row.artifact_digest:
        cache.set(_lately(row.pk), 1, timeout=AGAIN_S)
    return [f"{row}: {row.problem}"] if row.problem else []


def _lately(pk: uuid.UUID) -> str:
    return f"placet:mirrored-lately:{pk}"


def mirror_version(
    client: mlflow.Client, model: RegisteredModel, version: mlflow.Version, row: ModelVersion | None = None
) -> ModelVersion:
    """Mirror one version: digest its bytes, read what it declares, keep its evaluation data by content.

    Args:
        row: what an earlier attempt left, which had no digest.
    Raises:
        MlflowDown: the tracking server does not answer.
    """
    try:
        facts = _facts(client, version)
    except MlflowDown as down:
        if not mlflow.is_up():
            raise
        facts = _Facts(problem=f"MLflow can't serve it: {down.detail}")
    except (ArtifactUnavailable, UnusableArtifact, UnknownModel, UnknownVersion) as error:
        facts = _Facts(problem=in_words(error))
    except Exception as error:
        log.exception("%s version %s can't be read", version.model, version.number)
        facts = _Facts(problem=f"It can't be read: {in_words(error)}")
    if row and not facts.manifest and row.problem == facts.problem[:500]:
        return row  # nothing new to write down
    is_new = row is None
    row = row or ModelVersion(model=model, number=version.number, mlflow_created_at_ms=version.created_at_ms)
    row.run_id, row.source, row.storage_location = version.run_id, version.source, facts.location
    if facts.manifest:
        row.artifact_digest, row.manifest_digest = facts.manifest.root_digest, storage.put(facts.manifest.content)
        row.artifact_bytes = sum(file.size for file in facts.manifest.files)
    row.flavor, row.signature, row.code = facts.flavor, facts.signature, facts.code
    row.parameters, row.metrics, row.decision_threshold = facts.parameters, facts.metrics, facts.threshold
    row.evaluation_dataset, row.training_dataset = facts.dataset, facts.training
    row.problem, row.mirrored_at = facts.problem[:500], clock.now()
    row.registered_by = _who(
        RegistrationNotice.objects.filter(
            workspace=version.workspace,
            name=version.name,
            number=version.number,
            created_at_ms=version.created_at_ms,
        )
    )
    row.trained_by = _who(RunNotice.objects.filter(run_id=version.run_id)) or row.registered_by
    with transaction.atomic():
        audit.append(
            event=Event.VERSION_MIRRORED,
            actor=RECONCILER,
            subjects=[row],
            data={
                "model": version.model,
                "version": version.number,
                "created_at_ms": version.created_at_ms,
                "digest": row.artifact_digest or None,
                "manifest": row.manifest_digest or None,
                "decision_threshold": row.decision_threshold,
                "commit": facts.code.get("commit") or None,
                "trained_by": row.trained_by.actor_id if row.trained_by else None,
                "registered_by": row.registered_by.actor_id if row.registered_by else None,
                "dataset": facts.dataset.digest if facts.dataset else None,
                "training": facts.training.digest if facts.training else None,
            },
        )
        if is_new:
            bases.on_new_version(row)
    log.info("mirrored %s, %s", row, row.artifact_digest or row.problem)
    return row


def _who(notices: "QuerySet[RegistrationNotice] | QuerySet[RunNotice]") -> User | None:
    """Return whom the first notice names: the person who had that name in MLflow then."""
    first = notices.order_by("at").first()
    return person_by_external_identity("mlflow", first.username, at=first.at) if first else None


def in_words(error: Exception) -> str:
    """Return what went wrong in one line: a sentence of ours as it is, anything else with its type."""
    if isinstance(error, DomainError):
        return error.detail
    text = (str(error).splitlines() or [""])[0][:300]
    ours = isinstance(error, ArtifactUnavailable | UnusableArtifact)
    return text if ours else f"{type(error).__name__}: {text}".removesuffix(": ")


@dataclass
class _Facts:
    """What was read of a version; ``manifest`` is None where its files could not be fetched."""

    problem: str = ""
    location: str = ""
    manifest: ArtifactManifest | None = None
    flavor: str = ""
    signature: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)
    threshold: float = DEFAULT_THRESHOLD
    dataset: DatasetSnapshot | None = None
    training: DatasetSnapshot | None = None
    code: dict[str, str] = field(default_factory=dict)


def _facts(client: mlflow.Client, version: mlflow.Version) -> _Facts:
    location = client.storage_location(version.name, version.number)
    with tempfile.TemporaryDirectory(prefix="placet-mirror-") as folder:
        target = Path(folder) / "model"
        target.mkdir()
        artifacts.fetch(client, location, target)
        manifest = artifact_manifest(target)
        flavor, signature, unreadable = _described(target)
    run = client.run(version.run_id) if version.run_id else mlflow.Run({}, {})
    declared = declared_by(client, version.run_id)
    threshold, wrong = _threshold(run.parameters)
    return _Facts(
        problem=unreadable or declared.problem or wrong,
        location=location,
        manifest=manifest,
        flavor=flavor,
        signature=signature,
        parameters=run.parameters,
        metrics={name: value if math.isfinite(value) else None for name, value in run.metrics.items()},
        threshold=threshold,
        dataset=declared.evaluation,
        training=declared.training,
        code={name: str(run.tags.get(tag, ""))[:1000] for name, tag in CODE_TAGS.items()},
    )


def _described(folder: Path) -> tuple[str, dict[str, Any], str]:
    """Read flavor and signature from MLmodel without loading the model; the third is why it can't be read."""
    path = folder / "MLmodel"
    if not path.is_file():
        return "", {}, "It has no MLmodel file; log it with an MLflow flavor."
    try:
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
        flavors = [name for name in described.get("flavors", {}) if name != "python_function"]
        flavor = str(flavors[0]) if flavors else "python_function" if described.get("flavors") else ""
        signature = {
            str(key): json.loads(value)
            for key, value in (described.get("signature") or {}).items()
            if isinstance(value, str) and value
        }
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError):
        return "", {}, "Its MLmodel file is not readable; log the model again."
    return flavor[:60], signature, ""


def _threshold(parameters: dict[str, str]) -> tuple[float, str]:
    """Return the decision threshold that the run names, one half where it names none; and what is wrong with it."""
    given = parameters.get("decision_threshold")
    if given is None:
        return DEFAULT_THRESHOLD, ""
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if 0 < value < 1:
        return value, ""
    return DEFAULT_THRESHOLD, f"Its run says decision_threshold={given[:40]!r}; it must be a number between 0 and 1."
