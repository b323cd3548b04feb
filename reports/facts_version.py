"""What is on record of one model version beyond the promotion that describes it: permits, requests, its validation.

What validators wrote is erasable; it is printed as it stands in the log on the day, with roles where it names people.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q
from django.db.models.fields.json import KT

from governance.accounts.roles import Role
from governance.approvals.models import Waiver
from governance.audit.selectors import entry_by_id
from governance.common import clock
from governance.common.errors import Unknown
from governance.inventory.models import AISystem
from governance.validation.models import OPEN, State, Validation
from governance.validation.selectors import written
from registry.models import ModelVersion, Permit, PromotionRequest
from reports.facts_log import Json
from reports.facts_people import Named, Roles
from reports.models import HOLD_A_VALIDATION, Document


def version_of(ai_system: AISystem, about: str) -> ModelVersion:
    """Return the version of a system's model that a document is about.

    Raises:
        Unknown: no model of the system has such a version.
    """
    rows = ModelVersion.objects.select_related("model", "trained_by", "evaluation_dataset", "training_dataset")
    try:
        return rows.get(pk=UUID(about), model__system=ai_system)
    except (ValueError, ModelVersion.DoesNotExist):
        raise Unknown(
            f"No model of {ai_system} has a version {about or 'of no id'}: `about` is the id of a model version."
        ) from None


def version_parts(version: ModelVersion, roles: Roles) -> Json:
    """Return the parts ``permits``, ``requests``, ``waivers`` and ``validation``."""
    asked = PromotionRequest.objects.filter(version=version).select_related("approval", "requester").order_by("made_at")
    promotions = list(asked)
    return {
        "permits": _permits(promotions),
        "requests": [_request(row, roles) for row in promotions],
        "waivers": _waivers(version),
        "validation": _validation(version, roles),
    }


def reports_with_words_of(entry_id: UUID) -> list[str]:
    """Return the documents of versions that hold what a validator wrote in an entry; they stay, as ADR 15 says."""
    place = entry_by_id(entry_id).index
    if place is None:
        return []
    # The database looks into the snapshots: none of them is loaded, however many documents there are.
    said = {"log_index": place}
    words = Q(snapshot__contains={"validation": {"tests": [said]}})
    for part in ("plan", "independence", "report"):
        words |= Q(snapshot__contains={"validation": {part: said}})
    rows = Document.objects.filter(words, kind__in=HOLD_A_VALIDATION).order_by("made_at", "pk")
    named = rows.annotate(name=KT("snapshot__model__name"), number=KT("snapshot__model__version"))
    return [
        f"the {Document.Kind(kind).label.lower()} {name}/{number} of {clock.rfc3339(made_at)}, {digest}"
        for kind, name, number, made_at, digest in named.values_list("kind", "name", "number", "made_at", "pdf_digest")
    ]


def _permits(promotions: list[PromotionRequest]) -> list[Json]:
    alias = {row.approval_id: row.alias for row in promotions}
    return [
        {
            "id": str(row.pk),
            "kind": row.kind,
            "alias": alias[row.approval_id],
            "issued_at": clock.rfc3339(row.issued_at),
            "expires_at": clock.rfc3339(row.expires_at),
            "digest": row.digest,
            "log_index": row.log_entry,
        }
        for row in Permit.objects.filter(approval__in=list(alias)).order_by("issued_at")
        if row.approval_id
    ]


def _request(row: PromotionRequest, roles: Roles) -> Json:
    return {
        "id": str(row.pk),
        "reference": str(row),
        "alias": row.alias,
        "at": clock.rfc3339(row.made_at),
        "requester_role": roles.of(row.requester, row.made_at, acting_as=[Role.ENGINEER, Role.OWNER]),
        "verdict": row.approval.outcome or None,
        "state": row.approval.state,
        "digest": row.approval.manifest_digest or None,
        "log_index": row.log_entry,
    }


def _waivers(version: ModelVersion) -> list[Json]:
    rows = Waiver.objects.filter(request__subject_id=version.pk).select_related("approval").order_by("made_at")
    return [
        {
            "id": str(row.pk),
            "check": row.check_id,
            "at": clock.rfc3339(row.made_at),
            "expires_at": clock.rfc3339(row.expires_at),
            "state": row.approval.state,
            "log_index": row.log_entry,
        }
        for row in rows
    ]


def _validation(version: ModelVersion, roles: Roles) -> Json | None:
    """Return the newest signed validation of the version's bytes; where none is signed, the one under way."""
    rows = Validation.objects.select_related("validator", "approval").filter(
        approval__subject_id=version.pk, approval__subject_digest=version.artifact_digest
    )
    row = (
        rows.filter(state=State.SIGNED).order_by("-settled_at").first()
        or rows.filter(state__in=OPEN).order_by("-opened_at").first()
    )
    if row is None:
        return None
    tests = list(row.tests.select_related("evidence").order_by("made_at", "pk"))
    words = written(row, tests)
    said = {"plan": words.plan, "independence": words.independence, "report": words.report}
    texts = [*said.values(), *words.tests.values()]
    named = Named((str(text) for part in texts if part for text in part.values()), roles)
    parts = {part.part: part for part in row.parts.all()}
    return {
        "id": str(row.pk),
        "number": str(row),
        "occasion": row.occasion,
        "state": row.state,
        "opinion": row.opinion or None,
        "validator_role": roles.of(row.validator, row.opened_at, acting_as=[Role.VALIDATOR]),
        "opened_at": clock.rfc3339(row.opened_at),
        "begun_at": clock.rfc3339(row.begun_at) if row.begun_at else None,
        "settled_at": clock.rfc3339(row.settled_at) if row.settled_at else None,
        "report_digest": row.report_digest or None,
        "digest": row.evidence.payload_digest if row.evidence else None,
        "findings": [str(pk) for pk in row.raised.order_by("finding__opened_at").values_list("finding_id", flat=True)],
        **{
            name: {
                **{key: named.without(str(text)) for key, text in part.items()},
                "at": clock.rfc3339(parts[name].written_at),
                "log_index": parts[name].log_entry,
            }
            for name, part in said.items()
            if part and name in parts
        },
        "tests": [
            {
                "id": str(test.pk),
                "kind": test.kind,
                "outcome": test.outcome,
                "value": test.value,
                "low": test.low,
                "high": test.high,
                "evidence": test.evidence.payload_digest if test.evidence else None,
                "at": clock.rfc3339(test.made_at),
                "log_index": test.log_entry,
                **{key: named.without(str(text)) for key, text in words.tests[test.pk].items()},
            }
            for test in tests
        ],
        "log_index": row.log_entry,
    }
