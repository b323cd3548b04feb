"""AI systems by class and tier: each figure is what its link lists, over what the reader may read."""

import pytest

from governance.accounts.roles import Role
from governance.audit.events import Event
from governance.common import clock
from tests.factories import a_user, given, mirrored
from tests.reports.factories import a_declared_system

LIST = "/systems"


@pytest.fixture
def systems(db):
    rows = [("a", "high", 1), ("b", "high", 1), ("c", "high", 2), ("d", "minimal", 3), ("e", "", None)]
    made = {}
    owner = a_user(Role.OWNER)
    for slug, kind, tier in rows:
        made[slug] = a_declared_system(owner, slug=slug, name=slug)
        made[slug].ai_act_class, made[slug].model_tier = kind, tier
        made[slug].class_reopened_at = clock.now() if slug == "b" else None
        mirrored(Event.CLASSIFICATION_SIGNED, made[slug])
    return made


@pytest.fixture
def page(systems, client):
    client.force_login(a_user(Role.AUDITOR))
    return client.get(LIST)


def test_every_figure_is_the_number_of_systems_that_its_link_lists(page, client):
    matrix = page.context["matrix"]
    cells = [cell for row in matrix["rows"] for cell in row["cells"]]
    totals = [{"count": row["total"], "url": row["url"]} for row in matrix["rows"]] + matrix["totals"]
    linked = [cell for cell in cells + totals if cell["url"]]
    assert sum(cell["count"] for cell in cells) == matrix["total"] == 5
    for cell in linked:
        assert len(client.get(LIST + cell["url"]).context["systems"]) == cell["count"]
    assert all(cell["url"] for cell in cells + totals if cell["count"])


def test_classes_and_tiers_are_counted_where_they_stand(page):
    counts = {row["name"]: [cell["count"] for cell in row["cells"]] for row in page.context["matrix"]["rows"]}
    assert counts["High-risk"] == [2, 1, 0, 0, 0]
    assert counts["Minimal risk"] == [0, 0, 1, 0, 0]
    assert counts["Not classified"] == [0, 0, 0, 0, 1]
    assert page.content.decode().count("1 open again") == 1


def test_a_narrowed_list_says_what_it_shows_and_an_empty_one_too(page, client):
    shown = client.get(LIST + "?ai_act_class=high&tier=1")
    assert [row["name"] for row in shown.context["systems"]] == ["a", "b"]
    assert "<b>High-risk, Tier 1</b>" in shown.content.decode()
    assert "No AI system of this class and tier." in client.get(LIST + "?tier=4").content.decode()


@pytest.mark.parametrize("query", ["?ai_act_class=risky", "?tier=5"])
def test_an_unknown_class_or_tier_is_refused_with_what_is_known(page, client, query):
    refused = client.get(LIST + query)
    assert refused.status_code == 422
    assert "is one of" in refused.content.decode()


def test_a_reader_with_a_role_in_one_system_counts_that_alone(systems, client):
    reader = a_user()
    given(reader, Role.RISK_OFFICER, system_id=systems["d"].pk)
    client.force_login(reader)
    assert client.get(LIST).context["matrix"]["total"] == 1
