"""Every bad call is answered with a problem that says what to do, and leaves not one row behind."""

import json
import secrets
import signal
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from examples.credit import story
from governance.accounts.services import token_digest
from tests.e2e.calls import OTHERS, PROMOTIONS, REQUESTS, SENDERS, Call, body
from tests.e2e.ledger import Ledger

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def clients(world: story.World) -> Iterator[dict[str, httpx.Client]]:
    """Everybody who sends: by token, and two people by their session."""
    tokens = {
        "token": world.token,
        "unknown": "placet_unknown",
        "expired": a_token(world, scopes=["promotions:read", "promotions:write"], days=-1),
        "narrow": a_token(world, scopes=["promotions:read", "records:write"], days=1),
    }
    base = f"{world.url}/api/v1/"
    made = {
        name: httpx.Client(base_url=base, timeout=60.0, headers={"Authorization": f"Bearer {token}"})
        for name, token in tokens.items()
    }
    made["nobody"] = httpx.Client(base_url=base, timeout=60.0)
    for name in ("owner", "engineer"):
        cookies = world.people[name]._http.cookies
        headers = {"X-CSRFToken": cookies["csrftoken"], "Referer": world.url + "/"}
        made[name] = httpx.Client(base_url=base, timeout=60.0, cookies=cookies, headers=headers)
    yield made
    for client in made.values():
        client.close()


def a_token(world: story.World, *, scopes: list[str], days: int) -> str:
    """Put a token of the engineer into the tables; the product would not make one that has expired."""
    secret = "placet_" + secrets.token_urlsafe(32)
    with psycopg.connect(world.stack.env("app")["DATABASE_URL"]) as connection:
        connection.execute(
            "INSERT INTO accounts_token (id, holder_id, label, digest, scopes, made_at, expires_at)"
            " SELECT %s, id, 'test', %s, %s, now() - interval '2 days', now() + %s * interval '1 day'"
            " FROM accounts_user WHERE email = %s",
            [uuid.uuid4(), token_digest(secret), json.dumps(scopes), days, world.people["engineer"].email],
        )
    return secret


@pytest.fixture(scope="module")
def names(more_versions: dict[str, int], again_in_review: Any) -> dict[str, str]:
    """What stands for the names in braces of the calls. Nothing is being made any more: what is written is counted."""
    numbers = {name: str(number) for name, number in more_versions.items()}
    return {**numbers, "open": str(again_in_review["id"])}


def send(client: httpx.Client, call: Call, names: dict[str, str]) -> httpx.Response:
    """Send one call, with the names in braces filled in."""
    path, content = call.path, call.content
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", value)
        content = content.replace(f'"{{{name}}}"'.encode(), value.encode())
    return client.request(call.method, path, content=content, headers=call.headers)


def assert_problem(answer: httpx.Response, *, status: int, code: str, says: str) -> None:
    """The answer is a problem of RFC 9457 whose sentence says something."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert problem["type"] == f"/problems/{code}"
    assert problem["status"] == status
    assert says in problem["detail"], problem["detail"]
    assert len(problem["title"].split()) > 1, "a title is words, not a class's name"
    assert len(problem["detail"].split()) > 2, "a sentence"


@pytest.mark.parametrize("call", [*REQUESTS, *OTHERS, *SENDERS], ids=lambda call: call.name.replace(" ", "-"))
def test_it_is_refused_in_words_and_leaves_nothing(
    call: Call, clients: dict[str, httpx.Client], names: dict[str, str], ledger: Ledger
) -> None:
    before = ledger.counts()
    answer = send(clients[call.sender], call, names)
    assert_problem(answer, status=call.status, code=call.type, says=call.says)
    assert ledger.counts() == before


def test_an_address_that_is_none_is_a_problem_too(clients: dict[str, httpx.Client]) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = clients["token"].request(method, "promotions/nonsense")
        assert_problem(answer, status=404, code="unknown", says="/api/v1/openapi.yaml")


def test_a_token_can_not_decide_on_the_pages_either(
    world: story.World, clients: dict[str, httpx.Client], names: dict[str, str], ledger: Ledger
) -> None:
    before = ledger.counts()
    approval = story.follow(world, int(names["again"]))["approval"]["id"]
    form = {"verdict": "approve", "rationale": story.REASON["approve"], "no_conflict": "on", "password": "x"}
    answer = clients["token"].post(f"{world.url}/approvals/{approval}/decide", data=form)
    assert answer.status_code in {302, 403}
    assert ledger.counts() == before


def test_one_key_makes_one_request_even_at_once(
    clients: dict[str, httpx.Client], names: dict[str, str], ledger: Ledger
) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "once"}
    before = ledger.counts()
    with ThreadPoolExecutor(4) as pool:
        answers = [
            future.result()
            for future in [
                pool.submit(clients["token"].post, PROMOTIONS, content=body(), headers=headers) for _ in range(4)
            ]
        ]
    after = ledger.counts()
    assert [answer.status_code for answer in answers] == [202] * 4, answers[0].text
    assert [answer.json() for answer in answers] == [answers[0].json()] * 4, "the same answer"
    assert sorted(answer.headers.get("Idempotent-Replayed", "") for answer in answers) == ["", "true", "true", "true"]
    assert after["registry_promotionrequest"] == before["registry_promotionrequest"] + 1
    assert after["approvals_approvalrequest"] == before["approvals_approvalrequest"] + 1

    before = ledger.counts()
    other = clients["token"].post(PROMOTIONS, content=body(change_class="substantial"), headers=headers)
    assert_problem(other, status=422, code="idempotency-key-reused", says="Use a new Idempotency-Key")
    assert ledger.counts() == before


def test_while_mlflow_is_down_nothing_is_promised(
    world: story.World, clients: dict[str, httpx.Client], names: dict[str, str], ledger: Ledger
) -> None:
    before = ledger.counts()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "while it is down"}
    world.stack.kill("mlflow", signal.SIGKILL, keep_down=True)
    try:
        answer = clients["token"].post(PROMOTIONS, content=body(version=2), headers=headers)
        assert_problem(answer, status=503, code="mlflow-down", says="try again")
        assert ledger.counts() == before, "not even the key is kept, so the same request can be sent again"
        assert clients["token"].get(f"{PROMOTIONS}/{names['open']}").status_code == 200, "reading goes on"
    finally:
        world.stack.restart("mlflow")
