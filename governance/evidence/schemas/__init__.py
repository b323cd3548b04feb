"""The published JSON Schemas (draft 2020-12) of evidence payloads, one file a type, and the check against them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

HERE = Path(__file__).resolve().parent
TYPES = (
    "performance/v1",
    "calibration/v1",
    "fairness/v1",
    "explanation/v1",
    "robustness/v1",
    "data_quality/v1",
    "evaluation/v1",
    "drift/v1",
    "canary/v1",
    "human_review/v1",
    "document/v1",
    "submitted_document/v1",
)


def schema(evidence_type: str) -> dict[str, Any]:
    """Return the schema of one evidence type (``fairness/v1``) as published.

    Raises:
        LookupError: there is no such type.
    """
    if evidence_type not in TYPES:
        msg = f"There is no evidence type {evidence_type!r}; there are {', '.join(TYPES)}."
        raise LookupError(msg)
    return _read(evidence_type.replace("/", "-"))


def in_order(evidence_type: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload with its fields in the order of its schema, which puts what counts most first.

    The database keeps an order of its own. Fields that the schema shares with all types come first.
    """
    order = {name: place for place, name in enumerate(schema(evidence_type)["properties"])}
    return dict(sorted(payload.items(), key=lambda item: order.get(item[0], -1)))


def first_problem(evidence_type: str, payload: object) -> str | None:
    """Return what keeps ``payload`` from fitting the schema of its type, with the place, or None when it fits.

    Example: ``features[0].groups[2].tpr: 'reason' is a required property``.
    """
    if evidence_type not in TYPES:
        return f"there is no evidence type {evidence_type!r}; there are {', '.join(TYPES)}"
    from jsonschema.exceptions import best_match

    errors = list(_validator(evidence_type).iter_errors(payload))
    if not errors:
        return None
    # A field that fails counts as unevaluated too: what is wrong with it says more.
    error = best_match([one for one in errors if one.validator != "unevaluatedProperties"] or errors)
    place = error.json_path.removeprefix("$").removeprefix(".") or "the payload"
    return f"{place}: {error.message[:300]}"


@cache
def _validator(evidence_type: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    common = DRAFT202012.create_resource(_read("common-v1"))
    registry: Registry[Any] = common @ Registry()
    return Draft202012Validator(schema(evidence_type), registry=registry)


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    return content
