"""When each thing that documents rest on changed last, for many AI systems at once."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Greatest

from governance.approvals.models import Decision, Finding
from governance.evidence.models import Evidence
from governance.inventory.models import Classification, Declaration, Risk
from governance.regulation import record
from governance.regulation.register import load
from monitoring.models import Incident
from registry.models import ModelVersion, PromotionRequest
from reports.documents.freshness import Change, Latest, What, changed_since
from reports.documents.kind import Kind
from reports.documents.kinds import KINDS
from reports.models import ABOUT_ONE_THING, Document


@dataclass
class Versions:
    """The model versions of some systems, and the evidence about them.

    Attributes:
        described: by system, the version that a document would describe now.
        evidence: by system and type: how many, the newest, and the newest about the described version.
    """

    described: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    evidence: dict[uuid.UUID, dict[str, tuple[int, datetime, datetime | None]]] = field(default_factory=dict)


def versions_of(system_ids: Collection[uuid.UUID]) -> Versions:
    """Return the versions of systems and the evidence about them; three queries, however many systems."""
    rows = list(
        ModelVersion.objects.filter(model__system__in=system_ids)
        .order_by("mlflow_created_at_ms")
        .values_list("pk", "model__system", "artifact_digest")
    )
    found = Versions(described={system: pk for pk, system, _ in rows})
    found.described |= _promoted(system_ids)
    about: dict[str, set[uuid.UUID]] = {str(system): {system} for system in system_ids}
    digests: dict[uuid.UUID, str] = {}
    for pk, system, digest in rows:
        if digest:
            digests[pk] = digest
            about.setdefault(digest, set()).add(system)
    for subject, kind, count, newest in _evidence(system_ids, set(digests.values())):
        for system in about.get(subject, ()):
            before, at, of_described = found.evidence.setdefault(system, {}).get(kind, (0, newest, None))
            described = found.described.get(system)
            if described in digests and digests[described] == subject:
                of_described = newest
            found.evidence[system][kind] = (before + count, max(at, newest), of_described)
    return found


def _promoted(system_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Return by system the version in production, the first protected alias first; else the one that asked last.

    As :class:`reports.facts.Facts` chooses it.
    """
    rows = PromotionRequest.objects.filter(version__model__system__in=system_ids).order_by("-made_at")
    order = {alias: place for place, alias in enumerate(settings.PROTECTED_ALIASES)}
    found: dict[uuid.UUID, tuple[bool, int, uuid.UUID]] = {}
    for system, version, state, alias in rows.values_list("version__model__system", "version", "state", "alias"):
        applied = state == PromotionRequest.State.APPLIED
        rank = (not applied, order.get(alias, len(order)) if applied else 0)
        if system not in found or rank < found[system][:2]:
            found[system] = (*rank, version)
    return {system: row[2] for system, row in found.items()}


def _evidence(system_ids: Collection[uuid.UUID], digests: Collection[str]) -> Iterable[tuple[str, str, int, datetime]]:
    """Yield subject (a digest, or the id of a system), type, how many and the newest."""
    about_systems = Q(subject_id__in=system_ids)
    rows = Evidence.objects.filter(Q(subject_digest__in=digests) | about_systems)
    tallied = rows.values_list("subject_digest", "subject_id", "type").annotate(count=Count("pk"), at=Max("made_at"))
    systems = set(system_ids)
    for digest, subject_id, kind, count, newest in tallied.order_by("subject_digest", "type"):
        yield str(subject_id) if subject_id in systems else digest, kind, count, newest


def latest_of(system_ids: Collection[uuid.UUID], versions: Versions | None = None) -> dict[uuid.UUID, Latest]:
    """Return when each thing about each system changed last; nine queries, however many systems.

    Args:
        versions: what :func:`versions_of` found, if it was asked already.
    """
    ids = list(system_ids)
    known = versions or versions_of(ids)
    law = load().version
    records = _records(ids)
    answers = answers_of(ids)
    return {
        pk: Latest(
            law_version=law,
            version=str(known.described.get(pk) or ""),
            records=records.get(pk, {}),
            evidence={kind: at for kind, (_, _, at) in known.evidence.get(pk, {}).items() if at is not None},
            answers={row.question: max(filter(None, (row.made_at, row.reviewed_at))) for row in answers.get(pk, ())},
        )
        for pk in ids
    }


def answers_of(system_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Declaration]]:
    """Return the newest answer to each question of the systems' records; one query."""
    rows = Declaration.objects.filter(system__in=system_ids).order_by("system", "question", "-number")
    found: dict[uuid.UUID, list[Declaration]] = {}
    for row in rows.distinct("system", "question"):
        found.setdefault(row.system_id, []).append(row)
    return found


def _records(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[What, datetime]]:
    changed: Mapping[What, tuple[QuerySet[Any], str, Any]] = {
        "classification": (
            Classification.objects.filter(system__in=ids),
            "system",
            Max(Greatest("signed_at", "system__class_reopened_at")),
        ),
        "decision": (Decision.objects.filter(request__system__in=ids), "request__system", Max("decided_at")),
        "risk": (Risk.objects.filter(system__in=ids), "system", Max(Greatest("changed_at", "accepted_at"))),
        "finding": (Finding.objects.filter(system__in=ids), "system", Max(Greatest("opened_at", "closed_at"))),
        "incident": (
            Incident.objects.filter(system__in=ids),
            "system",
            Max(Greatest("opened_at", "reported_at", "closed_at")),
        ),
    }
    found: dict[uuid.UUID, dict[What, datetime]] = {}
    for what, (rows, system, newest) in changed.items():
        for pk, at in rows.order_by().values_list(system).annotate(at=newest):
            if at is not None:
                found.setdefault(pk, {})[what] = at
    return found


def newest_documents(system_ids: Collection[uuid.UUID]) -> QuerySet[Any]:
    """Return the newest document of each kind of each system, drafts of statements included, without its snapshot.

    Each has ``of_version``, the id of the model version that it describes, and ``facts_at``, when its facts were
    collected: a signed document is drawn from its draft's.
    """
    rows = Document.objects.filter(system__in=system_ids).defer("snapshot")
    dated = rows.annotate(
        of_version=KT("snapshot__model__id"), facts_at=Coalesce("signatory__document__made_at", "made_at")
    )
    return dated.order_by("system", "kind", "-made_at").distinct("system", "kind")


def questions_of(kind: Kind) -> frozenset[str]:
    """Return the questions of the record that a kind prints: those that serve a point of its outline."""
    return frozenset(
        row.id
        for row in record.load().questions.values()
        if any(point == group or point.startswith(f"{group}.") for point in row.points for group in kind.groups)
    )


def outdated(document: Any, latest: Latest) -> tuple[Change, ...]:
    """Return what changed since one of :func:`newest_documents` was made.

    Nothing is said of a kind that is about one thing, such as an incident or a letter: it says how that was.
    """
    if document.kind in ABOUT_ONE_THING:
        return ()
    kind = KINDS[document.kind]
    return changed_since(
        kind=kind.id,
        made_at=document.facts_at,
        law_version=document.law_version,
        version=document.of_version or "",
        latest=latest,
        questions=questions_of(kind),
    )
