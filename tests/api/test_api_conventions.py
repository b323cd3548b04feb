"""What every address of the API has in common, read off the addresses themselves, so that no new one can forget it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.urls import URLPattern, URLResolver

from governance.config.urls import api
from tests.arch.tree import ROOT

# What MLflow's server sends changes nothing that a second one would make twice, and nobody stands behind it. The token
# of a run counts once by itself.
NO_KEY = {("gate/decisions", "post"), ("gate/check-ins", "post"), ("gate/webhooks", "post"), ("token-exchange", "post")}


def methods(patterns: list[URLPattern | URLResolver] = api) -> Iterator[tuple[str, str, Any]]:
    """Yield address, verb and handler of every method of the API."""
    for found in patterns:
        if isinstance(found, URLResolver):
            yield from methods(found.url_patterns)
            continue
        view = getattr(found.callback, "view_class", None)
        for verb in ("get", "post", "put", "patch", "delete"):
            if handler := getattr(view, verb, None):
                yield str(found.pattern), verb, handler


def described(marker: str) -> list[tuple[str, str, Any]]:
    return [(address, verb, handler) for address, verb, handler in methods() if getattr(handler, marker, False)]


def test_every_post_takes_an_idempotency_key() -> None:
    without = {(a, v) for a, v, handler in methods() if v == "post" and not getattr(handler, "idempotent", False)}
    assert without == NO_KEY
    assert len(described("idempotent")) > 12


def test_every_change_of_an_existing_resource_takes_if_match() -> None:
    changing = {(a, v) for a, v, _ in methods() if v in {"put", "patch", "delete"} or (v == "post" and "<" in a)}
    assert {(a, v) for a, v, _ in described("conditional")} == changing
    assert len(changing) > 10


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "reference" / "openapi.yaml").read_text())
    return found


def test_every_list_is_a_page(description: dict[str, Any]) -> None:
    pages, bare = [], []
    for path, operations in description["paths"].items():
        content = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if schema.get("type") == "array":
            bare.append(path)
        name = schema.get("$ref", "").rpartition("/")[2]
        if name.endswith("Page"):
            pages.append(path)
            assert set(description["components"]["schemas"][name]["properties"]) == {"results", "next", "previous"}
            assert {"cursor", "limit"} <= {row["name"] for row in operations["get"]["parameters"]}
    assert bare == []
    assert len(pages) == 33


def test_the_description_names_the_headers(description: dict[str, Any]) -> None:
    parameters = description["paths"]["/api/v1/promotion-requests/{promotion}/applications"]["post"]["parameters"]
    assert {"Idempotency-Key", "If-Match"} <= {row["name"] for row in parameters}


def test_only_who_has_the_gates_own_secret_is_described_as_let_in(description: dict[str, Any]) -> None:
    gate = {path: rows["post"]["security"] for path, rows in description["paths"].items() if path.endswith("check-ins")}
    assert gate == {"/api/v1/gate/check-ins": [{"gateToken": []}]}


def test_no_value_fits_two_alternatives_at_once(description: dict[str, Any]) -> None:
    """``oneOf`` an empty schema and another refuses whatever fits the other."""
    assert [where for where, rows in _alternatives(description) if {} in rows and len(rows) > 1] == []


def _alternatives(part: Any, where: str = "") -> Iterator[tuple[str, list[Any]]]:
    if isinstance(part, dict):
        if isinstance(part.get("oneOf"), list):
            yield where, part["oneOf"]
        for name, inner in part.items():
            yield from _alternatives(inner, f"{where}/{name}")
    elif isinstance(part, list):
        for inner in part:
            yield from _alternatives(inner, where)
