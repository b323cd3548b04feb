"""Policies over HTTP: the schema, a check that writes nothing, drafts by token with their commit, the difference."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from django.db import IntegrityError, connection, transaction
from django.test import Client

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.audit.models import Entry
from governance.policy import services, shipped
from governance.policy.models import PolicyVersion
from tests.factories import a_policy, a_policy_text, a_user, given

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LAXER = (("limit: 0.65", "limit: 0.6"), ("auc.low >= 0.65", "auc.low >= 0.6"), ("auc.high < 0.65", "auc.high < 0.6"))


def a_machine(*scopes: str, sponsor: User | None = None) -> tuple[User, dict[str, str]]:
    """A service account that writes policies, and the headers of its token."""
    account = a_user(sponsor=sponsor or a_user())
    given(account, Role.POLICY_AUTHOR)
    secret = create_token(holder=account, label="ci", scopes=scopes or ["policies:write"])
    return account, {"Authorization": f"Bearer {secret}"}


def post(client: Client, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
    return client.post(f"/api/v1/{path}", body, content_type="application/json", headers=headers or {})


def test_the_schema_is_public_and_is_the_one_that_texts_are_held_against(db, client):
    answer = client.get("/api/v1/policy-schema")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/schema+json")
    schema = json.loads(answer.content)
    jsonschema.Draft202012Validator.check_schema(schema)
    for name in shipped.names():
        jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(shipped.text(name)))


def test_a_check_says_each_problem_with_line_and_path_and_keeps_nothing(db, client):
    _, token = a_machine()
    entries = Entry.objects.count()
    text = a_policy_text(("auc.low >= 0.65", "auc.lwo >= 0.65"), ("    dataset: evaluation", "    dataset: training"))
    answer = post(client, "policy-checks", {"text": text}, token)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["name"], said["against"], said["changes"]) == ("credit-high-risk", None, [])
    lines = text.splitlines()
    for problem in said["problems"]:
        assert problem["path"].split(".")[-1] in lines[problem["line"] - 1]
        assert problem["message"]
    assert {problem["path"] for problem in said["problems"]} == {"evidence.fairness/v1.dataset", "checks[0].expr"}
    assert (PolicyVersion.objects.count(), Entry.objects.count()) == (0, entries)


@pytest.mark.parametrize(("text", "line"), [("", 0), ("policy: [", 1), ("a: 1\nb: &x 1", 2), ("x" * 140_000, 1)])
def test_a_text_that_is_no_policy_is_checked_too(db, client, text, line):
    _, token = a_machine()
    answer = post(client, "policy-checks", {"text": text}, token)
    if not text:
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")
        return
    assert answer.status_code == 200
    said = answer.json()
    assert (said["name"], said["digest"], said["problems"][0]["line"]) == ("", "", line)


def test_a_body_that_no_call_takes_is_answered_as_everywhere(db, client):
    _, token = a_machine()
    answer = post(client, "policy-checks", {"text": "x" * 3_000_000}, token)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")


def test_a_check_says_what_publication_would_refuse_today(db, client):
    _, token = a_machine()
    a_policy()
    text = a_policy_text(
        ("policy: credit-high-risk", "policy: another"), ("quorum: 1, requires", "quorum: 2, requires")
    )
    said = post(client, "policy-checks", {"text": text}, token).json()
    assert said["problems"] == []
    assert [problem["path"] for problem in said["before_publication"]] == ["stages[0].quorum", "applies_to"]


def test_a_check_compares_with_what_is_in_force_or_with_what_is_named(db, client):
    _, token = a_machine()
    first = a_policy()
    said = post(client, "policy-checks", {"text": a_policy_text(*LAXER)}, token).json()
    assert (said["against"]["id"], said["digest"] != first.digest) == (str(first.pk), True)
    weights = {change["path"]: change["weight"] for change in said["changes"]}
    assert weights["checks[performance.auc-floor].expr"] == "loosens"
    other = a_policy(shipped.text("minimal-risk"))
    asked = {"text": a_policy_text(), "against": str(other.pk)}
    assert post(client, "policy-checks", asked, token).json()["against"]["name"] == "minimal-risk"
    missing = asked | {"against": "00000000-0000-4000-8000-000000000000"}
    assert post(client, "policy-checks", missing, token).status_code == 404


def test_a_machine_drafts_with_its_commit_and_its_sponsor_does_not_publish(db, client):
    sponsor = a_user(Role.POLICY_PUBLISHER)
    account, token = a_machine(sponsor=sponsor)
    body = {"text": a_policy_text(), "commit": COMMIT, "repository": "https://git.bank.example/policies"}
    answer = post(client, "policies", body, token)
    assert answer.status_code == 201, answer.json()
    version = PolicyVersion.objects.get()
    assert (version.author, version.commit) == (account, COMMIT)
    assert client.get(answer["Location"], headers=token).json()["repository"] == body["repository"]
    entries = [json.loads(bytes(entry.body)) for entry in Entry.objects.all()]
    (said,) = [entry["data"] for entry in entries if entry["event"] == "policy.drafted"]
    assert (said["commit"], "repository" in said) == (COMMIT, False)
    for role in (Role.VALIDATOR, Role.RISK_OFFICER):
        a_user(role)
    with pytest.raises(services.OwnPolicy):
        services.publish_policy(version_id=version.pk, publisher=sponsor)
    refused = post(client, f"policies/{version.pk}/publications", {}, token)
    assert refused.status_code == 403
    assert services.publish_policy(version_id=version.pk, publisher=a_user(Role.POLICY_PUBLISHER)).published_at


def test_a_token_drafts_only_with_its_scope_and_its_holder_only_as_an_author(db, client):
    _, token = a_machine("promotions:write")
    for path in ("policies", "policy-checks"):
        assert post(client, path, {"text": a_policy_text()}, token).status_code == 403
    secret = create_token(holder=a_user(Role.ENGINEER), label="ci", scopes=["policies:write"])
    answer = post(client, "policies", {"text": a_policy_text()}, {"Authorization": f"Bearer {secret}"})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")
    assert post(client, "policy-checks", {"text": a_policy_text()}).status_code == 401
    assert not PolicyVersion.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"commit": "main"},
        {"commit": COMMIT.upper()},
        {"repository": "https://ci:s3cret@git.bank.example/policies"},
        {"repository": "https://ci@git.bank.example/policies"},
        {"repository": "x" * 301},
        {"repository": "git\u202e"},
    ],
)
def test_what_is_no_commit_or_carries_a_password_is_not_kept(db, client, wrong):
    _, token = a_machine()
    answer = post(client, "policies", {"text": a_policy_text()} | wrong, token)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")
    assert not PolicyVersion.objects.exists()


def test_two_versions_are_compared_and_the_loosenings_counted(db, client):
    first = a_policy()
    second = services.draft_policy(text=a_policy_text(*LAXER), author=a_user(Role.POLICY_AUTHOR))
    client.force_login(a_user(Role.POLICY_PUBLISHER))
    said = client.get(f"/api/v1/policies/{second.pk}/diff").json()
    assert (said["policy"]["id"], said["against"]["id"]) == (str(second.pk), str(first.pk))
    assert {change["path"]: change["weight"] for change in said["changes"]} == {
        "checks[performance.auc-floor].expr": "loosens",
        "checks[performance.auc-floor].fails_if": "loosens",
        "checks[performance.auc-floor].shows.limit": "neutral",
    }
    assert said["loosens"] == 2
    back = client.get(f"/api/v1/policies/{first.pk}/diff?against={second.pk}").json()
    assert (back["loosens"], {change["weight"] for change in back["changes"]}) == (0, {"tightens", "neutral"})
    assert client.get(f"/api/v1/policies/{second.pk}/diff?against={second.pk}").json()["changes"] == []
    for wrong, status in (("nonsense", 422), ("00000000-0000-4000-8000-000000000000", 404)):
        assert client.get(f"/api/v1/policies/{second.pk}/diff?against={wrong}").status_code == status
    alone = client.get(f"/api/v1/policies/{first.pk}/diff")
    assert (alone.status_code, "No other version" in alone.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    "assignment",
    [
        "text = text || ' '",
        "digest = 'sha256:0'",
        "name = 'x'",
        "number = 9",
        "author_id = '{other}'",
        "made_at = now()",
        f"commit = '{COMMIT}'",
        "repository = 'elsewhere'",
    ],
)
def test_a_draft_is_not_edited_by_sql_either(db, assignment):
    version = services.draft_policy(text=a_policy_text(), author=a_user(Role.POLICY_AUTHOR))
    other = a_user(Role.POLICY_AUTHOR)
    with (
        pytest.raises(IntegrityError, match="stays as it was drafted"),
        transaction.atomic(),
        connection.cursor() as c,
    ):
        c.execute(f"UPDATE policy_policyversion SET {assignment.format(other=other.pk)} WHERE id = %s", [version.pk])
