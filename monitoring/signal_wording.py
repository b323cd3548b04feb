"""What a signal shows, in a few words, for the title of an alert. The tables of figures are on the pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]


def in_words(row: Row) -> str:
    """Return what a row of a ``drift/v1`` payload shows, without its full stop; its value is defined."""
    return _SAID[row["signal"]](row)


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _worse(row: Row, what: str) -> str:
    now, then = row["current"]["value"], row["reference"]["value"]
    return f"{what} is {now:.3g}, {then:.3g} on the reference"


def _metric(row: Row) -> str:
    return str(row["metric"]).replace("_", " ")


def _groups(row: Row) -> str:
    now, then = (_percent(row[name]["value"]) for name in ("current", "reference"))
    of = " of those who should have one" if row["signal"] == "tpr_difference" else ""
    return f"{now} of {row['column']} {row['group']}{of} and {then} of {row['against']} get a favourable decision"


def _latency(row: Row) -> str:
    return f"{100 * (1 - row['quantile']):.3g} % of the answers take {row['value']:,.0f} ms or more"


def _kpi(row: Row) -> str:
    now, then = row["current"]["value"], row["reference"]["value"]
    return f"{row['column']} is {now:.4g} on average, {then:.4g} in the windows before"


_SAID: dict[str, Callable[[Row], str]] = {
    "volume": lambda row: f"{row['value']:.2f} times as many records as usual" if row["n"] else "no record came in",
    "missing": lambda row: f"{row['column']} is missing in {_percent(row['value'])} more of the records",
    "new_categories": lambda row: (
        f"{_percent(row['value'])} of the records have a {row['column']} that the reference has not"
    ),
    "latency": _latency,
    "kpi": _kpi,
    "performance": lambda row: _worse(row, f"with labels {_metric(row)}"),
    "estimated_performance": lambda row: _worse(row, f"estimated without labels, {_metric(row)}"),
    "selection_ratio": _groups,
    "selection_difference": _groups,
    "tpr_difference": _groups,
}
