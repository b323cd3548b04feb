"""Tables and charts of explanation and method evidence: every figure with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.documents import charts
from reports.documents.content import Block, Facts, Figure
from reports.documents.snapshot import Record
from reports.documents.translation import N_, _
from reports.documents.wording import (
    DASH,
    decimal,
    integer,
    interval,
    known,
    number,
    short_digest,
    spelled,
)

OUTPUTS = {"probability": N_("probability"), "margin": N_("margin (log-odds)"), "value": N_("the model's own unit")}


def output_of(payload: Record, otherwise: str) -> str:
    """Return the unit of what was explained in words, ``otherwise`` where it is none of ours."""
    said = str(payload.get("output"))
    return _(OUTPUTS[said]) if said in OUTPUTS else otherwise


def explanation(payload: Record) -> tuple[Block, ...]:
    """Return the explainer's facts and a bar chart of mean absolute SHAP values."""
    background = payload.get("background") or {}
    blocks: list[Block] = [
        Facts(
            caption=_("How the explanation was made"),
            rows=(
                (_("Explainer"), str(payload.get("explainer") or DASH)),
                (_("Explained output"), output_of(payload, str(payload.get("output") or DASH))),
                (_("Rows explained"), integer(payload.get("rows"))),
                (
                    _("Background rows"),
                    _("{n} (digest {digest})").format(
                        n=integer(background.get("n")), digest=short_digest(background.get("digest"))
                    ),
                ),
                (_("Base value"), decimal(payload.get("base_value"))),
                (_("Largest additivity residual"), decimal(payload.get("additivity_residual"))),
                (
                    _("Stability (rank correlation)"),
                    " ".join(filter(None, (number(payload.get("stability")), _bracketed(payload.get("stability"))))),
                ),
                (
                    _("Faithfulness (deletion, above random order)"),
                    " ".join(
                        filter(None, (number(payload.get("faithfulness")), _bracketed(payload.get("faithfulness"))))
                    ),
                ),
                (_("Features not shown"), _not_shown(payload)),
            ),
        )
    ]
    features = [row for row in payload.get("features") or [] if row.get("mean_abs") is not None]
    if features:
        drawn = charts.shap_bars(
            [(spelled(row["feature"]), row["mean_abs"], row.get("low"), row.get("high")) for row in features],
            axis=_("Mean absolute SHAP value, {output}").format(output=output_of(payload, _("model output"))),
        )
        alt = "; ".join(
            f"{spelled(row['feature'])} {decimal(row['mean_abs'])}" + (f" ({interval(row)})" if interval(row) else "")
            for row in features
        )
        blocks.append(Figure(drawn, _("Mean absolute SHAP value of each feature, with 95 % intervals."), f"{alt}."))
    return tuple(blocks)


def _not_shown(payload: Record) -> str:
    """How many features the figure leaves out, and their share of the importance."""
    left_out, total = payload.get("features_not_shown"), payload.get("features_total")
    if left_out is None or total is None:
        return DASH
    share = 100 * float(payload.get("share_not_shown") or 0.0)
    if not left_out:
        return _("{left_out} of {total}").format(left_out=integer(left_out), total=integer(total))
    return _("{left_out} of {total}, with {share} % of the importance").format(
        left_out=integer(left_out), total=integer(total), share=f"{share:.1f}"
    )


def _bracketed(measured: Record | None) -> str:
    text = interval(measured)
    return f"({text})" if text else ""


def methods(evidence: Sequence[Record]) -> tuple[Facts, ...]:
    """Return how each evidence was made: method, seed, libraries and the check against the reference library."""
    return tuple(_method_facts(row, row["payload"]) for row in evidence if row.get("payload"))


def _method_facts(row: Record, payload: Record) -> Facts:
    facts: list[tuple[str, str]] = [
        (_("Evidence"), str(row.get("id") or DASH)),
        (_("Origin"), known(str(row.get("origin") or DASH))),
    ]
    method: Any = payload.get("method") or {}
    facts += [(spelled(str(key)).capitalize(), str(value)) for key, value in method.items()]
    if payload.get("seed") is not None:
        facts.append((_("Seed"), str(payload["seed"])))
    libraries = payload.get("libraries") or {}
    if libraries:
        facts.append((_("Libraries"), ", ".join(f"{name} {version}" for name, version in sorted(libraries.items()))))
    check = payload.get("reference_check") or {}
    if check:
        facts.append(
            (
                _("Reference check"),
                _("{library} {version}: largest difference {max_difference}, tolerance {tolerance}").format(
                    library=check.get("library"),
                    version=check.get("version"),
                    max_difference=decimal(check.get("max_difference")),
                    tolerance=decimal(check.get("tolerance")),
                ),
            )
        )
    return Facts(caption=f"{row.get('type')}", rows=tuple(facts))
