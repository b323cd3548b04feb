"""The pages of datasets: what one is, what its columns mean and hold, what rests on it, who uses it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from governance.accounts.access import Reach, readable, readable_systems
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import people_with
from governance.evidence.models import Evidence
from governance.inventory.models import DatasetPin
from placet.declaring import TERMS
from registry import datasets
from registry.models import DatasetSnapshot, ModelVersion

EVIDENCE_SHOWN = 60


def list_page(viewer: User) -> dict[str, Any]:
    """Return the datasets that a person may read, with how many versions were declared on each; four queries."""
    rows = list(datasets.datasets_for(viewer))
    reach = readable_systems(viewer)
    versions = readable(ModelVersion.objects.all(), reach, system="model__system")
    counted: dict[UUID, int] = {}
    for field in ("evaluation_dataset", "training_dataset"):
        for pk in versions.filter(**{f"{field}__in": rows}).values_list(field, flat=True):
            counted[pk] = counted.get(pk, 0) + 1
    return {"rows": [{**_head(row), "versions": counted.get(row.pk, 0)} for row in rows]}


def dataset_page(row: DatasetSnapshot, viewer: User) -> dict[str, Any]:
    """Return the context of registry/dataset.html: only systems, versions and evidence that the person may read."""
    reach = readable_systems(viewer)
    same = list(DatasetSnapshot.objects.filter(digest=row.digest).order_by("role"))
    evidence = _evidence(row.digest, reach)
    allowed = datasets.may_delete(viewer, row.digest)
    return {
        "dataset": _head(row)
        | {
            "label": row.label,
            "positive_label": row.positive_label,
            "favourable_labels": row.favourable_labels,
            "direction": row.get_favourable_direction_display() if row.favourable_direction else "",
            "features": len(row.features),
            "uri": row.uri,
            "kept": _kept(row),
        },
        "roles": [item.get_role_display() for item in same],
        "columns": _columns(row, evidence),
        "sensitive": [
            {"column": name, **{term: (row.handling.get(name) or {}).get(term, "") for term in TERMS}}
            for name in row.sensitive_features
        ],
        "versions": _versions(row.digest, reach),
        "evidence": evidence[:EVIDENCE_SHOWN],
        "pins": _pins(row.digest, reach),
        "delete": {"allowed": allowed, "refusal": "" if allowed else _refusal(row.digest)},
        "banner": {"tone": "warn", "title": datasets.gone_said(row), "text": ""} if row.gone_at else None,
        "form": {},
    }


def data_of(versions: Iterable[ModelVersion]) -> dict[UUID, list[dict[str, str]]]:
    """Return the datasets of versions, as their model's page names them; one query."""
    rows = list(versions)
    wanted = {pk for row in rows for pk in (row.evaluation_dataset_id, row.training_dataset_id) if pk}
    found = DatasetSnapshot.objects.in_bulk(wanted)
    return {
        row.pk: [
            {"digest": found[pk].digest[7:], "role": found[pk].get_role_display()}
            for pk in (row.evaluation_dataset_id, row.training_dataset_id)
            if pk
        ]
        for row in rows
    }


def _head(row: DatasetSnapshot) -> dict[str, Any]:
    return {
        "digest": row.digest,
        "hex": row.digest[7:],
        "role": row.get_role_display(),
        "rows": row.rows,
        "columns": len(row.columns),
        "task": row.get_task_display() if row.role != DatasetSnapshot.Role.TRAINING else "",
        "mirrored_at": row.mirrored_at,
        "delete_by": row.delete_by,
        "gone": datasets.gone_said(row),
        "gone_at": row.gone_at,
    }


def _kept(row: DatasetSnapshot) -> str:
    if row.gone_at:
        return "nothing any more"
    return "digests of the rows" if row.role == DatasetSnapshot.Role.TRAINING else "the rows"


def _columns(row: DatasetSnapshot, evidence: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each column with what the newest data quality evidence says it holds, as far as there is one."""
    measured = next((item for item in evidence if item["type"] == "data_quality/v1"), None)
    held: dict[str, Any] = {}
    if measured:
        payload = Evidence.objects.values_list("payload", flat=True).get(pk=measured["pk"])
        held = {column["column"]: column for column in payload["columns"]}
    return [
        {
            "name": item["name"],
            "type": item["type"],
            "use": _use(row, item["name"]),
            "held": held.get(item["name"]),
            "trained": row.profile.get(item["name"]),
        }
        for item in row.columns
    ]


def _use(row: DatasetSnapshot, name: str) -> str:
    uses = [
        word
        for word, names in (("label", [row.label]), ("feature", row.features), ("sensitive", row.sensitive_features))
        if name in names
    ]
    return ", ".join(uses)


def _versions(digest: str, reach: Reach) -> list[dict[str, Any]]:
    """Return the versions whose run declared it: run, version, and what for."""
    out = []
    for field, word in (("evaluation_dataset", "evaluated on it"), ("training_dataset", "trained on it")):
        rows = ModelVersion.objects.filter(**{f"{field}__digest": digest}).select_related("model__system")
        out += [
            {
                "name": str(version),
                "model_pk": version.model_id,
                "run": version.run_id,
                "how": word,
                "system": version.model.system,
            }
            for version in readable(rows, reach, system="model__system").order_by("model__name", "number")
        ]
    return out


def _evidence(digest: str, reach: Reach) -> list[dict[str, Any]]:
    """Return the evidence measured on it, newest first, about versions in reach."""
    rows = list(
        Evidence.objects.filter(dataset_digest=digest)
        .only("type", "subject_id", "subject_name", "made_at", "origin", "dataset_digest")
        .order_by("-made_at")
    )
    versions = readable(
        ModelVersion.objects.filter(pk__in={item.subject_id for item in rows if item.subject_id}),
        reach,
        system="model__system",
    ).select_related("model")
    known = {version.pk: version for version in versions}
    return [
        {
            "pk": item.pk,
            "type": item.type,
            "version": str(known[item.subject_id]),
            "model_pk": known[item.subject_id].model_id,
            "at": item.made_at,
            "origin": item.get_origin_display(),
        }
        for item in rows
        if item.subject_id in known
    ]


def _pins(digest: str, reach: Reach) -> list[dict[str, Any]]:
    rows = DatasetPin.objects.filter(dataset_digest=digest).select_related("system", "pinned_by").order_by("pinned_at")
    return [
        {
            "system_pk": pin.system_id,
            "system": pin.system.name,
            "by": pin.pinned_by.name,
            "since": pin.pinned_at,
            "until": pin.unpinned_at,
        }
        for pin in readable(rows, reach, system="system")
    ]


def _refusal(digest: str) -> str:
    systems = datasets.systems_of(digest)
    if len(systems) == 1:
        (system_id,) = systems
        if not people_with([Role.DATA_PROTECTION_OFFICER], system_id=system_id):
            return "A data protection officer has the rows deleted; nobody holds that role here."
    return "A data protection officer of every AI system that uses the data has its rows deleted."
