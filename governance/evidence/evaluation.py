"""Evaluations in other tools, which somebody pushes: what a policy may ask of them, and what their schema can't say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

TYPE = "evaluation/v1"
KINDS = ("llm_evaluation", "penetration_test", "red_teaming", "stress_test", "back_test", "other")
SEVERITIES = ("critical", "high", "medium", "low")


def contradiction(parameters: Mapping[str, Any], payload: Mapping[str, Any], *, signed_on: date) -> str:
    """Return where an evaluation contradicts itself or what its sender states; empty when nowhere.

    Args:
        parameters: ``kind``, and ``figures``: the results that the policy reads.
        payload: it fits the schema.
        signed_on: the day on which its sender signed it, in UTC.
    """
    day = performed_on(payload)
    if day is None:
        return f"performed_on: {payload['performed_on']} is no day."
    if day > signed_on:
        return f"performed_on: {day} comes after the day on which it was signed, {signed_on}."
    if not payload["results"] and payload["findings"] is None:
        return "It holds neither results nor findings; give one of them."
    names = [row["name"] for row in payload["results"]]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        return f"The result {twice} stands there twice."
    wanted = parameters.get("figures")
    if lacking := [name for name in wanted if name not in names] if isinstance(wanted, list) else []:
        return (
            f"The statement says that it is about {', '.join(map(str, lacking))}; the payload has no such result. "
            "What is undefined is a result too, null with a reason."
        )
    return ""


def performed_on(evaluation: Mapping[str, Any]) -> date | None:
    """Return the last day of an evaluation, from its payload or its projection; None if what stands there is no day."""
    try:
        return date.fromisoformat(evaluation["performed_on"])
    except ValueError:
        return None


def project(payload: Mapping[str, Any]) -> dict[str, str | int | float | bool | None]:
    """Return the scalars that a policy may name; findings are undefined where none were looked for."""
    out: dict[str, str | int | float | bool | None] = {name: payload[name] for name in ("n", "kind", "performed_on")}
    findings = payload["findings"] or {}
    out |= {f"findings.{severity}": findings.get(severity) for severity in SEVERITIES}
    for row in payload["results"]:
        out |= {f"figures.{row['name']}.{part}": row["number"][part] for part in ("value", "low", "high")}
    return out
