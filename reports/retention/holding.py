"""What a legal hold on a bundle or on the words behind an entry is on, and which systems' holds keep those words."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from django.urls import reverse

from governance.accounts import holds
from governance.accounts.errors import UnderLegalHold
from governance.audit.governed import Governed
from governance.audit.selectors import LogEntry, entry_by_id
from governance.common.errors import Unknown
from governance.evidence.models import Evidence, EvidenceReview, Reproduction, SubmittedDocument
from registry.models import ModelVersion
from reports.bundles.access import system_of
from reports.bundles.subjects import PATHS
from reports.models import BundleJob

_PATHS: Mapping[str, tuple[type[Governed], tuple[str, ...]]] = {
    model._meta.db_table: (model, paths) for model, paths in PATHS.items()
}
_BY_EVIDENCE = {model._meta.db_table: model for model in (EvidenceReview, Reproduction, SubmittedDocument)}


def bundle(key: str) -> holds.Found:
    """Return what a hold on an audit bundle is on.

    Raises:
        Unknown: there is no such bundle.
    """
    row = BundleJob.objects.filter(pk=uuid.UUID(key)).select_related("promotion__approval", "system").first()
    if row is None:
        raise Unknown(f"There is no bundle {key}. GET /api/v1/bundles lists them.")
    return holds.Found(str(row).capitalize(), holds.known(system_of(row)), reverse("bundle-list"))


def entry(key: str) -> holds.Found:
    """Return what a hold on the words behind a log entry is on.

    Raises:
        Unknown: there is no such entry.
    """
    row = entry_by_id(uuid.UUID(key))
    return holds.Found(
        f"Words of entry {row.index if row.index is not None else row.id}", systems_of(row) or frozenset()
    )


def systems_of(row: LogEntry) -> frozenset[uuid.UUID] | None:
    """Return the AI systems that an entry's rows are about; None where its rows do not say."""
    found: set[uuid.UUID] = set()
    said = False
    for named in row.parsed["subjects"]:
        table, key = named["table"], named["key"]
        if table in _PATHS:
            model, paths = _PATHS[table]
            for path in paths:
                found |= set(model._default_manager.filter(pk=key).values_list(path, flat=True))
            said = True
        elif table == Evidence._meta.db_table or table in _BY_EVIDENCE:
            found |= _of_evidence(table, key)
            said = True
    return frozenset(found - {None}) if said else None


def check_free(entry_id: uuid.UUID) -> None:
    """Refuse to erase words that a legal hold keeps: on the entry, or on a system that it is about.

    An entry that names no row may be about any system, so that while one is held its words stay.

    Raises:
        UnderLegalHold: they are kept.
    """
    standing = holds.standing()
    standing.check((holds.Kind.ENTRY, entry_id))
    about = systems_of(entry_by_id(entry_id))
    if about is None:
        if standing.keys(holds.Kind.SYSTEM):
            raise UnderLegalHold(
                "An AI system is under a legal hold, and the entry does not say which system it is about. Lift the "
                "hold first."
            )
        return
    standing.check(*holds.of_systems(about))


def _of_evidence(table: str, key: str) -> set[uuid.UUID]:
    model = _BY_EVIDENCE.get(table)
    rows = (
        Evidence.objects.filter(pk=key)
        if model is None
        else Evidence.objects.filter(pk__in=model._default_manager.filter(pk=key).values("evidence"))
    )
    versions = ModelVersion.objects.filter(pk__in=rows.values("subject_id"))
    found = set(versions.values_list("model__system", flat=True))
    return found | set(
        SubmittedDocument.objects.filter(evidence__in=rows.values("pk")).values_list("system_id", flat=True)
    )
