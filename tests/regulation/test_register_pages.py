"""The register's pages: what everybody reads, and that systems on them are the reader's own."""

from __future__ import annotations

import csv
import re
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.accounts.roles import Role
from governance.common import clock
from governance.common.templatetags.placet import DASH
from governance.inventory.law import systems_in_law
from governance.regulation import classification
from governance.regulation.register import load
from governance.regulation.versions import shipped
from tests.documents.sample_snapshot import ANSWERS
from tests.factories import a_system, a_user, given

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
MINIMAL = {key: value for key, value in ANSWERS.items() if key not in {"fraud_detection_only", "profiling"}}
MINIMAL |= {"annex_iii_uses": ["none"]}
WINTER = date(2026, 12, 2)


def text_of(answer):
    """The words of a page, without its elements and line ends."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.fixture
def reader(db, client):
    """A signed-in person without any role."""
    person = a_user()
    client.force_login(person)
    return person


@pytest.fixture
def officer(db, client):
    """A signed-in risk officer, who reads every system."""
    person = a_user(Role.RISK_OFFICER)
    client.force_login(person)
    return person


@pytest.fixture(autouse=True)
def today():
    """The day on which all of it happens."""
    with clock.frozen(NOW):
        yield


@pytest.fixture
def law_before(monkeypatch):
    """Makes a system whose classification is signed under the first register that shipped."""

    def made(name, **fields):
        with monkeypatch.context() as patched:
            patched.setattr(classification, "load", lambda: next(iter(shipped().values())))
            return a_system(name=name, **fields)

    return made


def test_everybody_who_is_signed_in_reads_the_register_and_nobody_else(client, reader):
    assert client.get("/register").status_code == 200
    client.logout()
    assert client.get("/register")["Location"].startswith("/login")


def test_a_page_of_points_says_what_is_asked_of_whom_and_from_when(client, reader):
    page = client.get("/register", {"q": "Article 26(6)"})
    rows = [row["id"] for group in page.context["groups"] for row in group["points"]]
    assert rows == ["Art 26.6", "Art 26.6.financial"]
    said = text_of(page)
    assert "2 Dec 2027 systems of Annex III 2 Aug 2028 products of Annex I" in said
    assert "To be confirmed: nobody has read this provision" in said
    assert said.count("not legal advice") == 1, "the disclaimer stands on it once"


def test_the_list_goes_on_over_pages_with_its_filters(client, reader):
    first = client.get("/register", {"role": "deployer"})
    assert (first.context["shown"], first.context["newer"], first.context["older"]) == (50, None, 2)
    assert "role=deployer&amp;status=&amp;autofill=&amp;applies_on=&amp;page=2" in first.content.decode()
    seen = []
    for number in (1, 2, 3):
        page = client.get("/register", {"role": "deployer", "page": number})
        seen += [row["id"] for group in page.context["groups"] for row in group["points"]]
    assert len(seen) == len(set(seen)) == first.context["total"]


@pytest.mark.parametrize(
    "asked",
    [
        {"q": "zebra"},
        {"role": "nobody"},
        {"applies_on": "2027-99-99"},
        {"group": "Art 999"},
        {"page": "x"},
        {"q": "\0"},
    ],
)
def test_whatever_is_asked_gets_an_answer(client, reader, asked):
    page = client.get("/register", asked)
    assert page.status_code == 200
    assert ("No point is like that." in text_of(page)) == (asked == {"q": "zebra"})


def test_a_point_shows_its_dates_its_crosswalk_and_the_systems_that_it_concerns(client, officer):
    ai_system = a_system()
    page = client.get("/register/points/Art 72.2")
    said = text_of(page)
    assert [(row["name"], row["state"]) for row in page.context["systems"]] == [(ai_system.name, "formally")]
    assert "2 Aug 2026 2 Dec 2027 Arts 72, 73 Formally; can bite later" in said
    assert "ISO/IEC 42001, A.6.2.6" in said
    assert "SR 11-7, pillar 2 rescinded 2026-04-17" in said
    assert client.get("/register/points/Art 72.99").status_code == 404


def test_only_systems_within_reach_are_named(client, reader, law_before):
    law_before("Hidden system")
    shown = law_before("Shown system")
    assert "Hidden system" not in text_of(client.get("/register/points/Art 9.1"))
    given(reader, Role.ENGINEER, system_id=shown.pk)
    said = text_of(client.get("/register/points/Art 9.1"))
    assert "Shown system" in said
    assert "Hidden system" not in said
    said = text_of(client.get("/register/changes", {"from": next(iter(shipped()))}))
    assert "Shown system" in said
    assert "Hidden system" not in said


def test_the_timeline_draws_today_and_names_what_is_next(client, reader):
    page = client.get("/register/timeline")
    said = text_of(page)
    assert "Next: 2 Dec 2026, in 5 days." in said
    assert "today, 27 Nov 2026" in said
    with clock.frozen(datetime(2026, 12, 2, 0, 0, tzinfo=UTC)):
        assert "Next: 2 Aug 2027, in 243 days." in text_of(client.get("/register/timeline"))
    with clock.frozen(datetime(2031, 1, 1, tzinfo=UTC)):
        assert "Next:" not in text_of(client.get("/register/timeline"))


def test_a_framework_shows_every_control_also_those_on_which_nothing_is_claimed(client, reader):
    page = client.get("/register/crosswalk/iso-42001")
    assert len(page.context["controls"]) == 38
    assert f"A.2.2 AI policy {DASH} Nothing is claimed." in text_of(page)
    assert client.get("/register/crosswalk/iso-24970").status_code == 404
    legacy = text_of(client.get("/register/crosswalk/sr-11-7"))
    assert "rescinded 2026-04-17" in legacy
    assert "Legacy: superseded by" in legacy
    successor = client.get("/register/crosswalk/sr-26-2")
    assert "nothing is claimed for it" in text_of(successor)
    assert successor.context["count"] == 0


def test_the_statement_of_applicability_comes_as_csv_and_as_json(client, reader):
    answer = client.get("/register/crosswalk/iso-42001/statement.csv")
    rows = list(csv.reader(b"".join(answer.streaming_content).decode().splitlines()))
    assert len(rows) == 40
    assert {tuple(row[2:5]) for row in rows[2:]} == {("", "", "")}
    assert len(client.get("/register/crosswalk/iso-42001/statement.json").json()["controls"]) == 38
    assert client.get("/register/crosswalk/nist-ai-rmf/statement.csv").status_code == 404
    assert client.get("/register/crosswalk/iso-42001/statement.pdf").status_code == 404


def test_the_page_of_versions_says_what_changed_and_which_systems_that_touches(client, officer, law_before):
    law_before("Signed before")
    a_system(name="Signed since")
    law_before("No point of it changed", answers=MINIMAL)
    page = client.get("/register/changes", {"from": next(iter(shipped()))})
    changed = {row["id"] for row in page.context["changes"]}
    assert {"Art 26.5.financial", "Art 26.6.financial", "Art 50.2", "Art 53.1.a"} <= changed
    rows = {row["name"]: row for row in page.context["systems"]}
    assert "No point of it changed" not in rows, "though it was signed under the older register"
    waiting = [point.id for point in load() if point.to_be_confirmed]
    assert rows["Signed before"]["points"] == waiting
    assert rows["Signed before"]["signed_under"].startswith("2026-11-23 (")
    assert rows["Signed since"]["signed_under"] == ""
    assert rows["Signed since"]["points"] == rows["Signed before"]["points"]
    against_the_one_before = client.get("/register/changes", {"from": "nothing"})
    assert list(against_the_one_before.context["changes"]) == [], "it named no sources, and the law is the same"


def test_the_page_of_a_system_says_what_binds_it_now_and_what_is_next(client, officer, law_before):
    said = text_of(client.get(f"/systems/{a_system().pk}"))
    assert "Dates of the AI Act as of 27 Nov 2026" in said
    assert "Binds it now Applies Art 4 (1)" in said
    assert "2 Dec 2027 Next, in 370 days" in said
    waiting = "Art 26.5.financial , Art 26.6.financial"
    assert f"To be confirmed, so counted nowhere here: {waiting} ." in said
    assert "signed under another version" not in said
    before = law_before("Signed before")
    assert "signed under another version of the register" in text_of(client.get(f"/systems/{before.pk}"))


def test_the_page_of_a_system_says_what_binds_it_on_the_day_that_is_asked_for(client, officer):
    address = f"/systems/{a_system().pk}"
    page = client.get(address, {"on": "2027-12-02"})
    said = text_of(page)
    assert "as of 2 Dec 2027" in said
    assert "Binds it that day" in said
    assert "Nothing that is recorded begins later." in said
    assert page.context["dates"]["counts"]["later"] == 0
    before = client.get(address, {"on": "2027-12-01"}).context["dates"]["counts"]
    assert before["later"] > before["applies"] == client.get(address).context["dates"]["counts"]["applies"]
    for wrong in ("soon", "2027-99-99", "<b>1</b>", "\0"):
        refused = client.get(address, {"on": wrong})
        assert "“On” is a day, such as 2027-12-02. What follows is as of today." in text_of(refused)
        assert "as of 27 Nov 2026" in text_of(refused)


def test_the_page_of_a_system_names_the_rule_that_is_to_be_confirmed(client, officer):
    said = text_of(client.get(f"/systems/{a_system().pk}"))
    assert "no date here is moved by it: Legacy high-risk systems intended for public authorities, 2 Aug 2030" in said
    assert "Legacy" not in text_of(client.get(f"/systems/{a_system(answers=MINIMAL).pk}"))


def test_a_generator_that_was_on_the_market_early_has_its_later_date_everywhere(client, officer):
    answers = MINIMAL | {"transparency_cases": ["Art 50.2"], "assistive_editing_only": "no"}
    made = {day: a_system(answers=answers, placed_on=day) for day in (date(2026, 8, 1), date(2026, 8, 2), None)}
    for day, system in made.items():
        dates = client.get(f"/systems/{system.pk}").context["dates"]
        kinds = [(due["on"], str(due["kind"])) for due in dates["upcoming"]]
        early, unknown = [(WINTER, "date in the Act")], [(WINTER, "end of a transition")]
        assert kinds == {date(2026, 8, 1): early, date(2026, 8, 2): [], None: unknown}[day]
        (duty,) = [
            row
            for row in client.get(f"/api/v1/systems/{system.slug}/duties").json()["duties"]
            if row["point"] == "Art 50.2"
        ]
        assert duty["state"] == ("later" if day == date(2026, 8, 1) else "applies")


def test_the_queries_do_not_grow_with_the_systems(officer):
    a_system()
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert systems_in_law(officer)
        counts.append(len(caught))
        a_system()
        a_system()
    assert counts[0] == counts[1]


def test_a_command_reads_every_system(db):
    ai_system = a_system()
    (row,) = systems_in_law(None)
    assert (row.slug, row.classified.annex_points) == (ai_system.slug, ("Annex III.5.b",))
    assert row.classified.law_version == load().version
