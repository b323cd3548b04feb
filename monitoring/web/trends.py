"""Every figure of a monitor over its windows: records, what moved most, predictions, and each signal by its name.

A signal is a row of a drift/v1 payload's ``signals``; one that is new there is drawn without a word here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from monitoring.models import Alert, DriftRun
from monitoring.web.distribution import Windows, mean_of
from monitoring.web.heat import bands_of, label_of

Row = dict[str, Any]
WORST = {"breach": 0, "drift": 0, "watch": 1, "insufficient": 3}
DRAWN = 24
SHARES = {"missing", "new_categories", "selection_difference", "tpr_difference"}
UNITS = {"latency": "ms"}


def trends(shown: Sequence[DriftRun], alerts: Mapping[Any, Alert], windows: Windows) -> Row:
    """Return the charts: ``always`` (records, largest distance, predictions) and ``signals``, what is gravest first.

    Each is ``{key, title, sub, unit, digits, labels, values, ends, limit, watch, reference, outcomes, bands, marks,
    outcome, now, said}``; values have the unit's scale, so a share of 0.05 is 5 with the unit
    ``%``. ``left_out``: signals beyond those drawn, all of them quiet.
    """
    if not shown:
        return {"always": [], "signals": [], "left_out": 0}
    frame: Row = {
        "labels": [label_of(run) for run in shown],
        "bands": bands_of(shown),
        "marks": [(place, str(alerts[run.pk])) for place, run in enumerate(shown) if run.pk in alerts],
    }
    signals = sorted(_signals(shown), key=lambda row: (WORST.get(str(row["outcome"]), 2), row["title"], row["sub"]))
    always = [
        chart for chart in (_records(shown), _largest(shown), _predictions(shown), _mean(shown, windows)) if chart
    ]
    return {
        "always": [{**frame, **chart, "key": f"always-{place}"} for place, chart in enumerate(always)],
        "signals": [{**frame, **chart, "key": f"signal-{place}"} for place, chart in enumerate(signals[:DRAWN])],
        "left_out": max(0, len(signals) - DRAWN),
    }


def _chart(title: str, values: Sequence[float | None], **more: Any) -> Row:
    base: Row = {"title": title, "sub": "", "unit": "", "limit": None, "watch": None, "reference": None, "outcome": ""}
    base |= {"outcomes": [], "ends": [], "said": "", "digits": None}
    return base | {"values": list(values), "now": values[-1]} | more


def _records(shown: Sequence[DriftRun]) -> Row:
    """Records per window, and between which numbers the newest window's would be quiet."""
    newest = shown[-1].evidence.payload
    volume = next((row for row in newest.get("signals", []) if row["signal"] == "volume"), None)
    terms = newest.get("settings", {}).get("volume")
    said, watch, outcome = _("Not compared with windows before it."), None, ""
    if volume and volume["value"] and terms:
        usual = volume["n"] / volume["value"]
        watch, outcome = [usual * terms["least"], usual * terms["most"]], volume["outcome"]
        said = _("usual {low} to {high}").format(low=f"{watch[0]:,.0f}", high=f"{watch[1]:,.0f}")
    values = [float(run.rows) for run in shown]
    return _chart(_("Records in the window"), values, watch=watch, outcome=outcome, said=said)


def largest(payload: Mapping[str, Any]) -> float | None:
    """Return the largest distance of a window as a multiple of its limit: columns can have different measures."""
    shares = [column["value"] / column["limit"] for column in payload["columns"] if column["value"] is not None]
    return max(shares, default=None)


def _largest(shown: Sequence[DriftRun]) -> Row:
    values = [_percent(largest(run.evidence.payload)) for run in shown]
    outcome = "drift" if shown[-1].drifted else "stable"
    return _chart(
        _("Column that moved most"), values, unit="%", digits=0, limit=100.0, outcome=outcome, said=_("of its limit")
    )


def _predictions(shown: Sequence[DriftRun]) -> Row | None:
    found = [_column(run, "prediction") for run in shown]
    if not any(found):
        return None
    values = [_percent(row["value"] / row["limit"]) if row and row["value"] is not None else None for row in found]
    outcomes = [row["outcome"] if row else "" for row in found]
    title, now = _("Predictions, distance from the reference"), found[-1]
    return _chart(
        title, values, unit="%", digits=0, limit=100.0, outcomes=outcomes, outcome=now["outcome"] if now else "",
        said=_("of its limit"),
    )  # fmt: skip


def _column(run: DriftRun, name: str) -> Row | None:
    found: Row | None = next((row for row in run.evidence.payload["columns"] if row["column"] == name), None)
    return found


def _mean(shown: Sequence[DriftRun], windows: Windows) -> Row | None:
    """The mean prediction of each window, from its bins: exact to the width of a hundredth of the reference's rows."""
    pairs = [windows.columns(run, "prediction") for run in shown]
    values = [mean_of(*pair) if pair else None for pair in pairs]
    if all(value is None for value in values):
        return None
    known = next((pair[0].mean for pair in reversed(pairs) if pair), None)
    said = "" if known is None else _("reference {mean}").format(mean=f"{known:,.3f}")
    return _chart(
        _("Mean prediction"), values, from_zero=False, reference=known, said=said, sub=_("from counts in fine bins")
    )


def _signals(shown: Sequence[DriftRun]) -> list[Row]:
    """One chart for each signal, column and group that any of the windows says; volume is drawn as records."""
    kept: dict[tuple[str, str], list[Row | None]] = {}
    for place, run in enumerate(shown):
        for row in run.evidence.payload.get("signals", []):
            name = (str(row["signal"]), _of_what(row))
            kept.setdefault(name, [None] * len(shown))[place] = row
    kept = {name: rows for name, rows in kept.items() if name[0] != "volume"}
    return [_signal(*name, rows) for name, rows in kept.items()]


def _of_what(row: Row) -> str:
    """Say what a signal is of: its column, the metric, the quantile, and the groups that are compared."""
    parts = [str(row.get("column") or "")]
    if metric := row.get("metric"):
        parts.append(str(metric).replace("_", " "))
    if quantile := row.get("quantile"):
        parts.append(f"{100 * quantile:g} %")
    if group := row.get("group"):
        parts.append(_("%(group)s beside %(against)s") % {"group": group, "against": row.get("against")})
    return ", ".join(part for part in parts if part)


def _signal(name: str, column: str, rows: Sequence[Row | None]) -> Row:
    newest = next(row for row in reversed(rows) if row)
    share = name in SHARES or newest.get("unit") == "share"
    scale = 100.0 if share else 1.0

    def scaled(row: Row | None, key: str) -> float | None:
        value = row.get(key) if row else None
        return None if value is None else float(value) * scale

    ends = [(scaled(row, "low"), scaled(row, "high")) for row in rows]
    watch, limit = scaled(newest, "watch"), scaled(newest, "limit")
    return _chart(
        signal_title(name),
        [scaled(row, "value") for row in rows],
        sub=column,
        unit="%" if share else str(newest.get("unit") or UNITS.get(name, "")),
        digits=1 if share else None,
        from_zero=share,
        watch=None if watch is None else [watch],
        limit=limit,
        ends=[None if low is None or high is None else (low, high) for low, high in ends],
        outcomes=[str(row["outcome"]) if row else "" for row in rows],
        outcome=str(rows[-1]["outcome"]) if rows[-1] else "",
        said=str(rows[-1].get("reason") or "") if rows[-1] else _("not in the newest window"),
    )


def signal_title(name: str) -> str:
    """Return a signal's name as words; one that is not known here is its own name, readable."""
    known = {
        "missing": _("More values missing"),
        "new_categories": _("Texts that the reference has not"),
        "latency": _("Latency"),
        "kpi": _("By how much a business figure is worse"),
        "performance": _("By how much a metric is worse, with labels"),
        "estimated_performance": _("By how much a metric is worse, estimated"),
        "selection_ratio": _("Ratio of favourable shares"),
        "selection_difference": _("Difference of favourable shares"),
        "tpr_difference": _("Difference of true positive rates"),
    }
    return known.get(name) or name.replace("_", " ").replace("-", " ").capitalize()


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value
