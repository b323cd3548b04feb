"""When each thing that documents rest on changed last, for many AI systems at once."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, DateTimeField, Max, Q, QuerySet
from django.db.models.fields.json import KT, KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Greatest

from governance.approvals.models import Decision, Finding
from governance.evidence.models import Evidence
from governance.inventory.models import Classification, Declaration, Risk, SuccessCriteria
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
        about: what evidence can be about, the digest of a version or the id of a system, with the systems it is of.
    """

    described: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)
    evidence: dict[uuid.UUID, dict[str, tuple[int, datetime, datetime | None]]] = field(default_factory=dict)
    about: dict[str, set[uuid.UUID]] = field(default_factory=dict)


def versions_of(system_ids: Collection[uuid.UUID]) -> Versions:
    """Return the versions of systems and the evidence about them; three queries, however many systems."""
    rows = list(
        ModelVersion.objects.filter(model__system__in=system_ids)
        .order_by("mlflow_created_at_ms")
        .values_list("pk", "model__system", "artifact_digest")
    )
    found = Versions(described={system: pk for pk, system, _ in rows})
    found.described |= promoted(system_ids)
    about = found.about
    about |= {str(system): {system} for system in system_ids}
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


def promoted(system_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
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
    """Return when each thing about each system changed last; ten queries, however many systems.

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


def classifications_of(system_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Classification]:
    """Return the newest signed classification of each system that has one; one query."""
    rows = Classification.objects.filter(system__in=system_ids, signed_at__isnull=False)
    return {row.system_id: row for row in rows.order_by("system", "-signed_at").distinct("system")}


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
        "criteria": (SuccessCriteria.objects.filter(system__in=ids), "system", Max("signed_at")),
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


def newest_documents(system_ids: Collection[uuid.UUID], *, drafts: bool = True) -> QuerySet[Any]:
    """Return the newest document of each kind of each system, without its snapshot.

    Each has ``of_version``, the id of the model version that it describes, and ``facts_at``, when its facts were
    collected: a while before its pages were drawn, and a signed document is drawn from its draft's.

    Args:
        drafts: whether a draft of a statement can be the newest of its kind.
    """
    rows = Document.objects.filter(system__in=system_ids)
    rows = rows if drafts else rows.exclude(Document.drafts_of_statements())
    # Chosen first: PostgreSQL would take what is wanted of a snapshot out of every row before it leaves any out.
    newest = rows.order_by("system", "kind", "-made_at").distinct("system", "kind").values("pk")
    drafted = KeyTextTransform("created_at", KeyTextTransform("document", "signatory__document__snapshot"))
    collected = Coalesce(drafted, KT("snapshot__document__created_at"))
    return (
        Document.objects.filter(pk__in=newest)
        .defer("snapshot")
        .annotate(of_version=KT("snapshot__model__id"), facts_at=Cast(collected, DateTimeField()))
        .order_by("system", "kind")
    )


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
