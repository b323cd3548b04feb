"""Tables and charts of performance, explanation and method evidence: every rate with interval and denominator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.documents import charts
from reports.documents.content import Block, Cell, Column, Facts, Figure, Table, Tone
from reports.documents.snapshot import Record
from reports.documents.wording import (
    DASH,
    decimal,
    denominator,
    integer,
    interval,
    number,
    reason,
    short_digest,
    words,
)

_METRIC_TITLES = {
    "auc": "Area under the ROC curve",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "tpr": "True positive rate",
    "fpr": "False positive rate",
    "selection_rate": "Selection rate",
    "accuracy": "Accuracy",
}


def performance(payload: Record, *, event: str) -> tuple[Block, ...]:
    """Return the metric table, the confusion table, and the ROC and calibration charts.

    Args:
        payload: ``performance/v1``.
        event: the label that the score predicts, for the table headings.
    """
    metrics = payload.get("metrics") or []
    compared = any(row.get("production") for row in metrics)
    columns = [Column("Measure", width=27), Column("Candidate", numeric=True)]
    if compared:
        columns += [
            Column("Production", numeric=True),
            Column("Difference", numeric=True),
            Column("Interval around 0"),
            Column("Reading"),
        ]
    blocks: list[Block] = [
        Table(
            caption=f"Performance on {integer(payload.get('n'))} evaluation rows"
            + (", candidate against production on the same rows" if compared else ""),
            columns=tuple(columns),
            rows=tuple(_metric_row(row, compared=compared) for row in metrics),
            note=f"Rates predict the label “{event}” at a decision threshold of {decimal(payload.get('threshold'))}. "
            f"“Not shown”: the interval of the "
            "difference holds 0; it does not mean that the two are equal."
            if compared
            else f"Rates predict the label “{event}” at a decision threshold of {decimal(payload.get('threshold'))}.",
        )
    ]
    if payload.get("confusion"):
        blocks.append(_confusion(payload["confusion"], event=event))
    blocks += _curves(payload)
    return tuple(blocks)


def _metric_row(row: Record, *, compared: bool) -> tuple[Cell, ...]:
    candidate, production, difference = row.get("candidate"), row.get("production"), row.get("difference")
    title = str(row.get("title") or _METRIC_TITLES.get(str(row.get("id")), words(str(row.get("id")))))
    better = "higher" if row.get("better") == "higher" else "lower"
    of = f", {denominator(candidate)} rows" if denominator(candidate) else ""
    cells = [
        Cell(title, sub=f"{better} is better{of}"),
        Cell(number(candidate), sub=interval(candidate) or reason(candidate)),
    ]
    if compared:
        reading, tone = _reading(difference, better)
        cells += [
            Cell(number(production), sub=interval(production) or reason(production)),
            Cell(number(difference, signed=True), sub=interval(difference, signed=True) or reason(difference)),
            _difference_chart(difference, tone),
            Cell(reading, tone=tone),
        ]
    return tuple(cells)


def _reading(difference: Record | None, better: str) -> tuple[str, Tone]:
    if difference is None or difference.get("low") is None or difference.get("high") is None:
        return "no comparison", "none"
    if difference["low"] <= 0 <= difference["high"]:
        return "not shown", "none"
    return ("better", "good") if (difference["low"] > 0) == (better == "higher") else ("worse", "bad")


def _difference_chart(difference: Record | None, tone: Tone) -> Cell:
    if difference is None or difference.get("low") is None or difference.get("high") is None:
        return Cell(DASH)
    reach = max(abs(difference["low"]), abs(difference["high"]), 1e-12) * 1.15
    svg = charts.mini_interval(
        difference["value"], difference["low"], difference["high"], domain=(-reach, reach), reference=0.0, tone=tone
    )
    return Cell(
        "",
        svg=svg,
        alt=f"Difference {number(difference, signed=True)}, interval {interval(difference, signed=True)}, dotted line "
        f"at 0.",
    )


def _confusion(counts: Record, *, event: str) -> Table:
    other = f"not {event}"
    return Table(
        caption="Decisions at the threshold, in rows",
        columns=(
            Column("True label", width=30),
            Column(f"Predicted {event}", numeric=True),
            Column(f"Predicted {other}", numeric=True),
        ),
        rows=(
            (Cell(event), Cell(integer(counts.get("tp"))), Cell(integer(counts.get("fn")))),
            (Cell(other), Cell(integer(counts.get("fp"))), Cell(integer(counts.get("tn")))),
        ),
    )


def _curves(payload: Record) -> list[Block]:
    blocks: list[Block] = []
    by_id = {row.get("id"): row.get("candidate") or {} for row in payload.get("metrics") or []}
    points = [(float(a), float(b)) for a, b in payload.get("roc") or []]
    if points:
        at = (by_id.get("fpr", {}).get("value"), by_id.get("tpr", {}).get("value"))
        operating = (at[0], at[1]) if at[0] is not None and at[1] is not None else None
        said = (
            f" At the decision threshold the false positive rate is {decimal(at[0])} and the true positive rate "
            f"{decimal(at[1])}."
            if operating
            else ""
        )
        alt = (
            f"ROC curve of the candidate; area {number(by_id.get('auc'))}, interval {interval(by_id.get('auc'))}.{said}"
        )
        blocks.append(
            Figure(
                charts.roc_curve(points, operating=operating),
                "ROC curve. The dashed diagonal is chance.",
                alt,
                half=True,
            )
        )
    bins = [
        row
        for row in payload.get("calibration") or []
        if row.get("predicted") is not None and row.get("observed") is not None
    ]
    if bins:
        alt = "Calibration by score bin: " + "; ".join(
            f"predicted {decimal(row['predicted'])}, observed {decimal(row['observed'])}, {integer(row['n'])} rows"
            for row in bins
        )
        drawn = charts.calibration_plot([(row["predicted"], row["observed"], row["n"]) for row in bins])
        blocks.append(
            Figure(
                drawn,
                "Calibration by score bin. The area of a dot is its number of rows; the diagonal is perfect.",
                f"{alt}.",
                half=True,
            )
        )
    return blocks


def explanation(payload: Record) -> tuple[Block, ...]:
    """Return the explainer's facts and a bar chart of mean absolute SHAP values."""
    background = payload.get("background") or {}
    blocks: list[Block] = [
        Facts(
            caption="How the explanation was made",
            rows=(
                ("Explainer", str(payload.get("explainer") or DASH)),
                ("Explained output", str(payload.get("output") or DASH)),
                ("Rows explained", integer(payload.get("rows"))),
                (
                    "Background rows",
                    f"{integer(background.get('n'))} (digest {short_digest(background.get('digest'))})",
                ),
                ("Base value", decimal(payload.get("base_value"))),
                ("Largest additivity residual", decimal(payload.get("additivity_residual"))),
                (
                    "Stability (rank correlation)",
                    " ".join(filter(None, (number(payload.get("stability")), _bracketed(payload.get("stability"))))),
                ),
            ),
        )
    ]
    features = [row for row in payload.get("features") or [] if row.get("mean_abs") is not None]
    if features:
        drawn = charts.shap_bars(
            [(words(row["feature"]), row["mean_abs"], row.get("low"), row.get("high")) for row in features],
            axis=f"Mean absolute SHAP value, {payload.get('output') or 'model output'}",
        )
        alt = "; ".join(
            f"{words(row['feature'])} {decimal(row['mean_abs'])}" + (f" ({interval(row)})" if interval(row) else "")
            for row in features
        )
        blocks.append(Figure(drawn, "Mean absolute SHAP value of each feature, with 95 % intervals.", f"{alt}."))
    return tuple(blocks)


def _bracketed(measured: Record | None) -> str:
    text = interval(measured)
    return f"({text})" if text else ""


def methods(evidence: Sequence[Record]) -> tuple[Facts, ...]:
    """Return how each evidence was made: method, seed, libraries and the check against the reference library."""
    return tuple(_method_facts(row, row["payload"]) for row in evidence if row.get("payload"))


def _method_facts(row: Record, payload: Record) -> Facts:
    facts: list[tuple[str, str]] = [
        ("Evidence", str(row.get("id") or DASH)),
        ("Origin", str(row.get("origin") or DASH)),
    ]
    method: Any = payload.get("method") or {}
    facts += [(words(str(key)).capitalize(), str(value)) for key, value in method.items()]
    if payload.get("seed") is not None:
        facts.append(("Seed", str(payload["seed"])))
    libraries = payload.get("libraries") or {}
    if libraries:
        facts.append(("Libraries", ", ".join(f"{name} {version}" for name, version in sorted(libraries.items()))))
    check = payload.get("reference_check") or {}
    if check:
        facts.append(
            (
                "Reference check",
                f"{check.get('library')} {check.get('version')}: largest difference "
                f"{decimal(check.get('max_difference'))}, "
                f"tolerance {decimal(check.get('tolerance'))}",
            )
        )
    return Facts(caption=f"{row.get('type')}", rows=tuple(facts))
