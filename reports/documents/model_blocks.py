"""Tables and charts of explanation and method evidence: every figure with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.documents import charts
from reports.documents.content import Block, Facts, Figure
from reports.documents.snapshot import Record
from reports.documents.wording import (
    DASH,
    decimal,
    integer,
    interval,
    number,
    short_digest,
    words,
)

OUTPUTS = {"probability": "probability", "margin": "margin (log-odds)", "value": "the model's own unit"}


def explanation(payload: Record) -> tuple[Block, ...]:
    """Return the explainer's facts and a bar chart of mean absolute SHAP values."""
    background = payload.get("background") or {}
    blocks: list[Block] = [
        Facts(
            caption="How the explanation was made",
            rows=(
                ("Explainer", str(payload.get("explainer") or DASH)),
                ("Explained output", OUTPUTS.get(str(payload.get("output")), str(payload.get("output") or DASH))),
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
                (
                    "Faithfulness (deletion, above random order)",
                    " ".join(
                        filter(None, (number(payload.get("faithfulness")), _bracketed(payload.get("faithfulness"))))
                    ),
                ),
                ("Features not shown", _not_shown(payload)),
            ),
        )
    ]
    features = [row for row in payload.get("features") or [] if row.get("mean_abs") is not None]
    if features:
        drawn = charts.shap_bars(
            [(words(row["feature"]), row["mean_abs"], row.get("low"), row.get("high")) for row in features],
            axis=f"Mean absolute SHAP value, {OUTPUTS.get(str(payload.get('output')), 'model output')}",
        )
        alt = "; ".join(
            f"{words(row['feature'])} {decimal(row['mean_abs'])}" + (f" ({interval(row)})" if interval(row) else "")
            for row in features
        )
        blocks.append(Figure(drawn, "Mean absolute SHAP value of each feature, with 95 % intervals.", f"{alt}."))
    return tuple(blocks)


def _not_shown(payload: Record) -> str:
    """How many features the figure leaves out, and their share of the importance."""
    left_out, total = payload.get("features_not_shown"), payload.get("features_total")
    if left_out is None or total is None:
        return DASH
    share = 100 * float(payload.get("share_not_shown") or 0.0)
    return f"{integer(left_out)} of {integer(total)}" + (f", with {share:.1f} % of the importance" if left_out else "")


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
