"""Every address, asked by everybody, in every state that counts: each is answered as ``matrix.py`` says."""

from __future__ import annotations

import gc
import json
import uuid
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client

from governance.common import clock
from governance.config.oidc import Provider
from tests import proving
from tests.factories import REASON
from tests.healthy_mlflow import healthy_mlflow
from tests.security import matrix, permissions
from tests.security.matrix import ROUTES, RULES, Route
from tests.security.routes import Address, addresses, text_of

PARTS, ROLES_ASKED = 2, 3
TURNED_AWAY = {"401", "403", "404", "login"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def test_every_address_has_its_line_in_the_table():
    found = {address.name for address in addresses()}
    assert sorted(found - matrix.NAMES) == [], "add a line to ROUTES in tests/security/matrix.py"
    assert sorted(matrix.NAMES - found) == [], "these addresses are gone"


def test_every_rule_is_used_and_ends_with_a_line_for_everybody():
    assert {route.rule for route in ROUTES.values()} == set(RULES)
    assert [name for name, lines in RULES.items() if lines[-1][0] is not matrix.ANYBODY] == []


def test_the_page_of_permissions_is_made_of_the_table():
    assert permissions.PAGE.read_text() == permissions.page(), "run python -m tests.security.permissions"


@pytest.fixture
def world(transactional_db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The one world; documents are drawn quickly, and nobody waits for a notary that does not run."""
    from governance.audit import export
    from reports import services
    from tests.security.world import World

    settings.STORAGE_ROOT = tmp_path / "storage"
    settings.OIDC = Provider(issuer="http://localhost:1", client_id="placet")
    settings.ACCOUNT_RATE_LIMITS = False  # everybody asks from one address
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: b"%PDF-1.7 quickly made")
    monkeypatch.setattr(export, "wait_for_receipt", partial(export.wait_for_receipt, patience_s=0.0))
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    with healthy_mlflow() as address:
        settings.MLFLOW_TRACKING_URI = address
        yield World(tmp_path)


class Asker(Client):
    """Django's test client without what it keeps of each answer: copies of every template's context."""

    def request(self, **request: Any) -> Any:
        """Return the answer of the whole chain of middleware and views, a fault of ours as its 500."""
        return self.handler(self._base_environ(**request))


@pytest.fixture
def quiet_gc(world: Any) -> Iterator[None]:
    """Keep the garbage collector from walking all that stands by now again for each page that is drawn."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()  # without the world, as it was before


def parts() -> dict[str, list[Address]]:
    """Return every address in one of the parts in which they are asked: of about one length, for several workers."""
    known = [address for address in addresses() if address.name in matrix.NAMES]
    pages = sorted((address for address in known if not address.is_api), key=lambda address: address.pattern)
    return {
        "api": [address for address in known if address.is_api],
        **{f"pages {n + 1} of {PARTS}": pages[n::PARTS] for n in range(PARTS)},
    }


def test_no_address_is_left_out_of_the_parts():
    found = sorted(address.name for addresses_of in parts().values() for address in addresses_of)
    assert found == sorted(address.name for address in addresses())


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_gc")
@pytest.mark.parametrize("part", [*(f"pages {n + 1} of {PARTS}" for n in range(PARTS)), "api"])
def test_everybody_is_answered_as_the_table_says(world: Any, part: str):
    wrong, asked, client = [], 0, Asker(raise_request_exception=False)
    for address in parts()[part]:
        for method in METHODS:
            route = matrix.route_of(method, address.name)
            for actor, state in _asks(world, route, address):
                wanted = matrix.expected(route, actor, state, is_api=address.is_api) if route else "405"
                got = _answer(client, world, address, method, actor, state)
                asked += 1
                if got != wanted:
                    wrong.append(f"{method} {address.name}, {state}: {actor.name} is answered {got}, not {wanted}")
    assert not wrong, "\n".join(wrong)
    assert asked > 1000


@pytest.mark.slow
def test_whatever_is_hidden_is_told_in_the_words_for_what_is_missing(world: Any):
    stranger = next(actor for actor in world.actors if actor.name == "validator, elsewhere")
    client, compared = Client(), 0
    for address in addresses():
        for method in METHODS:
            route = matrix.route_of(method, address.name)
            if route is None or not route.about:
                continue
            if matrix.expected(route, stranger, "in review", is_api=address.is_api) != "404":
                continue
            there = world.named(route.about, "in review")
            missing = {name: _another(value) for name, value in there.items()}
            with clock.frozen(clock.now()):  # pages say how old the last anchor is
                hidden, gone = (
                    text_of(_ask(client, world, address, method, stranger, route, parts)) for parts in (there, missing)
                )
            for name, value in missing.items():
                gone = gone.replace(str(value), str(there[name]))
            assert hidden == gone, f"{method} {address.name}"
            compared += 1
    assert compared > 30


@pytest.mark.slow
def test_an_administrator_reads_the_log_without_the_text_behind_it(world: Any):
    address = next(address for address in addresses() if address.name == "audit-entry")
    route, client, shown = ROUTES["GET audit-entry"], Client(), {}
    for role in ("auditor", "risk officer", "data protection officer", "administrator"):
        actor = next(actor for actor in world.actors if actor.name == f"{role}, everywhere")
        page = _ask(client, world, address, "GET", actor, route, world.named(route.about, "in review"))
        shown[role] = (page.status_code, REASON in page.content.decode())
    assert shown.pop("administrator") == (200, False)
    assert set(shown.values()) == {(200, True)}


def _another(value: Any) -> Any:
    """Return a name of the same kind that nothing has."""
    if isinstance(value, int):
        return 987_654_321
    try:
        return uuid.uuid5(uuid.UUID(str(value)), "another")
    except ValueError:
        return f"not-{value}"


def _asks(world: Any, route: Route | None, address: Address) -> list[tuple[Any, str]]:
    """Who asks in which state; for a method that is not taken, one who is let in anywhere."""
    if route is None:
        open_to_all = _any_route(address).rule in matrix.NEEDS_NO_SIGN_IN
        name = "nobody signed in" if open_to_all else "risk officer, everywhere"
        return [(actor, "in review") for actor in world.actors if actor.name == name]
    everybody = list(matrix.asks(route, world.actors))
    return everybody if proving.PROVE else _some_alike(everybody, route, address)


def _some_alike(everybody: list[tuple[Any, str]], route: Route, address: Address) -> list[tuple[Any, str]]:
    """Of those who must be answered alike, return some, others at each address; ``make prove`` asks everybody.

    In review three roles that must be turned away, one of each, and one who comes further; in each other state one.
    """
    alike: dict[tuple[str, str], dict[str, list[tuple[Any, str]]]] = defaultdict(lambda: defaultdict(list))
    for actor, state in everybody:
        wanted = matrix.expected(route, actor, state, is_api=address.is_api)
        apart = wanted in TURNED_AWAY and state == "in review"
        alike[wanted, state][actor.name.partition(",")[0] if apart else ""].append((actor, state))
    place = zlib.crc32(address.name.encode())
    found = []
    for by_role in alike.values():
        groups = list(by_role.values())
        groups = groups[place % len(groups) :] + groups[: place % len(groups)]
        found += [rows[place % len(rows)] for rows in groups[:ROLES_ASKED]]
    return found


def _answer(client: Client, world: Any, address: Address, method: str, actor: Any, state: str) -> str:
    """Ask once, and undo what it did."""
    route = matrix.route_of(method, address.name) or _any_route(address)
    with nullcontext() if route.alone else transaction.atomic():
        before = world.entries or _entries()
        response = _ask(client, world, address, method, actor, route, world.named(route.about, state))
        after = _entries()
        said = _said(response, route, grew=after > before)
        if not route.alone:
            transaction.set_rollback(True)
    world.entries = after if route.alone else before
    return said


def _ask(
    client: Client, world: Any, address: Address, method: str, actor: Any, route: Route, parts: dict[str, Any]
) -> HttpResponse:
    path = address.path({**parts, **dict(route.parts)}) + route.query
    body = world.body(route.body)
    sent: dict[str, Any] = {"data": body}
    if method != "GET" and address.is_api:
        kind = "application/x-ndjson" if route.body == "records" else "application/json"
        sent = {"data": json.dumps(body), "content_type": kind}
    if method == "GET":
        sent = {}
    client.cookies.clear()
    if actor.session:
        client.cookies["sessionid"] = actor.session
    response: HttpResponse = getattr(client, method.lower())(path, headers=actor.headers, **sent)
    return response


def _any_route(address: Address) -> Route:
    return next(route for key, route in ROUTES.items() if key.partition(" ")[2] == address.name)


def _said(response: HttpResponse, route: Route, *, grew: bool) -> str:
    status = response.status_code
    content = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined]
    if status == 302:
        where = response.headers["Location"]
        if where.startswith("/login?"):
            return "login"
        if route.rule == "close a finding" and not grew:
            return "turned back"
    if route.shows and status == 200 and route.shows not in content.decode():
        return "without"
    return f"{status}{'+' if grew else ''}"


def _entries() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(seq), 0) FROM audit_entry")
        return int(cursor.fetchone()[0])
