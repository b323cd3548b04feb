"""Collect the facts that a document may state: one snapshot of plain JSON, read from what was attached and decided.

The shape is reports/documents/snapshot.md. People stand as roles, never as names; whatever is absent stays absent.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet

from governance.accounts.models import User
from governance.accounts.roles import DECIDING, Role
from governance.approvals.models import Finding
from governance.audit.governed import Governed
from governance.common import clock
from governance.evidence import selectors as evidence
from governance.evidence.models import Evidence
from governance.inventory import declaring
from governance.inventory import selectors as inventory
from governance.inventory.law import as_classified
from governance.inventory.models import AISystem, Classification, Declaration
from governance.regulation import classification as rules
from governance.regulation import record
from monitoring.models import Alert, Monitor
from registry.models import AliasHistory, DatasetSnapshot, ModelVersion, PromotionRequest
from reports.documents.kinds import KINDS
from reports.documents.snapshot import FORMAT, canonical, law_part
from reports.facts_agreed import criteria_part, machine_figures, standing_rows
from reports.facts_correspondence import correspondence_rows
from reports.facts_decisions import alias_history, decisions, gate
from reports.facts_described import described_promotion, newest_version
from reports.facts_documents import documents_that_count
from reports.facts_incident import incident_of, incident_part, incident_rows
from reports.facts_log import Json, LogFacts, with_indexes
from reports.facts_monitoring import Watched
from reports.facts_outside import not_enforced, origin
from reports.facts_people import Roles, owners_part
from reports.facts_review import review_part
from reports.facts_risks import risk_rows
from reports.facts_version import version_parts

ANNEX_IV = "annex-iv"
HUMAN_REVIEW, DRIFT = "human_review/v1", "drift/v1"


class Facts:
    """Collects the parts of one snapshot about one AI system and the version of its model that the document describes.

    Where none is named, that version is the one in production by Placet's own acts; before the first promotion, the one
    that asked last; before the first request, the newest one. A request that is named names its version.
    """

    def __init__(
        self, ai_system: AISystem, version: ModelVersion | None = None, *, asked: PromotionRequest | None = None
    ) -> None:
        self.begun_at = clock.now()  # what changes from here on may not be in the snapshot
        self.system = ai_system
        self.asked = asked
        self.named = version or (asked.version if asked else None)
        self.promotion = asked or described_promotion(ai_system, version)
        self.version = self.named or (self.promotion.version if self.promotion else newest_version(ai_system))
        self.watched = Watched(self.version, self.promotion.alias if self.promotion else None) if self.version else None
        self.roles = Roles(system_id=ai_system.pk, owner_id=ai_system.owner_id)
        self.answers = declaring.newest(ai_system)
        self.signed = inventory.classification_that_counts(ai_system)
        self.classified = as_classified(self.signed, ai_system) if self.signed else None
        self.log = LogFacts(_rows_with_a_history(ai_system))

    def snapshot(
        self, document_id: uuid.UUID, libraries: dict[str, str], kind: str = ANNEX_IV, about: str = ""
    ) -> Json:
        """Return the whole snapshot for a document made now.

        Args:
            document_id: names the document; it is printed.
            libraries: the versions that decide the bytes of the PDF, from ``render.libraries()``.
            kind: which one; a key of ``kinds.KINDS``.
            about: the id of the incident, where the kind is about one.
        Raises:
            SnapshotInvalid: something that was recorded has no place in JSON, such as an integer beyond 2^53.
            Unknown: the system has no such incident.
        """
        parts: Json = {
            "format": FORMAT,
            "document": {"id": str(document_id), "kind": kind, "created_at": _at(self.begun_at)},
            "organisation": self._organisation(),
            "law": law_part(groups=KINDS[kind].groups, on_date=self.begun_at.date(), system=self.classified),
            "system": self._system(),
            "classification": self._classification(),
            "criteria": criteria_part(self.system, self.version, self.roles),
            "record": self._record(),
            "owners": owners_part(self.system),
            "documents": documents_that_count(self.system),
            "findings": self._findings(),
            "incidents": incident_rows(self.system),
            "correspondence": correspondence_rows(self.system),
            "risks": risk_rows(self.system, self.roles, self.log),
            "history": self.log.changes(),
            "environment": libraries,
        }
        if self.version:
            rows = self._evidence_rows(self.version)
            parts |= {
                "model": self._model(self.version, rows),
                "datasets": self._datasets(self.version, rows),
                "evidence": [_evidence(row) for row in rows],
                "alias_history": alias_history(self.version.model, self.log, only=self.named),
                "standing_approvals": standing_rows(self.version, self.log),
                "monitoring": self.watched.facts(self.log) if self.watched else None,
            }
            if detected := not_enforced(self.version) or gate(self.log):
                parts["gate"] = detected
        if self.promotion:
            parts |= decisions(self.promotion, self.roles)
        if self.named:
            parts |= version_parts(self.named, self.roles)
        if self.asked:
            parts["review"] = review_part(self.asked, self.roles)
        if kind == "incident":
            parts["incident"] = incident_part(incident_of(self.system, about), self.roles)
        # In canonical form, as it travels with the PDF: drawn again from there or from the row, the pages are the same.
        return dict(json.loads(canonical(with_indexes(parts))))

    def _organisation(self) -> Json:
        said = {key: self.answers.get(f"provider-{key}") for key in ("name", "address")}
        return {key: row.text for key, row in said.items() if row is not None and row.stands}

    def _recorded(self) -> Json:
        """Return who took the system in and said what stands in its record, when, and where the log has it."""
        entry, at = self.log.first(self.system), self.system.made_at
        person = _person(entry.actor) if entry else None
        return {
            "role": self.roles.of(person or self.system.owner, at, acting_as=[Role.OWNER]),
            "at": _at(at),
            "log_index": entry.id if entry else None,
        }

    def _system(self) -> Json:
        row, recorded = self.system, self._recorded()
        return {
            "id": str(row.pk),
            "name": row.name,
            "purpose": row.purpose,
            "owner_role": str(Role.OWNER),
            "ai_roles": row.ai_roles,
            "model_tier": row.model_tier,
            "lifecycle_state": row.state,
            "favourable_outcome": row.favourable_outcome,
            "recorded_by_role": recorded["role"],
            "recorded_at": recorded["at"],
            "log_index": recorded["log_index"],
        }

    def _classification(self) -> Json | None:
        row = self.signed
        if row is None:
            return None
        return {
            **_derived(row),
            "ai_act_class": row.ai_act_class,
            "annex_points": row.annex_points,
            "trace": row.trace,
            "law_version": row.law_version,
            "proposed_by_role": self.roles.of(row.proposed_by, row.proposed_at, acting_as=[Role.OWNER]),
            "proposed_at": _at(row.proposed_at),
            "signed_by_role": self.roles.of(row.signed_by, row.signed_at, acting_as=sorted(DECIDING)),
            "signed_at": _at(row.signed_at),
            "log_index": row.log_entry,
        }

    def _record(self) -> list[Json]:
        """Return what the system's record asks of people, with what they said."""
        rows = []
        for question in record.load().questions.values():
            row = self.answers.get(question.id)
            if not question.concerns(self.system.ai_roles) and row is None:
                continue
            rows.append(
                {
                    "id": question.id,
                    "title": question.title,
                    "points": list(question.points),
                    "missing": question.missing,
                    "owed_by": question.owed_by,
                    "answer": self._answer(row) if row is not None and row.stands else None,
                    "returned": {"at": _at(row.reviewed_at), "log_index": row.log_entry}
                    if row is not None and row.verdict == Declaration.Verdict.RETURNED
                    else None,
                }
            )
        return rows

    def _answer(self, row: Declaration) -> Json:
        return {
            "id": str(row.pk),
            "text": row.text,
            "role": self.roles.of(row.made_by, row.made_at, acting_as=sorted(declaring.AUTHORS)),
            "at": _at(row.made_at),
            "reviewed_by_role": self.roles.of(row.reviewed_by, row.reviewed_at, acting_as=sorted(declaring.REVIEWERS)),
            "reviewed_at": _at(row.reviewed_at),
            "log_index": row.log_entry,
        }

    def _findings(self) -> list[Json]:
        return [
            {
                "id": str(row.pk),
                "title": row.title,
                "severity": row.severity,
                "owner_role": self.roles.of(row.owner, row.opened_at, acting_as=[Role.OWNER]),
                "due_on": row.due_on.isoformat(),
                "state": "closed" if row.closed_at else "open",
                "opened_at": _at(row.opened_at),
                "digest": self.log.digest(row),
                "log_index": row.log_entry,
            }
            for row in self._findings_shown()
        ]

    def _findings_shown(self) -> QuerySet[Finding]:
        """Return the findings of the system; of a named version, those about it and those about no version at all."""
        rows = self.system.findings.select_related("owner").order_by("opened_at")
        if self.named is None:
            return rows
        return rows.filter(Q(request__isnull=True) | Q(request__subject_id=self.named.pk))

    def _model(self, version: ModelVersion, rows: Sequence[Evidence]) -> Json:
        before = version.model.versions.filter(number__lt=version.number)
        previous = before.order_by("-number", "-mlflow_created_at_ms").first()
        created = datetime.fromtimestamp(version.mlflow_created_at_ms / 1000, tz=UTC)
        return {
            "id": str(version.pk),
            "name": str(version.model),
            "version": str(version.number),
            "flavor": version.flavor or None,
            "artifact_digest": version.artifact_digest or None,
            "artifact_bytes": version.artifact_bytes,
            **origin(version),
            "source": version.source or None,
            "run_id": version.run_id or None,
            "created_at": _at(created),
            "trained_by_role": self.roles.of(version.trained_by, created, acting_as=[Role.ENGINEER]),
            "log_index": version.log_entry,
            "parameters": version.parameters,
            "metrics_of_the_run": version.metrics,
            "signature": signature(version.signature),
            "threshold": version.decision_threshold,
            "environment": _environment(rows),
            "training": machine_figures(version),
            "previous": {"version": str(previous.number), "artifact_digest": previous.artifact_digest}
            if previous
            else None,
        }

    def _datasets(self, version: ModelVersion, rows: Sequence[Evidence]) -> list[Json]:
        """Return the data behind the evidence first, then what else the system is measured on or compared with."""
        pin = inventory.pinned_dataset(self.system)
        measured = [row.dataset_digest for row in reversed(rows) if row.type != DRIFT and row.dataset_digest]
        declared = [row.digest for row in (version.evaluation_dataset, version.training_dataset) if row]
        wanted = list(dict.fromkeys([*measured, *([pin.dataset_digest] if pin else []), *declared]))
        by_digest = {row.digest: row for row in DatasetSnapshot.objects.filter(digest__in=wanted)}
        found = [_dataset(by_digest[digest], by_digest[digest].role) for digest in wanted if digest in by_digest]
        reference = self.watched.monitor.snapshot if self.watched and self.watched.monitor else None
        if reference and reference.digest not in by_digest:
            found.append(_dataset(reference, DatasetSnapshot.Role.REFERENCE))
        return found

    def _evidence_rows(self, version: ModelVersion) -> list[Evidence]:
        """Return what the decision rests on, the newest of each type, each human review, and the newest window.

        Of a request that is named, once its evidence is frozen, that alone and what people reviewed.
        """
        if not version.artifact_digest:
            return []
        rows = list(reversed(evidence.evidence_about(version.artifact_digest)))
        newest = {row.type: row.pk for row in rows if row.type != DRIFT}
        manifest = set(self.promotion.approval.evidence_ids) if self.promotion else set()
        frozen = self.asked is not None and bool(manifest)
        runs = self.watched.runs if self.watched else []
        window = runs[-1].evidence_id if runs else None
        return [
            row
            for row in rows
            if row.type == HUMAN_REVIEW
            or str(row.pk) in manifest
            or (row.pk in {newest.get(row.type), window} and not frozen)
        ]


def signature(stored: Mapping[str, Any]) -> Json:
    """Return MLflow's model signature as the snapshot has it: names, types in words, and whether a value must be given.

    Args:
        stored: ``inputs`` and ``outputs`` as MLflow writes them: columns ``{name, type, required}``, nested columns
            with ``items`` or ``properties``, or tensors ``{type: tensor, tensor-spec: {dtype, shape}}``.
    """
    return {
        part: [
            {"name": row.get("name"), "type": _column_type(row), "required": bool(row.get("required", True))}
            for row in stored.get(part) or ()
        ]
        for part in ("inputs", "outputs")
    }


def _column_type(row: Mapping[str, Any]) -> str:
    tensor = row.get("tensor-spec")
    if tensor:
        shape = " by ".join("any" if size == -1 else str(size) for size in tensor.get("shape", ()))
        return f"tensor of {tensor.get('dtype')}, shape {shape}"
    if row.get("items"):
        return f"array of {_column_type(row['items'])}"
    if row.get("properties"):
        fields = ", ".join(f"{name} {_column_type(field)}" for name, field in row["properties"].items())
        return f"object ({fields})"
    return str(row.get("type") or "")


def _rows_with_a_history(ai_system: AISystem) -> list[Governed]:
    """Return the governed rows whose entries tell the life of a system."""
    promotions = PromotionRequest.objects.filter(version__model__system=ai_system)
    return [
        ai_system,
        *ai_system.classifications.all(),
        *ai_system.modifications.all(),
        *ai_system.assignments.all(),
        *ai_system.dataset_pins.all(),
        *ai_system.models.all(),
        *promotions,
        *ai_system.approval_requests.all(),
        *ai_system.standing_approvals.all(),
        *AliasHistory.objects.filter(model__system=ai_system),
        *ai_system.findings.all(),
        *ai_system.risks.all(),
        *Monitor.objects.filter(model__system=ai_system),
        *Alert.objects.filter(monitor__model__system=ai_system),
    ]


def _derived(row: Classification) -> Json:
    """Return what else follows from the answers, as long as today's register is the one that they were judged by."""
    stated: Json = {"on_date": row.law_version.partition("+")[0]}
    try:
        again = rules.classify(row.answers).as_dict()
    except rules.AnswersInvalid:  # the questionnaire asks more by now, or something else
        return stated
    same = all(again[key] == getattr(row, key) for key in ("law_version", "ai_act_class", "annex_points"))
    return again if same else stated


def _evidence(row: Evidence) -> Json:
    return {
        "id": str(row.pk),
        "type": row.type,
        "origin": row.origin,
        "made_at": _at(row.made_at),
        "payload_digest": row.payload_digest,
        "dataset_digest": row.dataset_digest or None,
        "environment": row.environment,
        "log_index": row.log_entry,
        "payload": row.payload,
    }


def _environment(rows: Sequence[Evidence]) -> Json | None:
    """Return the software that the model was run with for its newest evidence that says so."""
    said = [row.environment for row in rows if row.type != DRIFT and row.environment.get("libraries")]
    return {"python": said[-1].get("python"), "packages": said[-1]["libraries"]} if said else None


def _dataset(row: DatasetSnapshot, role: str) -> Json:
    return {
        "id": str(row.pk),
        "name": f"{role} data",
        "role": role,
        "digest": row.digest,
        "rows": row.rows,
        "columns": len(row.columns),
        "uri": row.uri,
        "label": row.label,
        "positive_label": row.positive_label,
        "favourable_label": ", ".join(row.favourable_labels),
        "sensitive_features": row.sensitive_features,
        "reference_groups": row.reference_groups,
        "recorded_at": _at(row.mirrored_at),
        "log_index": row.log_entry,
    }


def _person(actor: str) -> User | None:
    kind, _, key = actor.partition(":")
    return User.objects.filter(pk=key).first() if kind in {"person", "service"} else None


def _at(moment: datetime | None) -> str | None:
    return clock.rfc3339(moment) if moment else None
