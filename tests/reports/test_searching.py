"""The one search field: finds by name what a person may read, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.accounts.roles import Role
from governance.approvals import findings
from governance.common import clock
from reports.web import search_pages
from tests.factories import SETUP, Cast, a_system, a_user, given
from tests.healthy_mlflow import healthy_mlflow
from tests.reports.factories import notarise

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(settings: Any) -> Any:
    """A request for champion, with everybody who has a part in it."""
    with healthy_mlflow() as settings.MLFLOW_TRACKING_URI:
        made = Cast()
        made.asked = made.allowed(number=3)
        yield made


def kinds(person: Any, text: str) -> dict[str, list[str]]:
    return {group.kind: [hit.title for hit in group.hits] for group in search_pages.found(person, text)}


def test_a_part_of_a_name_finds_every_kind_of_thing_that_bears_it(cast: Any):
    found = kinds(cast.officer, cast.model.name[:6].upper())
    assert cast.model.name in found["models"]
    assert any(cast.model.name in title for title in found["requests"])
    assert cast.system.name in kinds(cast.officer, cast.system.name[:8])["systems"]


def test_what_people_call_a_request_leads_to_it_at_once(cast: Any, client: Any):
    client.force_login(cast.officer)
    number = cast.asked.number
    answer = client.get("/search", {"q": f"pr-{number}"})
    assert answer.status_code == 302
    page = client.get(answer.headers["Location"])
    assert f"PR-{number}" in page.content.decode()


def test_an_id_leads_to_its_row(cast: Any, client: Any):
    client.force_login(cast.officer)
    assert client.get("/search", {"q": str(cast.system.pk)}).headers["Location"] == f"/systems/{cast.system.pk}"


def test_a_name_of_nothing_says_so_and_keeps_the_words(cast: Any, client: Any):
    client.force_login(cast.officer)
    page = client.get("/search", {"q": "PR-999999 <b>"}).content.decode()
    assert "Nothing that you may read has" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page.split("x-empty")[1].split("</p>")[0].replace("</b>", "")


@pytest.mark.django_db(transaction=True)
def test_people_and_the_log_are_found_by_those_who_may_read_them_only(cast: Any, tmp_path: Path):
    notarise(tmp_path)
    person = a_user(name="Unheard-of name")
    auditor = a_user()
    given(auditor, Role.AUDITOR, valid_until=clock.now() + timedelta(days=1))
    assert kinds(auditor, "unheard-of")["people"] == [person.name]
    assert "people" not in kinds(cast.engineer, "unheard-of")
    assert kinds(auditor, cast.model.name)["entries"]
    assert "entries" not in kinds(cast.engineer, cast.model.name)


def test_the_law_is_found_by_its_reference_and_by_words(cast: Any):
    assert kinds(cast.engineer, "Article 9(2)(a)")["law"][0] == "Art 9.2.a"


def test_somebody_of_another_system_finds_nothing_here(cast: Any):
    other = a_system(owner=a_user(Role.OWNER), name="Another system")
    stranger = a_user()
    given(stranger, Role.VALIDATOR, system_id=other.pk)
    finding = findings.open_finding(
        source="review",
        code="manual",
        title="Nobody else sees this title",
        severity="medium",
        system=cast.system,
        owner=cast.owner,
        actor=SETUP,
    )
    for words in (cast.system.name, cast.model.name, str(finding.pk), "Nobody else sees", f"PR-{cast.asked.number}"):
        found = kinds(stranger, words)
        found.pop("law", None)
        assert found == {}, words
        assert kinds(cast.officer, words)


@pytest.mark.parametrize("text", ["", "   ", "\x00", "%", "_", "'; DROP TABLE", "PR-99999999999999999999", "x" * 5000])
def test_odd_words_find_what_they_name_or_nothing(cast: Any, client: Any, text: str):
    client.force_login(cast.officer)
    assert client.get("/search", {"q": text}).status_code == 200


def test_more_systems_cost_no_more_queries_and_lead_to_the_list(cast: Any):
    with CaptureQueriesContext(connection) as few:
        search_pages.found(cast.officer, "Scoring")
    for number in range(12):
        a_system(owner=cast.owner, name=f"Scoring {number}")
    with CaptureQueriesContext(connection) as many:
        groups = search_pages.found(cast.officer, "Scoring")
    assert len(groups[0].hits) == search_pages.MOST
    assert len(many) == len(few)
