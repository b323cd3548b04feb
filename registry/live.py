"""Is what MLflow shows and stores behind a protected alias what Placet put there?"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache

from governance.approvals import services as approvals
from governance.approvals.models import GRANTED
from governance.common import clock
from placet.digests import UnusableArtifact, artifact_manifest
from placet.mlflow_plugin.protection import fold, is_protected_alias, is_protected_stage
from registry import artifacts, grandfathered, mlflow
from registry.errors import UnknownVersion
from registry.findings import RECONCILER, report
from registry.models import AliasHistory, ModelVersion, PromotionRequest, RegisteredModel

LISTING_KEPT_S = 86_400


def check_model(
    client: mlflow.Client, found: mlflow.Model | None, row: RegisteredModel, spans: Sequence[AliasHistory]
) -> list[str]:
    """Compare one model's protected aliases and stages with its open spans; return the titles of new findings.

    Args:
        found: the model as MLflow has it, None when it is gone there.
    """
    sentences: list[str] = []
    held = {span.alias: span for span in spans}
    seen: dict[str, list[tuple[str, int]]] = {}
    for alias, number in found.aliases.items() if found else ():
        if is_protected_alias(alias, settings.PROTECTED_ALIASES):
            seen.setdefault(fold(alias), []).append((alias, number))
    for folded, pointers in sorted(seen.items()):
        for alias, number in pointers:
            sentences += _check_alias(client, row, alias, number, held.get(folded))
    for folded, span in sorted(held.items()):
        if folded not in seen:
            sentences += report(
                code="alias-removed",
                title=f"{folded} is gone from {row.name} in MLflow; Placet put it on version {span.version.number} "
                "and never took it off",
                severity="high",
                system=row.system,
                request=span.promotion.approval if span.promotion else None,
            )
    return sentences + (_check_stages(client, row) if found else [])


def _check_alias(
    client: mlflow.Client, row: RegisteredModel, alias: str, number: int, span: AliasHistory | None
) -> list[str]:
    version = client.version(row.name, number)
    if span and span.version.number == number and span.version.mlflow_created_at_ms == version.created_at_ms:
        return _check_place(client, span, version)
    if _being_applied(row, fold(alias), version):
        return []
    if span and span.version.number == number:
        what = f"another version {number}, made after the approved one was deleted"
    else:
        what = f"version {number} there, Placet approved another or none"
    whose = "" if row.system else " (the model belongs to no AI system)"
    return report(
        code="unapproved-alias",
        title=f"Unapproved {alias}: MLflow has {row.name} {what}{whose}",
        severity="critical",
        system=row.system,
    )


def _being_applied(row: RegisteredModel, alias: str, version: mlflow.Version) -> bool:
    """Return whether the apply task is between the call to MLflow and its own note of it."""
    return PromotionRequest.objects.filter(
        version__model=row,
        version__number=version.number,
        version__mlflow_created_at_ms=version.created_at_ms,
        alias=alias,
        state=PromotionRequest.State.APPLYING,
    ).exists()


def _check_stages(client: mlflow.Client, row: RegisteredModel) -> list[str]:
    """Report versions in MLflow's stage Production, which Placet never grants."""
    sentences = []
    staged = [version for version in client.versions(row.name) if is_protected_stage(version.stage)]
    for version in grandfathered.unapproved(row, staged):
        sentences += report(
            code="unapproved-stage",
            title=f"Unapproved stage: MLflow has {row.name} version {version.number} in {version.stage}",
            severity="critical",
            system=row.system,
        )
    return sentences


def _check_place(client: mlflow.Client, span: AliasHistory, now: mlflow.Version) -> list[str]:
    moved = moved_to(client, span.version, now)
    return on_changed(span, "source-changed", f"{span.version}: {moved}") if moved else []


def moved_to(client: mlflow.Client, version: ModelVersion, now: mlflow.Version) -> str:
    """Return where MLflow says that a version's files come from or lie now, empty when that is what was mirrored.

    A version that was pointed elsewhere in MLflow's database keeps its number, its creation time, and, at the mirrored
    place, its bytes: consumers just get others.
    """
    if now.source != version.source:
        return f"MLflow's source is {now.source[:100]}, approved was {version.source[:100]}"
    location = client.storage_location(now.name, now.number)
    if location != version.storage_location:
        return f"MLflow's storage location is {location[:100]}, approved was {version.storage_location[:100]}"
    return ""


def check_bytes(client: mlflow.Client, span: AliasHistory) -> list[str]:
    """Digest one live version's files again, if they are due, and compare.

    Due when the last time is longer ago than ``PLACET_REDIGEST_SECONDS``, or when names or sizes in the store are not
    those of the last look. The times are kept in the cache; a wiped one only means that files are digested once more.

    Raises:
        ArtifactUnavailable: the files can't be fetched.
    """
    version = span.version
    if not version.artifact_digest:
        return []
    listing = artifacts.listing_digest(client, version.storage_location)
    done, seen = f"placet:digested:{version.pk}", f"placet:listing:{version.pk}"
    if cache.get(done) and cache.get(seen, listing) == listing:
        return []
    changed = difference(client, version)
    if changed:
        cache.delete(done)
        title = f"{version}: the store holds {changed[:26]}, approved is {version.artifact_digest[:26]}"
        return on_changed(span, "digest-mismatch", title)
    cache.set(done, 1, timeout=settings.REDIGEST_S)
    cache.set(seen, listing, timeout=LISTING_KEPT_S)
    return []


def look_for(client: mlflow.Client, version: ModelVersion) -> None:
    """Note whether a version's files are in the store, by their names alone; where it does not list them, nothing."""
    if not version.storage_location.startswith(artifacts.PROXIED):
        return
    listed = artifacts.listing_digest(client, version.storage_location)
    if listed:
        seen = {"there": listed != artifacts.NOTHING, "at": clock.now()}
        cache.set(f"placet:there:{version.pk}", seen, timeout=LISTING_KEPT_S)


def presence(version: ModelVersion) -> dict[str, Any] | None:
    """Return ``{there, at}``: whether a version's files were in the store when last looked for; None if nobody did."""
    found: dict[str, Any] | None = cache.get(f"placet:there:{version.pk}")
    return found


def difference(client: mlflow.Client, version: ModelVersion) -> str:
    """Return what lies in the store instead of the mirrored bytes; an empty text when they are the same.

    Raises:
        MlflowDown, ArtifactUnavailable: the files can't be read, so nobody knows.
    """
    with tempfile.TemporaryDirectory(prefix="placet-digest-") as folder:
        try:
            artifacts.fetch(client, version.storage_location, Path(folder))
            manifest = artifact_manifest(folder)
        except (UnknownVersion, UnusableArtifact, FileNotFoundError):
            return "no usable artifact"
    if manifest.root_digest != version.artifact_digest:
        return manifest.root_digest
    return "" if manifest.digest == version.manifest_digest else "the same bytes under other names"


def on_changed(span: AliasHistory, code: str, title: str) -> list[str]:
    """Report a live version that is not the approved one any more: a critical finding; the approval loses its force.

    The permit names bytes and place, so it never verifies for others; suspension makes loaders refuse at once.
    """
    approval = span.promotion.approval if span.promotion else None
    system = approval.system if approval else span.version.model.system
    sentences = report(code=code, title=title, severity="critical", system=system, request=approval)
    if approval and approval.state in GRANTED:
        approvals.suspend(request_id=approval.pk, actor=RECONCILER, reason=title)
    return sentences
