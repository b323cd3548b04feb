"""The legal register over HTTP, and what binds a system on a day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from governance.accounts.roles import Role
from governance.regulation.register import load
from tests import factories
from tests.documents.sample_snapshot import ANSWERS

SignIn = Callable[[Any], Client]


@pytest.fixture
def reader(db: None, client: Client) -> Client:
    """Somebody signed in without any role."""
    client.force_login(factories.a_user())
    return client


def test_the_points_come_in_pages_in_the_order_of_the_act(reader: Client) -> None:
    seen, address, pages = [], "/api/v1/register/points?limit=150", 0
    while address:
        body = reader.get(address).json()
        assert set(body) == {"results", "next", "previous"}
        seen += [row["id"] for row in body["results"]]
        last, address, pages = body, body["next"], pages + 1
    assert seen == list(load().points)
    assert pages == 3
    assert reader.get(last["previous"]).json()["results"][0]["id"] == seen[150]


def test_the_filters_narrow_the_points(reader: Client) -> None:
    asked = {"role": "deployer", "status": "to_be_confirmed", "group": "Art 26", "applies_on": "2027-12-02"}
    rows = reader.get("/api/v1/register/points", asked).json()["results"]
    assert [row["id"] for row in rows] == ["Art 26.5.financial", "Art 26.6.financial"]
    assert [row["requirement"] for row in rows] == ["", ""]
    assert rows[0]["to_be_confirmed"] is True
    assert rows[0]["annex_iii"] == {"formal_on": "2027-12-02", "practical_on": None}
    assert reader.get("/api/v1/register/points", {"q": "Article 5(1)(ba)"}).json()["results"][0]["id"] == "Art 5.1.ba"


def test_each_point_found_says_where_it_stands_and_what_changed_it(reader: Client) -> None:
    (row,) = reader.get("/api/v1/register/points", {"q": "Article 4a(1)(f)"}).json()["results"]
    act = {"act": "Regulation (EU) 2024/1689", "celex": "32024R1689"}
    act |= {"eli": "http://data.europa.eu/eli/reg/2024/1689/oj", "provision": "Art 4a(1)(f)"}
    changed = {"act": "Regulation (EU) 2026/1744", "celex": "32026R1744"}
    changed |= {"eli": "http://data.europa.eu/eli/reg/2026/1744/oj", "provision": "Art 1(6)"}
    assert row["source"] == act | {"changed_by": changed}
    assert reader.get("/api/v1/register/points/Art 9.2").json()["source"]["changed_by"] is None


@pytest.mark.parametrize(
    "asked",
    [
        {"role": "nobody"},
        {"status": "old"},
        {"applies_on": "2027-99-99"},
        {"limit": "0"},
        {"limit": "201"},
        {"cursor": "nonsense"},
        {"cursor": "YXQ9OTk5OTk="},
        {"cursor": "\N{SNOWMAN}"},
    ],
)
def test_what_cannot_be_read_is_refused(reader: Client, asked: dict[str, str]) -> None:
    answer = reader.get("/api/v1/register/points", asked)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")


def test_one_point_brings_its_crosswalk(reader: Client) -> None:
    body = reader.get("/api/v1/register/points/Art 72.2").json()
    assert {row["framework"] for row in body["crosswalk"]} == {"iso-42001", "nist-ai-rmf", "sr-11-7"}
    assert body["law_version"] == load().version
    assert "not legal advice" in body["disclaimer"]
    assert reader.get("/api/v1/register/points/Art 72.99").status_code == 404


def test_the_timeline_is_seen_from_the_day_that_is_asked_for(reader: Client) -> None:
    steps = reader.get("/api/v1/register/timeline?on=2026-11-27").json()["steps"]
    assert [(step["on"], step["days"]) for step in steps if step["passage"] == "next"] == [("2026-12-02", 5)]
    assert reader.get("/api/v1/register/timeline?on=soon").status_code == 422


def test_what_binds_a_system_on_a_day(db: None, client: Client) -> None:
    ai_system = factories.a_system()
    client.force_login(factories.a_user(Role.AUDITOR))
    path = f"/api/v1/systems/{ai_system.slug}/duties"
    body = client.get(path, {"on": "2027-12-01"}).json()
    states = {duty["point"]: duty["state"] for duty in body["duties"]}
    assert (states["Art 4.1"], states["Art 47.1"], states["Art 9.1"]) == ("applies", "formally", "later")
    assert [(due["on"], due["kind"], due["days"]) for due in body["upcoming"]] == [
        ("2027-12-02", "formal", 1),
        ("2027-12-02", "practical", 1),
    ]
    assert body["classified_under"] == body["law_version"] == load().version
    after = client.get(path, {"on": "2027-12-02"}).json()
    assert {duty["state"] for duty in after["duties"]} == {"applies"}
    assert after["upcoming"] == []
    assert client.get(path, {"on": "tomorrow"}).status_code == 422


def test_a_system_that_is_not_classified_has_no_duties_to_name(cast: Any, signed_in: SignIn) -> None:
    from governance.inventory import services

    made = services.register_system(
        slug="new",
        name="New",
        purpose="Scores applications for a credit officer.",
        owner=cast.owner,
        ai_roles=["deployer"],
        favourable_outcome="credit",
        by=cast.owner,
    )
    body = signed_in(cast.owner).get(f"/api/v1/systems/{made.slug}/duties").json()
    assert (body["classified_under"], body["duties"], body["upcoming"]) == (None, [], [])


def test_a_classification_says_when_its_system_was_placed_on_the_market(cast: Any, signed_in: SignIn) -> None:
    path = f"/api/v1/systems/{cast.system.slug}/classifications"
    owner = signed_in(cast.owner)

    def proposed(key: str, **more: object) -> Any:
        body = {"answers": ANSWERS, "model_tier": 1, **more}
        return owner.post(path, body, content_type="application/json", headers={"Idempotency-Key": key})

    wrong = proposed("wrong", placed_on="soon")
    assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/invalid-input")
    made = proposed("given", placed_on="2026-08-01")
    assert (made.status_code, made.json()["placed_on"]) == (201, "2026-08-01")
    assert owner.get(f"{path}/{made.json()['id']}").json()["placed_on"] == "2026-08-01"
    back = f"{path}/{made.json()['id']}/withdrawals"
    withdrawn = owner.post(back, {}, content_type="application/json", headers={"Idempotency-Key": "back"})
    assert withdrawn.status_code == 201
    assert proposed("left out").json()["placed_on"] is None
