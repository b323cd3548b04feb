"""Sends hostile words and a megabyte in every field of every address, and finds what became of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.http import HttpResponse
from django.urls import resolve

from governance.audit.models import Entry
from tests.documents import hostile
from tests.documents.hostile import Markup, strings
from tests.security import matrix
from tests.security.fields import Fed, Path, name_of, places, refers, replaced, value_at
from tests.security.route import Route
from tests.security.routes import Address, addresses
from tests.security.sendable import AS, MORE, QUERIES, READY, filled, known_words
from tests.security.test_permission_matrix import Asker
from tests.security.world import Actor

MEGABYTE = 1_000_000
SAYS_HOW_LONG = re.compile(
    r"(at most|no more than|longer than|up to|\d to) [\d,]+ (\w+ )?(characters|bytes)|(at most|no more than) [\d,]+\b",
    re.IGNORECASE,
)
AN_ERROR = "x-message x-note x-bad"  # templates/components/_messages.html


@dataclass(frozen=True)
class Ask:
    """A body that somebody may send to an address, in a state in which it is taken."""

    method: str
    name: str
    route: Route
    address: Address
    actor: Actor
    state: str
    body: dict[str, Any]

    @property
    def free(self) -> list[Path]:
        """Where the body holds what people write as they like."""
        return [path for path in places(self.body) if not refers(self.name, path)]

    @property
    def bound(self) -> list[Path]:
        """Where it holds a text that must name something, or follow a form."""
        return [path for path in places(self.body) if refers(self.name, path)]

    def field(self, path: Path) -> str:
        return f"{self.name}: {name_of(path)}"


@dataclass
class Found:
    """What became of the texts, by field: ``system-new: purpose``.

    Attributes:
        kept: where the words stand on a page, in an answer or in the log, as they were sent.
        refused: of no length were they taken.
        lost: taken, and nowhere seen.
        alive: became more than words.
        faults: an answer that is a fault of ours.
        endless: the database held a megabyte of one field.
        unsaid: a megabyte was neither kept nor refused with the limit.
    """

    kept: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    alive: set[str] = field(default_factory=set)
    faults: set[str] = field(default_factory=set)
    endless: set[str] = field(default_factory=set)
    unsaid: set[str] = field(default_factory=set)


@dataclass
class Answered:
    """An answer with what it says: ``taken`` is False where a page is shown or led to that says an error."""

    status: int
    said: str
    taken: bool


GATE_TOKEN = "gate-token"


class Sender:
    """Sends bodies as those who may, and reads what comes of them. Everything is undone."""

    def __init__(self, world: Any, server: str, fed: Fed) -> None:
        self.world, self.server, self.fed, self.found = world, server, fed, Found()
        self.client = Asker(raise_request_exception=False)
        self.page = ""  # of the newest answer
        self._known = known_words(world)

    def asks(self, packages: tuple[str, ...] = ("",)) -> Iterator[Ask]:
        """Yield what can be sent to every address of some packages that takes texts."""
        for address in addresses():
            for method in ("GET", "POST", "PUT", "PATCH"):
                route = matrix.route_of(method, address.name)
                more = (QUERIES if method == "GET" else MORE).get(address.name, ())
                if route is None or route.body == "records" or not (more or (method != "GET" and route.body)):
                    continue
                path = address.path({**self.world.named(route.about, "in review"), **dict(route.parts)})
                view = resolve(path).func
                if not getattr(view, "cls", view).__module__.startswith(packages):
                    continue
                actor, state = self._let_in(route, address)
                known = self.world.body(route.body)
                for added in ({}, *more):
                    body = known | self.world.filled(filled(added, self._known))
                    if any(True for _ in places(body)):
                        yield Ask(method, address.name, route, address, actor, state, body)

    def _let_in(self, route: Route, address: Address) -> tuple[Actor, str]:
        """Return who comes furthest and in which state: whose act is logged, else who is answered, else anybody."""
        known = [
            (matrix.expected(route, actor, state, is_api=address.is_api), actor, state)
            for actor, state in matrix.asks(route, self.world.actors)
        ]
        if address.name in AS:
            return self.somebody(AS[address.name]), "in review"
        _, actor, state = min(
            known, key=lambda row: (not row[0].endswith("+"), row[0] in ("401", "403", "404", "login"), row[0])
        )
        return actor, state

    def send(self, ask: Ask, texts: Mapping[Path, str]) -> Answered:
        """Send the body with other texts in some places; where it leads to another page, that one speaks too."""
        body = ask.body
        for place, text in texts.items():
            body = replaced(body, place, text)
        others = READY[ask.name](self.world) if ask.name in READY else {}
        parts = {**self.world.named(ask.route.about, ask.state), **dict(ask.route.parts), **others}
        path = ask.address.path(parts)
        self.fed.blamed.clear()
        client = self.as_actor(ask.actor)
        headers = ask.actor.headers
        if ask.route.rule == "gate's token":
            headers = {"Authorization": f"Bearer {GATE_TOKEN}"}
        sent: dict[str, Any] = {"data": body}
        files = {name: value for name, value in body.items() if isinstance(value, bytes)}
        if files:
            sent = {"data": body | {name: SimpleUploadedFile("a.pdf", value) for name, value in files.items()}}
        elif ask.address.is_api and ask.method != "GET":
            sent = {"data": json.dumps(body), "content_type": "application/json"}
        act = getattr(client, ask.method.lower())
        answer: HttpResponse = act(path + ask.route.query, headers=headers, **sent)
        said, taken = self.said(answer, f"{ask.method} {ask.name}"), answer.status_code < 400
        if where := answer.headers.get("Location"):
            if "messages" in answer.cookies:
                client.cookies["messages"] = answer.cookies["messages"].value
            led_to = client.get(where, headers=ask.actor.headers)
            said += self.said(led_to, f"after {ask.method} {ask.name}")
            taken = taken and AN_ERROR not in self.page
        return Answered(answer.status_code, said, taken)

    def as_actor(self, actor: Actor) -> Asker:
        self.client.cookies.clear()
        if actor.session:
            self.client.cookies["sessionid"] = actor.session
        return self.client

    def said(self, answer: HttpResponse, where: str) -> str:
        """Return what an answer says, as markup or as JSON, and note what came alive in it."""
        content = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
        self.page = ""
        if answer.status_code >= 500 and answer.status_code != 503:
            self.found.faults.add(f"{where}: {answer.status_code}")
        kind = answer.headers.get("Content-Type", "")
        if "json" in kind:
            return "\n".join(strings(json.loads(content)))
        if "html" not in kind:
            return ""
        self.page = content.decode()
        page = Markup(self.page)
        self.found.alive |= {f"{where}: {what}" for what in alive(page, self.server)}
        return "\n".join((page.text, *page.values))

    def shown(self, ask: Ask) -> Iterator[str]:
        """Yield what the pages about the thing of an act say."""
        viewer = ask.actor if ask.actor.session else self.somebody("risk officer, everywhere")
        for address in addresses():
            route = matrix.ROUTES.get(f"GET {address.name}")
            if route and ask.route.about and route.about == ask.route.about and not address.is_api:
                path = address.path({**self.world.named(route.about, ask.state), **dict(route.parts)})
                yield self.said(self.as_actor(viewer).get(path + route.query), f"GET {address.name}")

    def somebody(self, name: str) -> Actor:
        return next(actor for actor in self.world.actors if actor.name == name)

    def words(self, ask: Ask) -> None:
        """Send hostile words in all free fields at once, shorter ones where they are refused; then in each other."""
        self._free_words(ask)
        for path in ask.bound:
            with undone():
                self.send(ask, {path: self._words(ask, path, 1)[1]})

    def _free_words(self, ask: Ask) -> None:
        texts = {path: self._words(ask, path, number) for number, path in enumerate(ask.free, 1)}
        sizes, alone = dict.fromkeys(texts, 0), False
        while sizes and not alone:
            if self._together(ask, {path: texts[path][size] for path, size in sizes.items()}):
                return
            blamed = [path for path in sizes if name_of(path) in self.fed.blamed]
            for path in blamed:
                sizes[path] += 1
                if sizes[path] == len(texts[path]):
                    self.found.refused.add(ask.field(path))
                    del sizes[path]
            alone = not blamed
        for path in sizes:
            if not any(self._together(ask, {path: text}) for text in texts[path]):
                self.found.refused.add(ask.field(path))

    def _words(self, ask: Ask, path: Path, number: int) -> list[str]:
        return words_for(self.server, number, str(value_at(ask.body, path)))

    def _together(self, ask: Ask, texts: Mapping[Path, str]) -> bool:
        """Send texts; of those that are taken, note which are seen. Return whether they are taken."""
        with undone():
            newest = _newest_entry()
            answer = self.send(ask, texts)
            if not answer.taken or any(name_of(path) in self.fed.blamed for path in texts):
                return False
            unseen = {path for path, text in texts.items() if text not in answer.said}
            for said in (*_in_the_log(newest), *(self.shown(ask) if unseen else ())):
                unseen -= {path for path in unseen if texts[path] in said}
        self.found.kept |= {ask.field(path) for path in texts.keys() - unseen}
        self.found.lost |= {ask.field(path) for path in unseen}
        return True

    def megabytes(self, ask: Ask) -> None:
        """Send a megabyte in every field at once, then alone in those that were not refused for their own length."""
        left = [*ask.free, *ask.bound]
        if len(left) > 1:
            texts = {path: "x" * (MEGABYTE + number) for number, path in enumerate(left)}
            with undone():
                answer = self.send(ask, texts)
                told = self.fed.blamed if not answer.taken else {}
                left = [path for path in left if not self._is_told(told, path, answer.said, is_api=ask.address.is_api)]
        for path in left:
            with undone():
                answer = self.send(ask, {path: "x" * MEGABYTE})
                if answer.taken and _holds_a_megabyte():
                    self.found.endless.add(ask.field(path))
                elif not refers(ask.name, path) and answer.status < 500 and not SAYS_HOW_LONG.search(answer.said):
                    self.found.unsaid.add(ask.field(path))

    @staticmethod
    def _is_told(told: Mapping[str, Sequence[str]], path: Path, said: str, *, is_api: bool) -> bool:
        """Say whether the limit of one field is told: in JSON by its name, on a page in words that no other has."""
        others = {sentence for name, sentences in told.items() if name != name_of(path) for sentence in sentences}
        own = [text for text in told.get(name_of(path), ()) if SAYS_HOW_LONG.search(text) and text in said]
        return any(is_api or text not in others for text in own)


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


@contextmanager
def undone() -> Iterator[None]:
    """A transaction that is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _newest_entry() -> int:
    newest = Entry.objects.order_by("-seq").values_list("seq", flat=True).first()
    return newest or 0


def _in_the_log(newest: int) -> Iterator[str]:
    """Yield what the entries since then say, and what lies beside them and can be erased."""
    for entry in Entry.objects.filter(seq__gt=newest).select_related("payload"):
        for raw in [entry.body, *([entry.payload.payload] if hasattr(entry, "payload") else [])]:
            yield "\n".join(strings(json.loads(bytes(raw))))


def _holds_a_megabyte() -> bool:
    """Say whether a row of whatever table is nearly a megabyte long."""
    with connection.cursor() as cursor:
        each = [
            f"SELECT 1 FROM {name} AS row WHERE octet_length(row::text) > {MEGABYTE * 9 // 10}"
            for name in connection.introspection.table_names(cursor)
        ]
        cursor.execute(f"SELECT EXISTS ({' UNION ALL '.join(each)})")
        return bool(cursor.fetchone()[0])
