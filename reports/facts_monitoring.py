"""What monitors saw of one model version in use, as the snapshot's ``monitoring`` part."""

from typing import Any

from governance.common import clock
from monitoring import selectors
from monitoring.models import Alert, DriftRun, Monitor
from registry.models import ModelVersion
from reports.facts_log import Json, LogFacts

_LABELS = {
    "limit": "Limit of the population stability index, in nats",
    "min_n": "Rows that a window and the reference need",
    "fdr": "Expected share of false alarms among the columns that alarm",
    "bins": "Bins of a numeric column",
    "sample": "Rows that the reference library sees",
    "dataset_share": "Share of columns that must drift",
}


class Watched:
    """The monitor of a version's alias, with the windows and alerts of this version's own traffic."""

    def __init__(self, version: ModelVersion, alias: str | None) -> None:
        monitors = Monitor.objects.filter(model=version.model).select_related("model", "snapshot").order_by("alias")
        by_alias = {row.alias: row for row in monitors}
        self.monitor: Monitor | None = by_alias.get(alias or "") or next(iter(by_alias.values()), None)
        self.runs: list[DriftRun] = []
        self.alerts: list[Alert] = []
        if self.monitor:
            self.runs = list(selectors.runs_of(self.monitor).filter(version=version).order_by("window_end", "made_at"))
            self.alerts = list(selectors.alerts_of(self.monitor).filter(version=version).order_by("opened_at"))

    def facts(self, log: LogFacts) -> Json | None:
        """Return the part of the snapshot; None when nothing watches the version's model."""
        if self.monitor is None:
            return None
        return {
            "monitor": _monitor(self.monitor, log),
            "windows": [_window(run) for run in self.runs],
            "alerts": [_alert(alert) for alert in self.alerts],
        }


def _monitor(row: Monitor, log: LogFacts) -> Json:
    settings: dict[str, Any] = {
        "Watches": f"alias {row.alias} of {row.model}",
        "State": "on" if row.enabled else "switched off",
        "Measure": "population stability index per column, against the reference rows",
        "Reference rows": f"{row.snapshot.rows:,} ({row.snapshot.digest})",
        **{label: row.settings[key] for key, label in _LABELS.items() if row.settings.get(key) is not None},
    }
    settings.setdefault(_LABELS["dataset_share"], "any one column")
    return {
        "id": str(row.pk),
        "name": str(row),
        "created_at": clock.rfc3339(row.made_at),
        "digest": log.digest(row),
        "log_index": row.log_entry,
        "settings": settings,
    }


def _window(run: DriftRun) -> Json:
    return {
        "id": str(run.pk),
        "start": clock.rfc3339(run.window_start),
        "end": clock.rfc3339(run.window_end),
        "n": run.rows,
        "version": str(run.version.number),
        "outcome": run.outcome,
        "drifted": run.drifted,
        "columns": len(run.evidence.payload["columns"]),
        "dataset_drift": run.evidence.payload["dataset_drift"],
        "payload_digest": run.evidence.payload_digest,
        "log_index": run.log_entry,
    }


def _alert(row: Alert) -> Json:
    return {
        "id": str(row.pk),
        "opened_at": clock.rfc3339(row.opened_at),
        "reason": row.title,
        "effect": row.effect,
        "state": row.state,
        "log_index": row.log_entry,
    }
