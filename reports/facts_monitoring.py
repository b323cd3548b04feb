"""What monitors saw of one model version in use, as the snapshot's ``monitoring`` part."""

from typing import Any

from governance.common import clock
from monitoring import selectors
from monitoring.models import Alert, DriftRun, Monitor
from registry.models import ModelVersion
from reports.facts_log import Json, LogFacts


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
            "monitor": _monitor(self.monitor, self.runs[-1] if self.runs else None, log),
            "windows": [_window(run) for run in self.runs],
            "alerts": [_alert(alert) for alert in self.alerts],
        }


def _monitor(row: Monitor, newest: DriftRun | None, log: LogFacts) -> Json:
    judged = newest.evidence.payload["settings"] if newest else {}
    settings: dict[str, Any] = {
        "Watches": f"alias {row.alias} of {row.model}",
        "State": "on" if row.enabled else "switched off",
        "Reference rows": f"{row.snapshot.rows:,} ({row.snapshot.digest})",
        **(_judged_by(judged) if judged else {"Limits": "those of the policy; no window was measured yet"}),
    }
    return {
        "id": str(row.pk),
        "name": str(row),
        "created_at": clock.rfc3339(row.made_at),
        "digest": log.digest(row),
        "log_index": row.log_entry,
        "settings": settings,
    }


def _judged_by(settings: Json) -> Json:
    """Return the limits of the newest window, as sentences."""
    kinds = {"numeric": "numbers", "categorical": "categories"}
    measured = {
        f"Distance of {name} from the reference": f"{settings[kind]['method'].replace('_', ' ')}: watched from "
        f"{settings[kind]['watch']:g}, breach from {settings[kind]['limit']:g}"
        for kind, name in kinds.items()
    }
    share = settings["share"]
    return measured | {
        "Rows that a window and the reference need": settings["min_n"],
        "Expected share of false alarms among the columns that alarm": settings["fdr"],
        "Columns in breach that make a window one": "any one" if share is None else f"{100 * share:g} % of all",
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
