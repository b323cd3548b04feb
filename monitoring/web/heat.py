"""The heat map of a monitor: a row for each column, a column for each window, versions as bands, alerts as marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.formats import date_format

from monitoring.models import Alert, DriftRun

Row = dict[str, Any]
Bands = list[tuple[int, int, str]]


def heat(shown: Sequence[DriftRun], alerts: Mapping[Any, Alert], chosen: Row) -> Row:
    """Return what the heat map shows of some windows.

    Args:
        shown: at least one run, oldest first.
        alerts: those that the runs opened, by the run's key.
        chosen: ``column`` and ``run`` of which the distribution is shown.
    """
    by_run = [{column["column"]: column for column in run.evidence.payload["columns"]} for run in shown]
    rows = []
    for name, newest in by_run[-1].items():
        values = [columns[name]["value"] if name in columns else None for columns in by_run]
        rows.append(
            {
                "column": name,
                "values": values,
                "outcome": newest["outcome"],
                "limit": newest["limit"],
                "here": name == chosen.get("column"),
            }
        )
    rows.sort(key=lambda row: -(row["values"][-1] or 0.0) / row["limit"])
    windows = [
        {
            "pk": run.pk,
            "label": label_of(run),
            "start": run.window_start,
            "end": run.window_end,
            "n": run.rows,
            "version": f"v{run.version.number}",
            "evidence": run.evidence_id,
            "alert": _mark(alerts.get(run.pk)),
            "here": run.pk == chosen.get("run"),
        }
        for run in shown
    ]
    bands = [
        {"label": label, "span": last - first + 1, "turn": turn % 2} for turn, (first, last, label) in _turns(shown)
    ]
    return {"windows": windows, "rows": rows, "bands": bands, "alerts": any(window["alert"] for window in windows)}


def _turns(shown: Sequence[DriftRun]) -> list[tuple[int, tuple[int, int, str]]]:
    return list(enumerate(bands_of(shown)))


def bands_of(shown: Sequence[DriftRun]) -> Bands:
    """Return whose traffic the windows are: (first place, last place, version), in turn."""
    bands: Bands = []
    for place, run in enumerate(shown):
        label = f"v{run.version.number}"
        if bands and bands[-1][2] == label:
            bands[-1] = (bands[-1][0], place, label)
        else:
            bands.append((place, place, label))
    return bands


def label_of(run: DriftRun) -> str:
    """Return the window's first day, short."""
    return str(date_format(run.window_start, "j M"))


def _mark(alert: Alert | None) -> Row | None:
    if alert is None:
        return None
    return {"pk": alert.pk, "name": str(alert), "severity": alert.severity, "state": alert.state, "title": alert.title}
