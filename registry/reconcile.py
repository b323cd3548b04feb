"""Compare MLflow with what Placet decided: aliases that nobody approved, bytes that changed."""

import logging
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction

from governance.approvals.findings import open_finding
from governance.audit.actors import System
from registry import mlflow, selectors
from registry.applying import difference, on_bytes_changed
from registry.gate import fold
from registry.mirror import mirror_models
from registry.models import RegisteredModel

log = logging.getLogger(__name__)
RECONCILER = System("reconciler")


@dataclass
class Report:
    """What one pass saw."""

    models: int = 0
    findings: list[str] = field(default_factory=list)


def reconcile(*, check_bytes: bool = True) -> Report:
    """Mirror what is new, then check every protected alias and the bytes behind what is live.

    Raises:
        MlflowDown: nothing was read.
    """
    report = Report()
    with mlflow.Client() as client:
        for found, registered in mirror_models(client):
            report.models += 1
            report.findings += _check_aliases(found, registered)
        if check_bytes:
            report.findings += check_live_bytes(client)
    for sentence in report.findings:
        log.warning("%s", sentence)
    return report


def _check_aliases(found: mlflow.Model, registered: RegisteredModel) -> list[str]:
    sentences = []
    for alias, number in found.aliases.items():
        if fold(alias) not in settings.PROTECTED_ALIASES:
            continue
        live = selectors.live(registered, fold(alias))
        if live and live.version.number == number:
            continue
        applying = registered.versions.filter(
            number=number, promotion_requests__alias=fold(alias), promotion_requests__state="applying"
        ).exists()
        if applying or registered.system is None:
            continue
        sentences += _report_alias(registered, alias, number)
    return sentences


@transaction.atomic
def _report_alias(registered: RegisteredModel, alias: str, number: int) -> list[str]:
    if registered.system is None:
        return []
    title = f"Unapproved {alias}: MLflow has {registered.name} version {number} there, Placet approved another or none"
    opened = open_finding(
        system=registered.system,
        code="unapproved-alias",
        title=title,
        severity="critical",
        source="reconciler",
        actor=RECONCILER,
    )
    return [title] if opened else []


def check_live_bytes(client: mlflow.Client) -> list[str]:
    """Re-digest what is live and report bytes that are not the approved ones."""
    sentences = []
    for row in selectors.all_live():
        version = row.version
        if not version.artifact_digest:
            continue
        changed = difference(client, version)
        if changed:
            on_bytes_changed(version, row.promotion.approval if row.promotion else None, changed)
            sentences.append(f"digest mismatch: {version} behind {row.alias} is {changed}")
    return sentences
