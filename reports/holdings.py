"""What Placet holds for AI systems, for the pages of coverage: many systems at once, with a fixed number of queries."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q

from governance.accounts.models import Grant
from governance.accounts.recertification_models import AccessReview
from governance.approvals.models import ApprovalRequest, Decision, Finding, Waiver
from governance.audit.events import Event
from governance.audit.governed import Governed
from governance.audit.tallies import event_tallies
from governance.common import clock
from governance.evidence.models import EvidenceReview, Reproduction, SubmittedDocument
from governance.inventory.models import AISystem, Classification, DatasetPin, Declaration, Risk, SuccessCriteria
from governance.policy.models import PolicyVersion
from governance.validation.models import Validation
from monitoring import overview
from monitoring.models import Alert, Incident, Monitor
from monitoring.record_models import RecordErasure
from registry.models import DatasetSnapshot, ModelVersion, Permit, PromotionRequest
from reports import latest
from reports.coverage import Held, Holdings
from reports.documents.freshness import Latest
from reports.models import Document

ANYBODY = ""
"""Whose rows are that concern every system: roles for all systems, policies."""

_NAMED: tuple[tuple[type[Governed], str], ...] = (
    (AISystem, "id"),
    (Classification, "system"),
    (SuccessCriteria, "system"),
    (DatasetPin, "system"),
    (Grant, "system_id"),
    (AccessReview, "system_id"),
    (ModelVersion, "model__system"),
    (ApprovalRequest, "system"),
    (Decision, "request__system"),
    (Waiver, "request__system"),
    (Finding, "system"),
    (Validation, "approval__system"),
    (PromotionRequest, "version__model__system"),
    (Permit, "approval__system"),
    (Monitor, "model__system"),
    (Alert, "monitor__model__system"),
    (Incident, "system"),
    (RecordErasure, "monitor__model__system"),
)
"""The rows whose log entries are counted, with the path to their system. Evidence and documents are counted by row."""

_OF_EVIDENCE: tuple[type[Governed], ...] = (Reproduction, SubmittedDocument, EvidenceReview)
"""The rows about a piece of evidence: they are of the systems that it is about."""


def holdings_of(system_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Holdings]:
    """Return what is held for each system; the number of queries does not depend on how many there are."""
    ids = list(system_ids)
    versions = latest.versions_of(ids)
    changed = latest.latest_of(ids, versions)
    answers = latest.answers_of(ids)
    documents = _documents(ids, changed)
    risks, monitors = _risks(ids), _monitors(ids)
    events = _events(ids, versions)
    found = {}
    for pk in ids:
        evidence = {
            kind: Held(count, newest, stale=of_described is None)
            for kind, (count, newest, of_described) in versions.evidence.get(pk, {}).items()
        }
        found[pk] = Holdings(
            evidence=evidence,
            events=_with_rows(events.get(str(pk), {}), events.get(ANYBODY, {}), evidence, documents.get(pk, {})),
            answers={row.question: _answer(row) for row in answers.get(pk, ()) if row.stands},
            documents=documents.get(pk, {}),
            risks=risks.get(pk, Held()),
            monitoring=monitors.get(pk, Held()),
        )
    return found


def _answer(row: Declaration) -> Held:
    return Held(1, max(filter(None, (row.made_at, row.reviewed_at))))


def _documents(ids: Collection[uuid.UUID], changed: Mapping[uuid.UUID, Latest]) -> dict[Any, dict[str, Held]]:
    """Return by system and kind how many documents count and the newest; a draft of a statement counts for nothing."""
    rows = Document.objects.filter(system__in=ids).exclude(Document.drafts_of_statements()).order_by()
    tallied = rows.values_list("system", "kind").annotate(n=Count("pk"), at=Max("made_at"))
    old = {
        (row.system_id, row.kind): bool(latest.outdated(row, changed[row.system_id]))
        for row in latest.newest_documents(ids, drafts=False)
        if row.system_id is not None
    }
    found: dict[Any, dict[str, Held]] = {}
    for system, kind, count, newest in tallied:
        found.setdefault(system, {})[kind] = Held(count, newest, stale=old.get((system, kind), False))
    return found


def _risks(ids: Collection[uuid.UUID]) -> dict[Any, Held]:
    """Return by system the risks that stand; stale where a review is overdue."""
    standing = Risk.objects.filter(system__in=ids).exclude(state=Risk.State.CLOSED).order_by()
    overdue = Count("pk", filter=Q(review_on__lt=clock.now().date()))
    rows = standing.values_list("system").annotate(n=Count("pk"), at=Max("changed_at"), late=overdue)
    return {system: Held(count, newest, stale=late > 0) for system, count, newest, late in rows}


def _monitors(ids: Collection[uuid.UUID]) -> dict[Any, Held]:
    """Return by system the monitors that are switched on; stale where one ought to have heard something by now."""
    now = clock.now()
    found: dict[Any, Held] = {}
    rows = overview.with_state(Monitor.objects.filter(model__system__in=ids, enabled=True).select_related("model"))
    for row in rows:
        system, at = row.model.system_id, row.last_received or row.made_at
        before = found.get(system, Held())
        newest: datetime = max(filter(None, (before.newest, at)))
        found[system] = Held(before.count + 1, newest, stale=before.stale or overview.is_silent(row, now))
    return found


def _events(ids: Collection[uuid.UUID], versions: latest.Versions) -> Mapping[str, Mapping[str, Held]]:
    keys = [*_keys(ids), *_keys_of_evidence(ids, versions.about), *_keys_of_datasets(ids)]
    return {
        owner: {event: Held(tally.count, tally.newest) for event, tally in tallied.items()}
        for owner, tallied in event_tallies(keys).items()
    }


def _keys(ids: Collection[uuid.UUID]) -> Iterator[tuple[str, str, str]]:
    """Yield table, key and system of every row whose entries are counted; one query for each kind of row."""
    for model, path in _NAMED:
        manager: Any = model._default_manager  # which of the models it is of, the type can't say
        wanted = Q(**{f"{path}__in": ids})
        if path == "system_id":  # roles and their reviews: without a system they are of all
            wanted |= Q(system_id__isnull=True)
        for key, system in manager.filter(wanted).values_list("pk", path):
            yield model._meta.db_table, str(key), str(system or ANYBODY)
    for key in PolicyVersion.objects.values_list("pk", flat=True):
        yield PolicyVersion._meta.db_table, str(key), ANYBODY


def _keys_of_evidence(
    ids: Collection[uuid.UUID], about: Mapping[str, Collection[uuid.UUID]]
) -> Iterator[tuple[str, str, str]]:
    """Yield the same of rows about evidence; one query for each kind of row."""
    wanted = Q(evidence__subject_digest__in=list(about)) | Q(evidence__subject_id__in=ids)
    for model in _OF_EVIDENCE:
        manager: Any = model._default_manager
        rows = manager.filter(wanted).values_list("pk", "evidence__subject_digest", "evidence__subject_id")
        for key, digest, subject in rows:
            for system in about.get(str(subject), ()) or about.get(digest, ()):
                yield model._meta.db_table, str(key), str(system)


def _keys_of_datasets(ids: Collection[uuid.UUID]) -> Iterator[tuple[str, str, str]]:
    """Yield the same of the data that versions of the systems declared or that was pinned for them; three queries."""
    declared = ModelVersion.objects.filter(model__system__in=ids).values_list
    used = {
        (key, system)
        for data in ("evaluation_dataset", "training_dataset")
        for key, system in declared(data, "model__system")
        if key is not None
    }
    pinned: dict[str, set[uuid.UUID]] = {}
    for digest, system in DatasetPin.objects.filter(system__in=ids).values_list("dataset_digest", "system"):
        pinned.setdefault(digest, set()).add(system)
    for key, digest in DatasetSnapshot.objects.filter(digest__in=list(pinned)).values_list("pk", "digest"):
        used |= {(key, system) for system in pinned[digest]}
    for key, system in sorted(used, key=str):
        yield DatasetSnapshot._meta.db_table, str(key), str(system)


def _with_rows(
    own: Mapping[str, Held], shared: Mapping[str, Held], evidence: Mapping[str, Held], documents: Mapping[str, Held]
) -> dict[str, Held]:
    """Return the tallies of a system with those of all, and with what is counted by row: evidence and documents."""
    found: dict[str, Held] = {}
    for event in {*own, *shared}:
        found[event] = _sum([tallies[event] for tallies in (own, shared) if event in tallies])
    # Each piece of evidence and each document has its entry, written in the same transaction.
    found[str(Event.EVIDENCE_ATTACHED)] = _sum(list(evidence.values()))
    found[str(Event.DOCUMENT_BUILT)] = _sum(list(documents.values()))
    if "drift/v1" in evidence:
        found[str(Event.DRIFT_MEASURED)] = evidence["drift/v1"]
    return found


def _sum(rows: list[Held]) -> Held:
    return Held(sum(row.count for row in rows), max((row.newest for row in rows if row.newest), default=None))
