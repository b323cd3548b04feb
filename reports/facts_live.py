"""What serves now, over all AI systems: whether it was validated, when it is due again, whether drift is measured.

As of when the report is made; only windows are counted over its period.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from governance.common import clock
from governance.validation.calendar import due_validations
from governance.validation.models import OPEN, State, Validation
from monitoring.models import DriftRun, Monitor
from registry.models import AliasHistory, ModelVersion
from reports.facts_log import Json

Watched = Literal["measured", "too_little_data", "no_window", "no_monitor"]


def live_rows(first: datetime, until: datetime) -> list[Json]:
    """Return each version behind an alias now, in a number of queries that does not grow.

    Args:
        first, until: windows that end from ``first`` on and before ``until`` count as measured.
    """
    spans = list(
        AliasHistory.objects.filter(during__endswith__isnull=True)
        .select_related("version__model__system")
        .order_by("model__name", "alias")
    )
    validated = _validated([span.version for span in spans])
    due = {due.approval.subject_id: due for due in due_validations()}
    monitors = {(row.model_id, row.alias) for row in Monitor.objects.filter(enabled=True)}
    windows = _windows(spans, first, until)
    rows = []
    for span in spans:
        version, owner = span.version, span.version.model.system
        asked = due.get(version.pk)
        rows.append(
            {
                "id": str(span.pk),
                "system": owner.slug if owner else None,
                "version": str(version),
                "alias": span.alias,
                "model_tier": owner.model_tier if owner else None,
                "validation": validated.get((version.pk, version.artifact_digest), "none"),
                "validation_due_on": asked.due_on.isoformat() if asked else None,
                "due": ("late" if asked.overdue else "in_time") if asked else "not_asked",
                "drift": _watched(span, monitors, windows),
                "windows": sum(windows.get((span.version_id, span.alias), Counter()).values()),
                "at": clock.rfc3339(span.during.lower),
                "log_index": span.log_entry,
            }
        )
    return rows


def _validated(versions: Iterable[ModelVersion]) -> dict[tuple[uuid.UUID, str], str]:
    """Return by version and its bytes the newest signed opinion, ``under_way`` where only an open validation is."""
    rows = Validation.objects.filter(
        approval__subject_id__in={version.pk for version in versions}, state__in=[State.SIGNED, *OPEN]
    ).select_related("approval")
    found: dict[tuple[uuid.UUID, str], str] = {}
    for row in rows.order_by("settled_at"):
        key = (row.approval.subject_id, row.approval.subject_digest)
        if row.state == State.SIGNED:
            found[key] = row.opinion
        else:
            found.setdefault(key, "under_way")
    return found


def _windows(spans: Iterable[AliasHistory], first: datetime, until: datetime) -> dict[tuple[Any, str], Counter[str]]:
    runs = DriftRun.objects.filter(
        version__in={span.version_id for span in spans}, window_end__gte=first, window_end__lt=until
    )
    found: dict[tuple[Any, str], Counter[str]] = {}
    newest = runs.order_by("monitor", "version", "window_start", "window_end", "-made_at")
    for version, alias, outcome in newest.distinct("monitor", "version", "window_start", "window_end").values_list(
        "version", "monitor__alias", "outcome"
    ):
        found.setdefault((version, alias), Counter())[outcome] += 1
    return found


def _watched(
    span: AliasHistory, monitors: set[tuple[Any, str]], windows: dict[tuple[Any, str], Counter[str]]
) -> Watched:
    if (span.model_id, span.alias) not in monitors:
        return "no_monitor"
    outcomes = windows.get((span.version_id, span.alias), Counter())
    if not outcomes:
        return "no_window"
    return "too_little_data" if set(outcomes) == {DriftRun.Outcome.INSUFFICIENT} else "measured"
