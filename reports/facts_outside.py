"""What a snapshot says of where a version came from: its origin, who supplies it, what it is built on."""

from typing import Any

from governance.common import clock
from registry import bases
from registry.models import ModelVersion
from reports.facts_log import Json

_SAID = ("kind", "supplier", "product", "version", "licence", "runs")


def origin(version: ModelVersion) -> Json:
    """Return the fields ``origin``, ``recorded`` (None of what MLflow holds) and ``builds_on`` of a version."""
    return {
        "origin": version.origin,
        "recorded": _described(version),
        "builds_on": [_base(row) for row in bases.below(version)],
    }


def not_enforced(version: ModelVersion) -> Json | None:
    """Return the part ``gate`` of a version that no MLflow holds: its verdict binds people and no machine."""
    if not version.is_recorded:
        return None
    return {
        "id": str(version.pk),
        "kind": "not-enforced",
        "at": clock.rfc3339(version.mirrored_at),
        "digest": version.artifact_digest,
        "log_index": version.log_entry,
    }


def _described(version: ModelVersion) -> dict[str, Any] | None:
    said = version.described
    return {key: said.get(key) or None for key in _SAID} if said else None


def _base(row: bases.Below) -> Json:
    base = row.base
    return {
        "id": str(row.word.pk),
        "kind": row.word.get_kind_display(),
        "depth": row.depth,
        "name": str(base.model),
        "version": str(base.number),
        "artifact_digest": base.artifact_digest or None,
        "origin": base.origin,
        "recorded": _described(base),
        "at": clock.rfc3339(row.word.stated_at),
        "log_index": row.word.log_entry,
    }
