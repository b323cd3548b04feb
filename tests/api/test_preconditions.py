"""``ETag`` and ``If-Match``: a change is made to what the caller read, or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test import Client

from governance.accounts.roles import Role
from governance.approvals.models import State
from governance.inventory.models import Classification
from tests import factories, payloads
from tests.documents.sample_snapshot import ANSWERS

SignIn = Callable[[Any], Client]
REASON = {"reason": "A newer version is on its way."}


def send(client: Client, path: str, body: Any, *, tag: str | None = None, verb: str = "post", key: str = "") -> Any:
    headers = ({"If-Match": tag} if tag is not None else {}) | ({"Idempotency-Key": key} if key else {})
    call = getattr(client, verb)
    return call(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers=headers)


def tag_of(client: Client, path: str) -> str:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return str(answer.headers["ETag"])


def assert_moved_on(answer: Any, now: str) -> None:
    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/precondition-failed")
    assert now in answer.json()["detail"]
    assert "Read it again" in answer.json()["detail"]
    assert answer.json()["etag"] == now


def test_a_promotion_that_moved_on_is_not_withdrawn(cast: Any, signed_in: SignIn) -> None:
    engineer, promotion = signed_in(cast.engineer), cast.promotion()
    path = f"promotion-requests/{promotion}"
    seen = tag_of(engineer, path)
    assert tag_of(engineer, path) == seen, "reading changes nothing"
    factories.attach(promotion.approval, payloads.performance(production=False))
    factories.attach(promotion.approval, payloads.fairness(ratio=0.97, half=0.05))
    factories.attach(promotion.approval, payloads.explanation())
    opened = tag_of(engineer, path)
    assert opened != seen, "review is open now"
    factories.accept(promotion.approval, cast.validator)
    now = tag_of(engineer, path)
    assert now != opened, "the policy was evaluated again"
    assert_moved_on(send(engineer, f"{path}/withdrawals", REASON, tag=seen), now)
    factories.approve(promotion.approval, cast.validator)
    after = tag_of(engineer, path)
    assert after != now, "a signature is shown, so it counts"
    assert_moved_on(send(engineer, f"{path}/withdrawals", REASON, tag=now), after)
    assert factories.state_of(promotion.approval) == State.IN_REVIEW
    done = send(engineer, f"{path}/withdrawals", REASON, tag=f'"other", {after}')
    assert done.status_code == 200
    assert done.headers["ETag"] == tag_of(engineer, path) != after


def test_any_state_will_do_with_a_star_or_without_the_header(cast: Any, signed_in: SignIn) -> None:
    engineer, first, second = signed_in(cast.engineer), cast.promotion(), cast.promotion(number=2)
    assert send(engineer, f"promotion-requests/{first}/withdrawals", REASON, tag="*").status_code == 200
    assert send(engineer, f"promotion-requests/{second}/withdrawals", REASON).status_code == 200
    assert send(engineer, "promotion-requests/PR-999/withdrawals", REASON, tag="*").status_code == 404


def test_what_is_no_tag_matches_nothing(cast: Any, signed_in: SignIn) -> None:
    engineer, promotion = signed_in(cast.engineer), cast.promotion()
    for tag in ("", "nonsense", '"nonsense"', 'W/"x", "y"'):
        assert send(engineer, f"promotion-requests/{promotion}/withdrawals", REASON, tag=tag).status_code == 412
    weak = f"W/{tag_of(engineer, f'promotion-requests/{promotion}')}"
    assert send(engineer, f"promotion-requests/{promotion}/withdrawals", REASON, tag=weak).status_code == 200


def test_a_repeated_call_is_answered_though_the_first_one_changed_the_tag(cast: Any, signed_in: SignIn) -> None:
    engineer, promotion = signed_in(cast.engineer), cast.promotion()
    path = f"promotion-requests/{promotion}/withdrawals"
    seen = tag_of(engineer, f"promotion-requests/{promotion}")
    codes = [send(engineer, path, REASON, tag=seen, key="k").status_code for _ in range(2)]
    assert codes == [200, 200]


def test_a_system_a_classification_and_a_model_have_tags_too(cast: Any, signed_in: SignIn) -> None:
    owner, validator = signed_in(cast.owner), signed_in(cast.validator)
    system = f"systems/{cast.system.slug}"
    seen = tag_of(owner, system)
    proposed = send(owner, f"{system}/classifications", {"answers": ANSWERS, "model_tier": 2}, tag=seen)
    assert proposed.status_code == 201
    one = f"{system}/classifications/{proposed.json()['id']}"
    unsigned = tag_of(validator, one)
    assert proposed.headers["ETag"] == unsigned
    password = {"password": factories.PASSWORD}
    stale = send(validator, f"{one}/signatures", password, tag=seen)
    assert_moved_on(stale, unsigned)
    assert Classification.objects.get(pk=proposed.json()["id"]).signed_at is None
    assert send(validator, f"{one}/signatures", password, tag=unsigned).status_code == 201
    assert tag_of(owner, system) != seen, "its class took effect"
    pin = {"dataset_digest": payloads.a_digest("evaluation")}
    assert send(validator, f"{system}/dataset-pins", pin, tag=seen).status_code == 412

    model, other = f"registered-models/{cast.model.name}", factories.a_system(owner=cast.owner)
    seen = tag_of(owner, model)
    factories.a_version(cast.model)
    mirrored = tag_of(owner, model)
    assert mirrored != seen, "a version was mirrored"
    system = f"systems/{other.slug}"
    asked = send(owner, f"{system}/assignments", {"model": cast.model.name}, tag=tag_of(owner, system))
    assert asked.status_code == 201, asked.content
    one = asked.headers["Location"].removeprefix("/api/v1/")
    unsigned = tag_of(validator, one)
    assert asked.headers["ETag"] == unsigned
    assert_moved_on(send(validator, f"{one}/signatures", password, tag=seen), unsigned)
    assert tag_of(owner, model) == mirrored, "nothing changes before the signature"
    done = send(validator, f"{one}/signatures", password, tag=unsigned)
    assert (done.status_code, done.headers["ETag"]) == (201, tag_of(owner, one))
    assert tag_of(owner, model) != mirrored, "it serves another system now"


def test_a_policy_and_an_approval_have_tags_too(cast: Any, signed_in: SignIn) -> None:
    publisher, officer = signed_in(factories.a_user(Role.POLICY_PUBLISHER)), signed_in(cast.officer)
    policy = f"policies/{cast.policy.pk}"
    stale = send(publisher, f"{policy}/publications", {}, tag='"seen before"')
    assert_moved_on(stale, tag_of(publisher, policy))
    assert "credit-high-risk" in publisher.get(f"/api/v1/{policy}").json()["text"]
    approval = f"approval-requests/{cast.approved().approval_id}"
    body = {"rationale": factories.REASON, "password": factories.PASSWORD}
    assert_moved_on(send(officer, f"{approval}/revocations", body, tag='"x"'), tag_of(officer, approval))
    done = send(officer, f"{approval}/revocations", body, tag=tag_of(officer, approval))
    assert (done.status_code, done.json()["state"]) == (201, "revoked")
    assert done.headers["ETag"] == tag_of(officer, approval)


def test_of_two_at_once_with_one_tag_one_changes_it(cast: Any, signed_in: SignIn) -> None:
    system, start, codes = f"systems/{cast.system.slug}", threading.Barrier(2), []
    owner = signed_in(cast.owner)
    send(owner, f"{system}/classifications", {"answers": ANSWERS, "model_tier": 2})
    one = f"{system}/classifications/{Classification.objects.get(signed_at=None).pk}"
    seen = tag_of(owner, one)
    signers = [signed_in(factories.a_user(Role.VALIDATOR)) for _ in range(2)]

    def sign(client: Client) -> None:
        start.wait()
        try:
            body = {"password": factories.PASSWORD}
            codes.append(send(client, f"{one}/signatures", body, tag=seen).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=sign, args=(client,)) for client in signers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [201, 412]
