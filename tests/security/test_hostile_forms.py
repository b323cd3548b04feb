"""Hostile words in every field that can be sent are kept and shown as words, or refused; a megabyte is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.urls import resolve, reverse

from governance.audit.models import Entry
from tests.documents import hostile
from tests.documents.hostile import Markup, redirecting_server, strings
from tests.security import matrix
from tests.security.fields import MORE, REFERS, Fed, Path, name_of, places, replaced, value_at
from tests.security.route import Route
from tests.security.routes import Address, addresses
from tests.security.test_permission_matrix import Asker, quiet_gc, world
from tests.security.world import Actor

__all__ = ["quiet_gc", "world"]
MARK = "[h"
SAYS_HOW_LONG = re.compile(r"(at most|no more than|longer than|too long|too large) ?[\d,]*", re.IGNORECASE)


@dataclass(frozen=True)
class Ask:
    """A body that somebody may send to an address, in a state in which it is taken."""

    name: str
    route: Route
    address: Address
    actor: Actor
    state: str
    body: dict[str, Any]


@dataclass
class Found:
    """What became of the texts, by field: ``system-new: purpose``."""

    kept: dict[tuple[str, Path], int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    alive: set[str] = field(default_factory=set)
    faults: set[str] = field(default_factory=set)
    endless: set[str] = field(default_factory=set)
    unsaid: set[str] = field(default_factory=set)


class Sender:
    """Sends bodies as those who may, and reads what comes of them."""

    def __init__(self, world: Any, server: str) -> None:
        self.world, self.server, self.found = world, server, Found()
        self.client = Asker(raise_request_exception=False)

    def asks(self, packages: tuple[str, ...] = ("",)) -> Iterator[Ask]:
        """Yield what can be sent to every address of some packages that takes texts."""
        for address in addresses():
            route = matrix.ROUTES.get(f"POST {address.name}")
            if route is None or route.body == "records":
                continue
            path = address.path({**self.world.named(route.about, "in review"), **dict(route.parts)})
            view = resolve(path).func
            if not getattr(view, "cls", view).__module__.startswith(packages):
                continue
            actor, state = self._let_in(route, address)
            known = self.world.body(route.body)
            for more in ({}, *MORE.get(address.name, ())):
                body = known | self.world.filled(more)
                if any(True for _ in places(body)):
                    yield Ask(address.name, route, address, actor, state, body)

    def _let_in(self, route: Route, address: Address) -> tuple[Actor, str]:
        """Return who comes furthest and in which state: whose act is logged, else who is answered, else anybody."""
        known = [
            (matrix.expected(route, actor, state, is_api=address.is_api), actor, state)
            for actor, state in matrix.asks(route, self.world.actors)
        ]
        _, actor, state = min(
            known, key=lambda row: (not row[0].endswith("+"), row[0] in ("401", "403", "404", "login"), row[0])
        )
        return actor, state

    def send(self, ask: Ask, body: dict[str, Any]) -> HttpResponse:
        path = ask.address.path({**self.world.named(ask.route.about, ask.state), **dict(ask.route.parts)})
        sent: dict[str, Any] = {"data": body}
        if ask.address.is_api:
            sent = {"data": json.dumps(body), "content_type": "application/json"}
        answer: HttpResponse = self.as_actor(ask.actor).post(path + ask.route.query, headers=ask.actor.headers, **sent)
        return answer

    def as_actor(self, actor: Actor) -> Asker:
        self.client.cookies.clear()
        if actor.session:
            self.client.cookies["sessionid"] = actor.session
        return self.client

    def said(self, answer: HttpResponse, where: str) -> str:
        """Return what an answer says, as markup or as JSON, and note what came alive in it."""
        content = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
        kind = answer.headers.get("Content-Type", "")
        if "json" in kind:
            return "\n".join(strings(json.loads(content)))
        if "html" not in kind:
            return ""
        page = Markup(content.decode())
        self.found.alive |= {f"{where}: {what}" for what in alive(page, self.server)}
        return "\n".join((page.text, *page.values))

    def seen_after(self, ask: Ask, answer: HttpResponse) -> Iterator[str]:
        """Yield what is shown where an act led to, then on the pages about its thing."""
        yield self.said(answer, f"POST {ask.name}")
        if where := answer.headers.get("Location"):
            page = self.as_actor(ask.actor).get(where, headers=ask.actor.headers)
            yield self.said(page, f"after POST {ask.name}")
        viewer = ask.actor if ask.actor.session else self.somebody("risk officer, everywhere")
        for address in addresses():
            route = matrix.ROUTES.get(f"GET {address.name}")
            if route and ask.route.about and route.about == ask.route.about and not address.is_api:
                path = address.path({**self.world.named(route.about, ask.state), **dict(route.parts)})
                yield self.said(self.as_actor(viewer).get(path + route.query), f"GET {address.name}")

    def somebody(self, name: str) -> Actor:
        return next(actor for actor in self.world.actors if actor.name == name)

    def try_field(self, ask: Ask, path: Path) -> None:
        """Send hostile words in one field, shorter ones until they are taken; then a megabyte. Undo it all."""
        name = f"{ask.name}: {name_of(path)}"
        for size, text in enumerate(words_for(self.server, 1, str(value_at(ask.body, path)))):
            with transaction.atomic():
                newest = _newest_entry()
                answer = self.send(ask, replaced(ask.body, path, text))
                taken = answer.status_code < 400
                if answer.status_code >= 500:
                    self.found.faults.add(f"{name}: {answer.status_code}")
                if not taken:
                    self.said(answer, name)
                elif any(text in said for said in self.seen_after(ask, answer)) or _in_the_log(newest, text):
                    self.found.kept[(name, path)] = size
                else:
                    self.found.lost.add(name)
                transaction.set_rollback(True)
            if taken:
                break
        else:
            self.found.refused.add(name)
        with transaction.atomic():
            answer = self.send(ask, replaced(ask.body, path, "x" * 1_000_000))
            if answer.status_code >= 500:
                self.found.faults.add(f"{name}, a megabyte: {answer.status_code}")
            elif answer.status_code < 400:
                self.found.endless.add(name)
            elif name_of(path) not in REFERS and not SAYS_HOW_LONG.search(self.said(answer, name)):
                self.found.unsaid.add(name)
            transaction.set_rollback(True)


def words_for(server: str, number: int, before: str) -> list[str]:
    """Return hostile words, and shorter ones for fields that take few."""
    return [
        f"[h{number}]{before} {hostile.words_of(server)}[/h{number}]",
        f'[h{number}]"><img src={server}/s onerror=a()>\u202e\u5b57[/h{number}]',
        f'[h{number}]"><b data-h>\u5b57[/h{number}]',
    ]


def alive(page: Markup, server: str) -> list[str]:
    """Return what of the hostile words became more than words: an element, an address, code."""
    elements = [str(element) for element in page.elements if any(re.match("on|data-h$", name) for name in element[1:])]
    asked = [url for url in page.addresses if server in url or url.startswith("javascript:")]
    return [*elements, *asked, *(text[:80] for text in page.code if server in text)]


def _newest_entry() -> int:
    newest = Entry.objects.order_by("-seq").values_list("seq", flat=True).first()
    return newest or 0


def _in_the_log(newest: int, text: str) -> bool:
    """Say whether an entry since then holds the text, or what lies beside it and can be erased."""
    for entry in Entry.objects.filter(seq__gt=newest).select_related("payload"):
        kept = [bytes(entry.body)] + ([bytes(entry.payload.payload)] if hasattr(entry, "payload") else [])
        if any(text in said for raw in kept for said in strings(json.loads(raw))):
            return True
    return False


# A world of its own for each, whose forms and whose addresses they are.
PARTS = {"systems": ("governance.inventory",)}
# Of these what is sent is not yet followed to where it is kept.
OTHERS = {
    "incidents and records": ("monitoring",),
    "documents and validations": ("reports", "governance.validation"),
    "models and requests": ("registry", "governance.approvals", "governance.evidence"),
    "people, policies and the log": (
        "governance.accounts",
        "governance.notices",
        "governance.policy",
        "governance.audit",
    ),
}
# Kept, and shown where this test does not look.
SHOWN_ELSEWHERE = {"api-systems: metric-choice"}


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_gc")
@pytest.mark.parametrize("part", PARTS)
def test_every_field_keeps_hostile_words_as_words_or_refuses_them_in_words(
    part: str, world: Any, monkeypatch: pytest.MonkeyPatch
):
    fed = Fed(monkeypatch, MARK)
    with redirecting_server() as (server, asked):
        sender = Sender(world, server)
        for ask in sender.asks(PARTS[part]):
            for path in places(ask.body):
                sender.try_field(ask, path)
        reader = sender.as_actor(sender.somebody("auditor, everywhere"))
        for name in ("q", "who"):
            answer = reader.get(reverse("audit-log"), {name: words_for(server, 1, "x")[1]})
            assert answer.status_code == 200
            sender.said(answer, f"GET audit-log: {name}")
        assert asked == []
    found = sender.found
    assert found.alive == set()
    assert found.faults == set()
    assert found.endless == set()
    assert found.unsaid == set()
    assert found.lost <= SHOWN_ELSEWHERE
    assert fed.left_out(PARTS[part]) == []


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_gc")
@pytest.mark.parametrize("part", OTHERS)
def test_no_field_lets_hostile_words_come_alive_or_a_megabyte_break_a_page(part: str, world: Any):
    with redirecting_server() as (server, asked):
        sender = Sender(world, server)
        for ask in sender.asks(OTHERS[part]):
            for path in places(ask.body):
                sender.try_field(ask, path)
        assert asked == []
    assert sender.found.alive == set()
    assert sender.found.faults == set()
    assert sender.found.kept


REASONS = ("person-deactivate", "passkey-end", "waiver-withdraw", "standing-approval-withdraw")


@pytest.mark.slow
def test_a_reason_that_is_too_long_is_refused_and_never_cut(world: Any):
    sender, said = Sender(world, "http://127.0.0.1:9"), {}
    for ask in sender.asks():
        if ask.name in REASONS:
            with transaction.atomic():
                answer = sender.send(ask, ask.body | {"reason": "x" * 1_000_000})
                said[ask.name] = "The reason takes at most" in sender.said(answer, ask.name)
                transaction.set_rollback(True)
    assert said == dict.fromkeys(REASONS, True)
