"""What pages show of models that no MLflow holds, and of what a version is built on, as plain values."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.urls import reverse

from governance.accounts.access import Reach, readable_systems
from governance.accounts.models import User
from governance.accounts.selectors import grants_in_force, has_role
from governance.approvals.models import Finding
from governance.common import clock
from governance.common.errors import DomainError
from governance.evidence.models import Evidence
from governance.inventory import selectors as inventory
from governance.inventory.models import AISystem
from registry import bases, descriptions, outside, protected, recording
from registry.models import AliasHistory, BuildsOn, ModelVersion, PromotionRequest, RegisteredModel

Row = dict[str, Any]
VERSIONS_SHOWN = 20
GRAVE = (Finding.Severity.CRITICAL, Finding.Severity.HIGH)


def record_page(viewer: User, *, kind: str = "", form: Mapping[str, Any] | None = None, **more: Any) -> Row:
    """Return the context of registry/record.html."""
    kind = kind if kind in descriptions.KINDS else "vendor"
    needed = descriptions.NEEDED[kind]
    return {
        "kinds": [{"id": key, "name": name, "chosen": key == kind} for key, name in descriptions.KINDS.items()],
        "kind": kind,
        "needs_licence": "licence" in needed,
        "runs": list(descriptions.RUNS.items()),
        "systems": [{"slug": row.slug, "name": row.name} for row in systems_to_record_for(viewer)],
        "form": form or {},
        "errors": {},
        **more,
    }


def systems_to_record_for(viewer: User) -> list[AISystem]:
    """Return the AI systems for which somebody may record what no MLflow holds."""
    held = grants_in_force().filter(person=viewer, role__in=recording.RECORDERS)
    scopes = set(held.values_list("system_id", flat=True))
    rows = inventory.systems_for(viewer).order_by("name")
    return list(rows if None in scopes else rows.filter(pk__in=scopes))


def recorded_shown(registered: RegisteredModel, viewer: User) -> Row | None:
    """Return what was recorded of a model that no MLflow holds, version by version; None of one that MLflow holds."""
    if not registered.is_recorded:
        return None
    versions = list(registered.versions.select_related("registered_by").order_by("-number")[:VERSIONS_SHOWN])
    may_request = has_role(viewer, *recording.RECORDERS, system_id=registered.system_id)
    return {
        "name": registered.name,
        "kind": (versions[0].described or {}).get("kind", "") if versions else "",
        "why": protected.WHY_NOT_ENFORCED,
        "versions": [_recorded(row) for row in versions],
        "request": {
            "allowed": bool(registered.system and may_request and versions),
            "numbers": [row.number for row in versions],
            "place": protected.IN_USE,
        },
        "may_record": bool(systems_to_record_for(viewer)),
    }


def _recorded(row: ModelVersion) -> Row:
    said = row.described or {}
    return {
        "number": row.number,
        "kind": descriptions.KINDS.get(said.get("kind", ""), ""),
        "rows": [
            *({"label": label, "value": said[key]} for key, label in descriptions.LABELS.items() if said.get(key)),
            {"label": "Runs", "value": descriptions.RUNS.get(said.get("runs", ""), "")},
        ],
        "pins": [{**pin, "what": descriptions.PINS.get(pin["what"], pin["what"])} for pin in said.get("pins", ())],
        "digest": row.artifact_digest,
        "recorded_by": row.registered_by.name if row.registered_by else "",
        "recorded_at": row.mirrored_at,
    }


def bases_shown(registered: RegisteredModel, viewer: User) -> Row:
    """Return what a model's versions are built on, with what is known of it there, and what builds on them.

    Of a base out of the viewer's reach its name alone is shown: that it is there was said of a model in reach.
    """
    versions = list(registered.versions.order_by("-number")[:VERSIONS_SHOWN])
    known_below = bases.below_each(versions)
    found = [(row, below) for row in versions for below in known_below[row.pk]]
    reach, may_state = readable_systems(viewer), _may_state(viewer, registered)
    known = _known([below.base for _, below in found], reach)
    return {
        "rows": [_base(row, below, known, reach, may_state=may_state) for row, below in found],
        "above": _above(versions, reach),
        "may_state": may_state,
        "numbers": [row.number for row in versions],
        "kinds": BuildsOn.Kind.choices,
    }


def _may_state(viewer: User, registered: RegisteredModel) -> bool:
    return has_role(viewer, *bases.STATERS, system_id=registered.system_id)


def _base(row: ModelVersion, below: bases.Below, known: Mapping[str, Any], reach: Reach, *, may_state: bool) -> Row:
    base = below.base
    covered = reach.covers(base.model.system_id)
    said = base.described or {}
    return {
        "pk": below.word.pk,
        "version": row.number,
        "depth": below.depth,
        "through": str(below.word.version) if below.depth > 1 else "",
        "kind": below.word.get_kind_display(),
        "name": str(base),
        "url": reverse("model-detail", args=[base.model_id]) if covered else "",
        "supplier": " ".join(filter(None, (said.get("supplier"), said.get("product"), said.get("version")))),
        "digest": base.artifact_digest,
        "state": known["states"].get(base.pk, "") if covered else "",
        "evidence": known["evidence"].get(base.pk, []) if covered else [],
        "findings": known["findings"].get(base.model.system_id, []) if covered else [],
        "covered": covered,
        "stated_by": below.word.stated_by.name,
        "stated_at": below.word.stated_at,
        "may_withdraw": may_state and below.depth == 1,
    }


def _known(found: Sequence[ModelVersion], reach: Reach) -> dict[str, dict[Any, Any]]:
    """Return by base what was decided of it and which evidence there is, and by system its grave open findings."""
    ids = {row.pk for row in found if reach.covers(row.model.system_id)}
    systems = {row.model.system_id for row in found if row.pk in ids and row.model.system_id}
    asked = PromotionRequest.objects.filter(version__in=ids).select_related("approval").order_by("made_at")
    newest = {
        (row.subject_id, row.type): row for row in Evidence.objects.filter(subject_id__in=ids).order_by("made_at")
    }
    evidence: dict[UUID | None, list[Row]] = defaultdict(list)
    for row in newest.values():
        item = {"pk": row.pk, "type": row.type, "origin": row.get_origin_display(), "made_at": row.made_at}
        evidence[row.subject_id].append(item)
    findings: dict[UUID | None, list[str]] = defaultdict(list)
    grave = Finding.objects.filter(system__in=systems, severity__in=GRAVE, closed_at__isnull=True)
    for finding in grave.order_by("due_on"):
        findings[finding.system_id].append(f"{finding.title} ({finding.get_severity_display().lower()})")
    return {"states": {row.version_id: row.approval.state for row in asked}, "evidence": evidence, "findings": findings}


def _above(versions: Iterable[ModelVersion], reach: Reach) -> list[Row]:
    words = bases.above(versions)
    used = AliasHistory.objects.filter(version__in={row.version_id for row in words}, during__endswith__isnull=True)
    live = set(used.values_list("version_id", flat=True))
    return [
        {
            "name": str(row.version),
            "url": reverse("model-detail", args=[row.version.model_id]),
            "on": row.base.number,
            "kind": row.get_kind_display(),
            "live": row.version_id in live,
        }
        for row in words
        if reach.covers(row.version.model.system_id)
    ]


def use_shown(promotion: PromotionRequest, viewer: User) -> Row | None:
    """Return the form in which somebody states that what was approved is in use; None where MLflow holds it."""
    if not promotion.version.is_recorded:
        return None
    try:
        outside.check_may_state(promotion, viewer)
    except DomainError as refusal:
        return {"allowed": False, "refusal": refusal.detail, "why": protected.WHY_NOT_ENFORCED}
    first = outside.first_day(promotion)
    return {
        "allowed": True,
        "why": protected.WHY_NOT_ENFORCED,
        "first": first.isoformat() if first else "",
        "today": clock.now().date().isoformat(),
        "errors": {},
    }
