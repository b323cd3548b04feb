"""The page on which a second person signs an adoption, and the API that proposes one."""

from __future__ import annotations

import pytest

from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.audit.models import Entry
from registry.models import Adoption, AliasHistory
from tests.factories import PASSWORD, a_user, given
from tests.registry.test_adoption import WHY, estate, proposed, soon, two

__all__ = ["estate", "two"]


def as_person(client, person, scopes=("production:write", "promotions:read")):
    token = create_token(holder=person, label="mine", scopes=list(scopes))
    return {"HTTP_AUTHORIZATION": f"Bearer {token}", "content_type": "application/json"}


def test_the_second_person_reads_what_differs_and_signs(estate, two, client, tracking):
    proposed(two)
    tracking.aliases["churn"]["Champion"] = 1
    client.force_login(two[1])
    text = client.get("/adoptions/1").content.decode()
    assert "One differs from the proposal and would be skipped." in text
    assert "MLflow has version 1 there now; version 2 was proposed." in text
    assert client.post("/adoptions/1/sign", {"password": "wrong"}).status_code == 403
    assert not AliasHistory.objects.exists()
    answer = client.post("/adoptions/1/sign", {"password": PASSWORD}, follow=True)
    assert "Signed: 2 serve on as grandfathered. 1 were skipped" in answer.content.decode()
    assert AliasHistory.objects.filter(adoption__number=1).count() == 2
    assert "AD-1" in client.get("/adoptions").content.decode()


def test_who_proposed_it_is_told_so_and_can_take_it_back(estate, two, client):
    officer = two[1]
    proposed((officer, officer))
    client.force_login(officer)
    assert "You proposed it; another risk officer signs it." in client.get("/adoptions/1").content.decode()
    assert client.post("/adoptions/1/sign", {"password": PASSWORD}).status_code == 403
    assert client.post("/adoptions/1/withdraw").status_code == 302
    assert Adoption.objects.get().state == "withdrawn"


def test_a_mlflow_that_is_down_hides_no_proposal(estate, two, client, settings):
    proposed(two)
    settings.MLFLOW_TRACKING_URI = "http://127.0.0.1:9"
    client.force_login(two[1])
    assert "What differs from the proposal is not known now." in client.get("/adoptions/1").content.decode()
    assert client.post("/adoptions/1/sign", {"password": PASSWORD}).status_code == 503


def test_the_api_looks_and_proposes_and_never_signs(estate, two, client, cast):
    headers, entries = as_person(client, two[0]), Entry.objects.count()
    looked = client.post("/api/v1/adoptions", {"dry_run": True}, **headers)
    assert looked.status_code == 200
    assert [row["problem"] for row in looked.json()["rows"]] == [
        "Nobody is named who answers for it.",
        "",
        "Nobody is named who answers for it.",
    ]
    assert Entry.objects.count() == entries
    assert client.post("/api/v1/adoptions", {"owner": two[0].email}, **headers).status_code == 422
    body = {
        "deadline": soon().isoformat(),
        "reason": WHY,
        "mapping": {"churn": {"system": cast.system.slug, "owner": cast.owner.email}, "nothing": {}},
    }
    made = client.post("/api/v1/adoptions", body, **headers)
    assert made.status_code == 201, made.content
    said = made.json()
    assert (said["state"], said["unused"], made["Location"]) == ("proposed", ["nothing"], "/api/v1/adoptions/1")
    assert said["url"].endswith("/adoptions/1")
    assert {row["model"]: (row["state"], row["problem"]) for row in said["rows"]} == {
        "churn": ("proposed", ""),
        cast.model.name: ("proposed", ""),
        "fraud": ("", "Nobody is named who answers for it."),
    }
    assert client.get("/api/v1/adoptions/1", **headers).json()["rows"][0]["state"] == "proposed"
    assert client.post("/api/v1/adoptions/1/signatures", {"password": PASSWORD}, **headers).status_code == 404
    assert client.post("/api/v1/adoptions/1/withdrawals", **headers).json()["state"] == "withdrawn"


@pytest.mark.parametrize("scopes", [[], ["promotions:write"]])
def test_a_token_needs_the_scope(estate, two, client, scopes):
    headers = as_person(client, two[0], scopes)
    assert client.post("/api/v1/adoptions", {"dry_run": True}, **headers).status_code == 403


def test_a_machine_proposes_nothing(estate, two, client):
    machine = a_user(sponsor=two[0])
    given(machine, Role.ENGINEER)
    headers = as_person(client, machine)
    assert client.post("/api/v1/adoptions", {"dry_run": True}, **headers).status_code == 403
