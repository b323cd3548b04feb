"""``Idempotency-Key``: one creation per key, and the same status, body and ``Location`` however often it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from examples.credit.policy import TEXT as CREDIT_POLICY
from governance.accounts.models import IdempotentAnswer
from governance.accounts.roles import Role
from governance.inventory.models import AISystem, Classification, DatasetPin
from governance.policy.models import PolicyVersion
from registry.models import PromotionRequest
from tests import factories
from tests.documents.sample_snapshot import ANSWERS

SignIn = Callable[[Any], Client]


def post(client: Client, path: str, body: Any = None, *, key: str = "", **headers: str) -> Any:
    sent = {"Idempotency-Key": key, **headers} if key else headers
    return client.post(f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json", headers=sent)


def same(first: Any, again: Any) -> bool:
    """Whether the second answer is the first one, given again."""
    kept = [(a.status_code, a.json(), a.headers.get("Location"), a.headers.get("ETag")) for a in (first, again)]
    return kept[0] == kept[1] and "Idempotent-Replayed" not in first.headers and "Idempotent-Replayed" in again.headers


def a_system_body(owner: Any, slug: str = "consumer-credit") -> dict[str, Any]:
    return {
        "slug": slug,
        "name": "Consumer credit",
        "purpose": "Scores applications for consumer credit for a credit officer.",
        "owner": owner.email,
        "ai_roles": ["provider"],
        "favourable_outcome": "credit granted",
    }


def test_a_system_its_classification_and_its_signature_are_made_once(cast: Any, signed_in: SignIn) -> None:
    owner, validator = signed_in(cast.owner), signed_in(cast.validator)
    body = a_system_body(cast.owner)
    made, again = (post(owner, "systems", body, key="take in") for _ in range(2))
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/systems/{made.json()['id']}"
    assert same(made, again)
    assert AISystem.objects.filter(slug="consumer-credit").count() == 1

    answers = {"answers": ANSWERS, "model_tier": 1}
    path = "systems/consumer-credit/classifications"
    proposed, again = (post(owner, path, answers, key="classify") for _ in range(2))
    assert proposed.status_code == 201
    assert same(proposed, again)
    where = proposed.headers["Location"]
    assert owner.get(where).json()["id"] == proposed.json()["id"]

    path = f"{where.removeprefix('/api/v1/')}/signatures"
    password = {"password": factories.PASSWORD}
    signed, again = (post(validator, path, password, key="sign") for _ in range(2))
    assert signed.status_code == 201
    assert same(signed, again)
    assert Classification.objects.filter(system__slug="consumer-credit").count() == 1

    other = post(validator, path, {"password": "a guess of it"}, key="sign")
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")

    pin = {"dataset_digest": factories.a_dataset().digest}
    pinned, again = (post(validator, "systems/consumer-credit/dataset-pins", pin, key="pin") for _ in range(2))
    assert pinned.status_code == 201
    assert same(pinned, again)
    assert DatasetPin.objects.count() == 1


def test_a_policy_is_drafted_and_published_once(cast: Any, signed_in: SignIn) -> None:
    author = signed_in(factories.a_user(Role.POLICY_AUTHOR))
    publisher = signed_in(factories.a_user(Role.POLICY_PUBLISHER))
    before = PolicyVersion.objects.count()
    drafted, again = (post(author, "policies", {"text": CREDIT_POLICY}, key="d") for _ in range(2))
    assert drafted.status_code == 201
    assert same(drafted, again)
    assert PolicyVersion.objects.count() == before + 1
    published, again = (post(publisher, f"policies/{drafted.json()['id']}/publications", key="p") for _ in range(2))
    assert published.status_code == 201
    assert same(published, again)


def test_a_promotion_is_requested_applied_and_withdrawn_once(cast: Any, signed_in: SignIn) -> None:
    engineer = signed_in(cast.engineer)
    approved = cast.approved()
    path = f"promotion-requests/{approved}/applications"
    refused = post(engineer, path, key="apply")
    assert refused.status_code == 409, "the notary has not signed yet; the refusal is not kept"
    assert not IdempotentAnswer.objects.filter(key="apply").exists()

    factories.a_version(cast.model, number=2)
    body = {"model": cast.model.name, "version": 2, "alias": "champion"}
    made, again = (post(engineer, "promotion-requests", body, key="ask") for _ in range(2))
    assert made.status_code == 202
    assert made.headers["Location"].endswith(made.json()["id"])
    assert same(made, again)
    path, reason = f"promotion-requests/{made.json()['id']}/withdrawals", {"reason": "A newer version is on its way."}
    gone, again = (post(engineer, path, reason, key="withdraw") for _ in range(2))
    assert gone.status_code == 200
    assert same(gone, again)


def test_one_key_is_one_request_of_one_person(cast: Any, signed_in: SignIn) -> None:
    owner, other = signed_in(cast.owner), signed_in(cast.engineer)
    assert post(owner, "systems", a_system_body(cast.owner), key="k").status_code == 201
    for path, body in (
        ("systems", a_system_body(cast.owner, slug="another")),
        ("documents", {"kind": "annex-iv", "system": "consumer-credit"}),
        ("systems?x=1", a_system_body(cast.owner)),
    ):
        reused = post(owner, path, body, key="k")
        assert (reused.status_code, reused.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert post(other, "systems", a_system_body(cast.owner, slug="another"), key="k").status_code == 201


def test_of_six_at_once_one_takes_the_system_in(cast: Any, signed_in: SignIn) -> None:
    clients, answers, start = [signed_in(cast.owner) for _ in range(6)], [], threading.Barrier(6)

    def send(client: Client) -> None:
        start.wait()
        try:
            answers.append(post(client, "systems", a_system_body(cast.owner), key="at once"))
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert sorted(answer.headers.get("Idempotent-Replayed", "") for answer in answers) == ["", *["true"] * 5]


def test_without_a_key_each_call_counts(cast: Any, signed_in: SignIn) -> None:
    owner = signed_in(cast.owner)
    codes = [post(owner, "systems", a_system_body(cast.owner)).status_code for _ in range(2)]
    assert codes == [201, 422]
    assert not IdempotentAnswer.objects.exists()


def test_a_key_is_kept_without_anything_that_names_the_body(cast: Any, signed_in: SignIn, settings: Any) -> None:
    body = a_system_body(cast.owner)
    post(signed_in(cast.owner), "systems", body, key="k")
    kept = IdempotentAnswer.objects.get()
    settings.SECRET_KEY = "another"
    post(signed_in(cast.officer), "systems", body, key="k2")
    reused = post(signed_in(cast.owner), "systems", body, key="k")
    assert reused.status_code == 422, "the digest is keyed: nobody who reads the table can try passwords against it"
    assert kept.request_digest.startswith("sha256:")


@pytest.mark.parametrize("key", ["k" * 129])
def test_a_key_that_is_too_long_is_refused(cast: Any, signed_in: SignIn, key: str) -> None:
    answer = post(signed_in(cast.owner), "systems", a_system_body(cast.owner), key=key)
    assert (answer.status_code, "128" in answer.json()["detail"]) == (422, True)
    assert not PromotionRequest.objects.exists()
