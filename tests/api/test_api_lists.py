"""Lists of the API: pages that a caller can follow to the end, while rows are added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from governance.common import clock
from governance.inventory.models import AISystem
from registry.models import PromotionRequest
from tests import factories

SignIn = Callable[[Any], Client]


def followed(client: Client, path: str) -> list[list[Any]]:
    """The pages of a list, by following ``next``."""
    pages, address = [], f"/api/v1/{path}"
    while address:
        body = client.get(address).json()
        assert set(body) == {"results", "next", "previous"}
        pages.append(body["results"])
        address = body["next"]
    return pages


def test_systems_come_in_pages_newest_first_to_the_last(cast: Any, signed_in: SignIn) -> None:
    for _ in range(4):
        factories.a_system(owner=cast.owner)
    client = signed_in(cast.owner)
    pages = followed(client, "systems?limit=2")
    assert [len(page) for page in pages] == [2, 2, 1]
    wanted = AISystem.objects.order_by("-made_at").values_list("slug", flat=True)
    assert [row["slug"] for page in pages for row in page] == list(wanted)
    second = client.get(client.get("/api/v1/systems?limit=2").json()["next"]).json()
    back = client.get(second["previous"]).json()
    assert back["results"] == pages[0]


def test_a_row_that_comes_meanwhile_moves_no_page(cast: Any, signed_in: SignIn) -> None:
    for _ in range(3):
        factories.a_system(owner=cast.owner)
    client = signed_in(cast.owner)
    first = client.get("/api/v1/systems?limit=2").json()
    factories.a_system(owner=cast.owner)
    second = client.get(first["next"]).json()
    slugs = [row["slug"] for row in first["results"] + second["results"]]
    assert len(slugs) == len(set(slugs)) == 4


def test_rows_of_one_moment_are_each_shown_once(cast: Any, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    numbers = [str(cast.promotion(number=number)) for number in range(1, 6)]
    pages = followed(signed_in(cast.engineer), "promotion-requests?limit=2")
    assert sorted(row["reference"] for page in pages for row in page) == sorted(numbers)
    assert PromotionRequest.objects.values("made_at").distinct().count() == 1


def test_promotions_are_filtered_and_paged(cast: Any, signed_in: SignIn) -> None:
    made = [cast.promotion(number=number) for number in range(1, 4)]
    client = signed_in(cast.engineer)
    pages = followed(client, f"promotion-requests?model={cast.model.name}&state=requested&limit=1")
    assert [[row["id"] for row in page] for page in pages] == [[str(row.pk)] for row in reversed(made)]
    assert followed(client, "promotion-requests?model=other") == [[]]


def test_the_policies_in_force_are_a_page(cast: Any, signed_in: SignIn) -> None:
    factories.a_policy()
    ((row,),) = followed(signed_in(cast.owner), "policies")
    assert (row["name"], row["number"]) == (cast.policy.name, 2)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=many", "limit=-1", "cursor=x", "cursor=cD1ub25zZW5zZQ=="]
)
def test_a_page_that_is_none_is_a_problem(cast: Any, signed_in: SignIn, query: str) -> None:
    answer = signed_in(cast.owner).get(f"/api/v1/systems?{query}")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")
    assert len(answer.json()["detail"].split()) > 5


def test_a_promotion_is_found_by_its_number_as_well(cast: Any, signed_in: SignIn) -> None:
    engineer, promotion = signed_in(cast.engineer), cast.promotion()
    for name in (str(promotion.pk), str(promotion), str(promotion).lower()):
        assert engineer.get(f"/api/v1/promotion-requests/{name}").json()["id"] == str(promotion.pk)
    for name in ("PR-999", "nonsense", "PR-", "PR-x", "PR-" + "9" * 30, "2"):
        answer = engineer.get(f"/api/v1/promotion-requests/{name}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown")
        assert name in answer.json()["detail"]
        assert "such as PR-12" in answer.json()["detail"]
