"""What was agreed of a system before anything was measured: signed success criteria, changes approved in advance."""

from __future__ import annotations

from django.db.models import F, Min, QuerySet

from governance.accounts.roles import DECIDING
from governance.approvals.models import StandingApproval, State
from governance.common import clock
from governance.evidence.models import Evidence
from governance.inventory.models import AISystem, SuccessCriteria
from registry.models import ModelVersion
from reports.facts_log import Json, LogFacts
from reports.facts_people import Roles


def criteria_part(ai_system: AISystem, version: ModelVersion | None, roles: Roles) -> Json | None:
    """Return the success criteria in force as the snapshot's ``criteria``; None where nobody signed any.

    Args:
        version: the one that the document describes.
    """
    signed: SuccessCriteria | None = (
        ai_system.criteria_proposals.filter(signed_at__isnull=False)
        .select_related("signed_by")
        .order_by("-signed_at")
        .first()
    )
    if signed is None or signed.signed_at is None:
        return None
    return {
        "id": str(signed.pk),
        "criteria": signed.criteria,
        "signed_by_role": roles.of(signed.signed_by, signed.signed_at, acting_as=sorted(DECIDING)),
        "signed_at": clock.rfc3339(signed.signed_at),
        "first_measured_at": _first_measured_at(version),
        "log_index": signed.log_entry,
    }


def _first_measured_at(version: ModelVersion | None) -> str | None:
    """Return when performance was measured for the first time: the snapshot holds only what a decision rests on."""
    if version is None or not version.artifact_digest:
        return None
    rows = Evidence.objects.filter(subject_digest=version.artifact_digest, type="performance/v1")
    first = rows.aggregate(at=Min("made_at"))["at"]
    return clock.rfc3339(first) if first else None


def machine_figures(version: ModelVersion) -> Json:
    """Return MLflow's own measurements of the machine; what a script says of its model is no computing resource."""
    return {name: value for name, value in version.metrics.items() if name.startswith("system/")}


def standing_in_force(version: ModelVersion) -> QuerySet[StandingApproval]:
    """Return the standing approvals by which a retrained version of the same model may be let through now."""
    now = clock.now()
    return StandingApproval.objects.select_related("approval").filter(
        model_id=version.model_id,
        approval__state=State.APPROVED,
        approval__valid_until__gt=now,
        expires_at__gt=now,
        used__lt=F("max_uses"),
    )


def standing_rows(version: ModelVersion, log: LogFacts) -> list[Json]:
    """Return the standing approvals in force as the snapshot's ``standing_approvals``."""
    return [
        {
            "id": str(row.pk),
            "scope": _scope(row),
            "expires_at": clock.rfc3339(min(row.expires_at, row.approval.valid_until or row.expires_at)),
            "at": clock.rfc3339(row.made_at),
            "digest": log.digest(row),
            "log_index": row.log_entry,
        }
        for row in standing_in_force(version).order_by("made_at", "pk")
    ]


def _scope(row: StandingApproval) -> str:
    parameters = [
        f"{name}: {'any value' if '*' in values else ' or '.join(values)}"
        for name, values in row.envelope["parameters"].items()
    ]
    return (
        f"{row.model_name} retrained by the same code, from the same source, with the same features and decision "
        f"threshold, for {row.alias}; parameters that may differ: {', '.join(parameters) or 'none'}; bounds: "
        f"{' and '.join(row.envelope['bounds'])}; at most {row.max_uses} times, {row.used} so far"
    )
