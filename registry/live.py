"""Is what MLflow shows and stores behind a protected alias what Placet put there?"""

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache

from governance.approvals import services as approvals
from governance.approvals.models import GRANTED
from governance.common import clock
from placet.digests import UnusableArtifact, artifact_manifest
from registry import artifacts, mlflow
from registry.errors import UnknownVersion
from registry.findings import RECONCILER, report
from registry.models import AliasHistory, ModelVersion

LISTING_KEPT_S = 86_400
GONE = "no artifact any more"


def check_source(span: AliasHistory, now: mlflow.Version) -> list[str]:
    """Report a live version whose source is not the approved one any more."""
    moved = _other_source(span.version, now)
    return on_changed(span, "source-changed", f"{span.version}: {moved}") if moved else []


def check_place(client: mlflow.Client, span: AliasHistory) -> list[str]:
    """Report a live version whose files MLflow looks for elsewhere.

    One call for each that is live, since no listing of MLflow's has the place; so it goes with the files' check.

    Raises:
        MlflowDown: MLflow does not answer.
        UnknownModel: MLflow has no such version any more, which the watch over aliases reports.
    """
    moved = _other_place(client, span.version)
    return on_changed(span, "source-changed", f"{span.version}: {moved}") if moved else []


def moved_to(client: mlflow.Client, version: ModelVersion, now: mlflow.Version) -> str:
    """Return where MLflow says that a version's files come from or lie now, empty when that is what was mirrored.

    A version that was pointed elsewhere in MLflow's database keeps its number, its creation time, and, at the mirrored
    place, its bytes: consumers just get others.
    """
    return _other_source(version, now) or _other_place(client, version)


def _other_source(version: ModelVersion, now: mlflow.Version) -> str:
    if now.source == version.source:
        return ""
    return f"MLflow's source is {now.source[:100]}, approved was {version.source[:100]}"


def _other_place(client: mlflow.Client, version: ModelVersion) -> str:
    location = client.storage_location(version.model.name, version.number)
    if location == version.storage_location:
        return ""
    return f"MLflow's storage location is {location[:100]}, approved was {version.storage_location[:100]}"


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
        return on_changed(span, "artifact-missing" if changed == GONE else "digest-mismatch", title)
    cache.set(done, 1, timeout=settings.REDIGEST_S)
    cache.set(seen, listing, timeout=LISTING_KEPT_S)
    return []


def look_for(client: mlflow.Client, version: ModelVersion) -> None:
    """Note whether a version's files are in the store, by their names alone; where it does not list them, nothing."""
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
        except UnknownVersion:
            return GONE
        except (UnusableArtifact, FileNotFoundError):
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
