"""Coverage over the API: the same lines and shares as on the pages, in pages, and for nobody out of reach."""

import pytest
from django.urls import reverse

from governance.accounts.roles import Role
from governance.common import clock
from reports import services
from reports.coverage import COLUMNS
from reports.models import Document
from tests.factories import a_user, given
from tests.reports.factories import Bank, a_declared_system


@pytest.fixture
def bank(db, settings, tmp_path, monkeypatch) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: b"%PDF-1.7 quickly made")
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    return Bank()


def lines_over_http(client, address: str, **asked: str):
    """Every line, page by page."""
    found, page = [], client.get(address, asked | {"limit": 50})
    while True:
        assert page.status_code == 200, page.content
        found += page.json()["results"]
        if page.json()["next"] is None:
            return found
        page = client.get(page.json()["next"])


def test_the_api_says_what_the_page_says(bank, client):
    bank.live()
    job = services.request_document(kind="annex-iv", ai_system=bank.system, requester=bank.owner)
    services.build_document(job.pk)
    client.force_login(bank.auditor)
    for asked in ({"when": "all"}, {}, {"framework": "sr-26-2"}, {"when": "all", "group": "Art 9", "state": "part"}):
        shown = client.get(reverse("system-coverage", args=[bank.system.pk]), asked).context["lines"]
        found = lines_over_http(client, f"/api/v1/systems/{bank.system.slug}/coverage", **asked)
        assert [line["id"] for line in found] == [line["id"] for line in shown]
        assert [line["whole"] for line in found] == [line["whole"] for line in shown]
        for line, row in zip(found, shown, strict=True):
            assert [cell["column"] for cell in line["cells"]] == list(COLUMNS)
            assert [cell["state"] for cell in line["cells"]] == [cell["state"] for cell in row["cells"]]
            assert [cell["count"] for cell in line["cells"]] == [cell["count"] for cell in row["cells"]]
    (line,) = [line for line in lines_over_http(client, f"/api/v1/systems/{bank.system.pk}/coverage", when="all")
               if line["id"] == "Art 11.1"]  # fmt: skip
    documents = line["cells"][COLUMNS.index("documents")]
    made = Document.objects.get()
    assert documents == {
        "column": "documents", "state": "held", "asked": 1, "held": 1, "count": 1, "absent": [],
        "newest_at": clock.rfc3339(made.made_at),
    }  # fmt: skip


@pytest.mark.parametrize("asked", [{"framework": "nothing"}, {"when": "never"}, {"state": "fine"}, {"limit": "0"}])
def test_what_is_no_choice_is_refused_over_the_api(bank, client, asked):
    client.force_login(bank.auditor)
    refused = client.get(f"/api/v1/systems/{bank.system.slug}/coverage", asked)
    assert refused.status_code == 422
    assert client.get("/api/v1/system-coverage", {"when": "never"}).status_code == 422


def test_the_map_comes_over_the_api_with_the_shares_of_each_article(bank, client):
    bank.live()
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    client.force_login(bank.auditor)
    churn, credit = lines_over_http(client, "/api/v1/system-coverage", when="all")
    assert (churn["system"], churn["classified"], churn["articles"]) == ("churn", False, [])
    assert (credit["system"], credit["classified"]) == (bank.system.slug, True)
    page = client.get(reverse("coverage"), {"when": "all"})
    place = [row["name"] for row in page.context["systems"]].index(bank.system.name)
    drawn = {row["group"]: row["cells"][place]["text"] for row in page.context["rows"]}
    assert {row["group"]: f"{row['held']}/{row['served']}" if row["served"] else "\N{EN DASH}" for row in
            credit["articles"]} == drawn  # fmt: skip
    client.force_login(given(a_user(), Role.VALIDATOR, system_id=other.pk).person)
    assert [row["system"] for row in lines_over_http(client, "/api/v1/system-coverage")] == ["churn"]
    assert client.get(f"/api/v1/systems/{bank.system.slug}/coverage").status_code == 404
