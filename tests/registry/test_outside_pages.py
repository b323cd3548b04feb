"""Pages and API of models that no MLflow holds: each says that nothing is enforced, and none needs MLflow."""

from __future__ import annotations

import pytest
from django.urls import reverse

from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.policy import shipped
from registry import selectors
from registry.models import AliasChange, BuildsOn, ModelVersion, PromotionRequest
from tests.factories import Cast, a_user, a_version, approve, fresh, state_of
from tests.outside import FILE, LLM, SHEET, a_recorded_version, recorded, signed_over
from tests.papers import reviewed, submitted
from tests.validation.working import signed as validated

NOWHERE = "http://127.0.0.1:9"
WHERE = "Retail branches use it in the pricing desk's add-in."
FORM = {key: value for key, value in SHEET.items() if key != "pins"}


@pytest.fixture
def cast(db, settings, tmp_path):
    """Everybody with a part in it, and no MLflow at all."""
    settings.STORAGE_ROOT, settings.MLFLOW_TRACKING_URI = tmp_path, NOWHERE
    return Cast(shipped.text("outside-mlflow"))


@pytest.fixture
def made(cast):
    return a_recorded_version(cast.system, cast.owner)


def as_person(person, *scopes):
    token = create_token(holder=person, label="mine", scopes=list(scopes or ("promotions:read", "promotions:write")))
    return {"HTTP_AUTHORIZATION": f"Bearer {token}", "content_type": "application/json"}


def approved(cast, promotion):
    for subject, kind in ((promotion.version, "supplier_documents"), (cast.system, "dpia")):
        reviewed(submitted(subject, cast.owner, kind=kind), a_user(Role.VALIDATOR))
    validated(fresh(promotion).approval, cast.validator)
    approve(promotion.approval, cast.validator)
    approve(promotion.approval, cast.officer)
    assert state_of(promotion.approval) == "approved"
    return fresh(promotion)


def test_on_pages_it_is_recorded_requested_and_stated_without_a_terminal(cast, client):
    client.force_login(cast.owner)
    assert cast.system.name in client.get("/models/record?kind=other").content.decode()
    line = f"file {FILE['name']} {FILE['digest']}"
    body = {**FORM, "system": cast.system.slug, "pins": line}
    sent = client.post("/models/record", body, follow=True)
    assert "Recorded as outside_mlflow:scorecard v1" in sent.content.decode()
    made = signed_over(ModelVersion.objects.get(origin="recorded"), cast.system)
    assert made.described["pins"] == [FILE]

    client.force_login(cast.engineer)
    page = client.get(reverse("model-detail", args=[made.model_id])).content.decode()
    for said in ("Not enforced.", "Pricing team", "scorecard.xlsx", "Request its use"):
        assert said in page, said
    assert "Explain a record" not in page
    where = reverse("model-request", args=[made.model_id])
    long = client.post(where, {"version": 1, "use_restrictions": "x" * 201})
    assert (long.status_code, "at most 200 characters" in long.content.decode()) == (422, True)
    assert not PromotionRequest.objects.exists()
    answer = client.post(where, {"version": 1, "use_restrictions": "Retail only\n"})
    assert answer.status_code == 302, answer.content
    promotion = selectors.promotion(PromotionRequest.objects.get().pk)
    assert promotion.approval.use_restrictions == ["Retail only"]

    where = reverse("promotion-detail", args=[promotion.pk])
    assert "Have the evidence submitted" in client.get(where).content.decode()
    promotion = approved(cast, promotion)
    review = client.get(reverse("review", args=[promotion.approval_id])).content.decode()
    assert "Not enforced. No MLflow holds this model" in review
    page = client.get(where).content.decode()
    assert "State that it is in use" in page
    assert "sets the alias in MLflow" not in page
    use = reverse("promotion-use", args=[promotion.pk])
    refused = client.post(use, {"since": "2020-01-01", "statement": WHERE})
    assert refused.status_code == 422
    assert "break the glass" in refused.content.decode()
    today = promotion.approval.settled_at.date().isoformat()
    assert client.post(use, {"since": today, "statement": WHERE}).status_code == 302
    assert "v1, approved" in client.get(reverse("model-detail", args=[made.model_id])).content.decode()
    assert "recorded; not enforced" in client.get("/models").content.decode()


def test_the_form_shows_a_refusal_with_what_was_typed(cast, client):
    client.force_login(cast.owner)
    body = {**FORM, "kind": "vendor", "system": cast.system.slug}
    refused = client.post("/models/record", body)
    assert refused.status_code == 422
    text = refused.content.decode()
    assert "Say the licence or contract." in text
    assert 'value="Pricing team"' in text
    wrong = client.post("/models/record", body | {"kind": "other", "pins": "scorecard.xlsx"})
    assert "has not the three parts" in wrong.content.decode()
    assert not ModelVersion.objects.filter(origin="recorded").exists()


def test_over_the_api_the_same(cast, client, made):
    person = as_person(cast.engineer)
    body = {**SHEET, "system": cast.system.slug, "supplier_version": "2026-04"}
    body.pop("version")
    answer = client.post("/api/v1/recorded-versions", body, **person)
    assert answer.status_code == 201, answer.content
    said = answer.json()
    assert (said["model"], said["version"], said["system"]) == ("outside_mlflow:scorecard", 2, cast.system.slug)
    assert said["described"]["version"] == "2026-04"
    again = client.post("/api/v1/recorded-versions", body, **person)
    assert (again.status_code, again.json()["title"]) == (409, "The version is recorded already")
    listed = client.get("/api/v1/recorded-versions?model=outside_mlflow:scorecard", **person).json()["results"]
    assert [row["version"] for row in listed] == [2, 1]
    model = client.get("/api/v1/registered-models/outside_mlflow:scorecard", **person).json()
    assert model["gate"]["kind"] == "not-enforced"
    assert [row["origin"] for row in model["versions"]] == ["recorded", "recorded"]

    body = {"model": "outside_mlflow:scorecard", "version": 1, "alias": "in-use"}
    asked = client.post("/api/v1/promotion-requests", body, **person)
    assert asked.status_code == 202, asked.content
    assert (asked.json()["gate"]["kind"], asked.json()["jobs"]) == ("not-enforced", [])
    assert "people submit" in asked.json()["next_step"]
    where = f"/api/v1/promotion-requests/{asked.json()['reference']}"
    use = {"since": "2026-11-01", "statement": WHERE}
    assert client.post(f"{where}/use-statements", use, **person).status_code == 409
    promotion = approved(cast, selectors.promotion(asked.json()["id"]))
    applied = client.post(f"{where}/applications", **person)
    assert (applied.status_code, applied.json()["title"]) == (409, "Placet can't do that outside MLflow")
    use["since"] = promotion.approval.settled_at.date().isoformat()
    stated = client.post(f"{where}/use-statements", use, **person)
    assert stated.status_code == 201, stated.content
    assert (stated.json()["state"], stated.json()["alias"]) == ("done", "in-use")
    assert AliasChange.objects.get().asked_by == cast.engineer
    permit = client.get("/api/v1/permits?model=outside_mlflow:scorecard&alias=in-use")
    assert permit.status_code == 404
    assert "in no MLflow: no permit" in permit.json()["detail"]


def test_what_mlflow_holds_is_requested_and_applied_as_ever(cast, client):
    a_version(cast.model)
    person = as_person(cast.engineer)
    body = {"model": str(cast.model), "version": 1, "alias": "in-use"}
    assert client.post("/api/v1/promotion-requests", body, **person).status_code == 503, "MLflow is asked for it"
    client.force_login(cast.engineer)
    refused = client.post(reverse("model-request", args=[cast.model.pk]), {"version": 1})
    assert (refused.status_code, "placet request" in refused.content.decode()) == (409, True)


def test_what_it_is_built_on_is_said_and_withdrawn_on_its_page_and_over_the_api(cast, client, made):
    base = a_recorded_version(cast.system, cast.owner, **LLM)
    client.force_login(cast.engineer)
    where = reverse("model-base", args=[made.model_id])
    body = {"version": 1, "base_model": str(base.model), "base_version": 1, "kind": "component"}
    assert client.post(where, body | {"base_version": 7}).status_code == 404
    assert client.post(where, body).status_code == 302
    page = client.get(reverse("model-detail", args=[made.model_id])).content.decode()
    assert "outside_mlflow:base-llm v1" in page
    assert "A supplier A language model 2026-10-01" in page
    lower = client.get(reverse("model-detail", args=[base.model_id])).content.decode()
    assert "outside_mlflow:scorecard v1" in lower
    word = BuildsOn.objects.get()
    assert client.post(reverse("base-withdraw", args=[word.pk])).status_code == 302

    person = as_person(cast.engineer)
    body = {"model": str(made.model), "version": 1, "base_model": str(base.model), "base_version": 1}
    stated = client.post("/api/v1/bases", body | {"kind": "embedding"}, **person)
    assert stated.status_code == 201, stated.content
    assert len(client.get(f"/api/v1/bases?model={made.model}", **person).json()["results"]) == 2
    place = stated["Location"]
    tag = client.get(place, **person)["ETag"]
    stale = client.post(f"{place}/withdrawals", HTTP_IF_MATCH='"0"', **person)
    assert stale.status_code == 412
    withdrawn = client.post(f"{place}/withdrawals", HTTP_IF_MATCH=tag, **person)
    assert (withdrawn.status_code, withdrawn.json()["withdrawn_at"] is not None) == (200, True)


def test_the_pages_do_not_ask_the_database_more_for_more_versions(cast, client, made, django_assert_max_num_queries):
    client.force_login(cast.engineer)
    where = reverse("model-detail", args=[made.model_id])
    client.get(where)
    with django_assert_max_num_queries(200) as two:
        client.get(where)
    for number in range(4, 9):
        recorded(cast.system, cast.owner, version=f"2026-{number:02}")
    with django_assert_max_num_queries(len(two.captured_queries)):
        client.get(where)
