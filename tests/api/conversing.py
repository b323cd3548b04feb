"""Asks the API what its OpenAPI description allows and forbids, signed in as anybody, and checks each answer by it."""

from __future__ import annotations

import json
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception, request_finished, request_started
from django.db import close_old_connections, transaction
from django.http import HttpRequest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NOT_SET
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.transport.serialization import serialize_binary

from tests.arch.tree import ROOT
from tests.security import matrix
from tests.security.routes import Address, addresses
from tests.security.sendable import MORE, filled, known_words
from tests.security.world import STATES, Actor

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
)
"""None is left out for any operation. That what is valid is taken is none of them: most of it names nothing here."""
ANY_REFUSAL = {"negative_data_rejection": {"expected-statuses": ["4xx"]}}
"""A wrong body is refused as well by 412 or 404, where another thing that was sent is found wrong first."""

# Files of rows: whatever is generated goes out as it is.
schemathesis.serializer(
    "application/x-ndjson",
    "application/vnd.apache.parquet",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.arrow.file",
)(lambda _, value: serialize_binary(value))


class InProcess(WSGIHandler):
    """The application as a server calls it, for callers whose session needs no form's token."""

    def get_response(self, request: HttpRequest) -> Any:
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # as Django's own test client does
        return super().get_response(request)


@dataclass
class Found:
    """What was asked, and what was wrong: for each operation and kind of fault the first case."""

    asked: int = 0
    statuses: dict[str, set[int]] = field(default_factory=dict)
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)


def schema() -> Any:
    """Return the committed description, whose operations are answered by this process."""
    config = SchemathesisConfig.from_dict({"checks": ANY_REFUSAL})
    found = schemathesis.openapi.from_path(str(ROOT / "docs" / "reference" / "openapi.yaml"), config=config)
    found.app = InProcess()
    return found


def operations(described: Any) -> Iterator[tuple[Any, Address]]:
    """Yield each operation of the description with its line in the table of addresses."""
    known = {f"/{address.pattern}": address for address in addresses() if address.is_api}
    for found in described.get_all_operations():
        operation = found.ok()
        yield operation, known[operation.path]


class Caller:
    """Somebody who asks one operation again and again; whatever it does is undone."""

    def __init__(self, world: Any, found: Found, operation: Any, address: Address) -> None:
        self.world, self.found, self.operation, self.address = world, found, operation, address
        route = matrix.route_of(operation.method.upper(), address.name)
        assert route, f"{operation.label} has no line in tests/security/matrix.py"
        self.route = route
        self.place = zlib.crc32(operation.label.encode())
        self._known = known_words(world)

    def actors(self, few: int) -> list[Actor]:
        """Return some who are let in and some who are not, others for each operation; all of them if ``few`` is 0."""
        if not few:
            return list(self.world.actors)
        let_in: list[Actor] = []
        turned_away: list[Actor] = []
        for actor in self.world.actors:
            wanted = matrix.expected(self.route, actor, "in review", is_api=True)
            (turned_away if wanted in {"401", "403", "404"} else let_in).append(actor)
        return [
            rows[(self.place + n * len(rows) // few) % len(rows)]
            for rows, few in ((let_in, few), (turned_away, 1))
            for n in range(min(few, len(rows)))
        ]

    def bodies(self) -> list[Any]:
        """Return bodies that make sense in this world."""
        more = (filled(body, self._known) for body in MORE.get(self.address.name, ()))
        first = self.world.body(self.route.body)
        return [first, *({**first, **body} for body in more)]

    def ask_sensibly(self, actor: Actor) -> None:
        """Ask with what the table of permissions sends, in each state that the thing can be in."""
        for number, body in enumerate(self.bodies() if self._takes_json() else [NOT_SET]):
            for state in STATES if self.route.about in {"approval", "promotion"} else ("in review",):
                query = dict(parse_qsl(self.route.query.lstrip("?")))
                case = self.operation.Case(
                    path_parameters=self.names(state),
                    query=query if not number else {},
                    body=body,
                    media_type="application/json" if body is not NOT_SET else None,
                )
                self._send(case, actor)

    def ask_anything(self, actor: Actor, mode: GenerationMode, examples: int) -> None:
        """Ask with generated values, in most cases of a thing that exists."""

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=self.operation.as_strategy(mode, feedback=NO_FEEDBACK), dice=st.integers(0, 11))
        def ask(case: Any, dice: int) -> None:
            self._send(self._placed(case, dice), actor)

        try:
            ask()
        except Unsatisfiable:
            if mode.is_positive:
                raise  # else it takes nothing that could be wrong

    def _placed(self, case: Any, dice: int) -> Any:
        """Return the case about a thing of the world, unless its address is what is wrong with it."""
        wrong = case.meta.generation.mode.is_negative
        if case.path_parameters and dice % 4 and not (wrong and case.meta.is_negative_at(ParameterLocation.PATH)):
            names = self.names(STATES[dice % len(STATES)] if dice % 2 else "in review")
            case.path_parameters = {name: names.get(name, value) for name, value in case.path_parameters.items()}
        if "If-Match" in (case.headers or {}) and dice % 3 and not wrong:
            case.headers["If-Match"] = "*"
        if isinstance(case.body, dict) and dice % 2 and not wrong and self._takes_json():
            sensible = self.bodies()[dice % len(self.bodies())]
            # Without what it was generated as: where this body strays from the description, that was not the aim.
            return self.operation.Case(
                path_parameters=case.path_parameters,
                headers=case.headers,
                query=case.query,
                body={**case.body, **sensible},
                media_type=case.media_type,
            )
        return case

    def _takes_json(self) -> bool:
        return "application/json" in {body.media_type for body in self.operation.body}

    def names(self, state: str) -> dict[str, str]:
        parts = {**self.world.named(self.route.about, state), **dict(self.route.parts)}
        names = re.findall(r"\{(\w+)\}", self.operation.path)
        return {name: str(parts[name]) for name in names if name in parts}

    def _send(self, case: Any, actor: Actor) -> None:
        cookies = {"sessionid": actor.session} if actor.session else {}
        case.headers.pop("Authorization", None)
        case.cookies.pop("sessionid", None)
        with self._undone(), faults() as tracebacks:
            answer = case.call(headers=dict(actor.headers), cookies=cookies)
        self.found.asked += 1
        self.found.statuses.setdefault(self.operation.label, set()).add(answer.status_code)
        try:
            case.validate_response(answer, checks=list(CHECKS))
        except FailureGroup as group:
            for failure in group.exceptions:
                self._note(failure, case, actor, answer, tracebacks)
        except Failure as failure:
            self._note(failure, case, actor, answer, tracebacks)

    @contextmanager
    def _undone(self) -> Iterator[None]:
        """Roll back what is done, unless the address must begin a transaction of its own."""
        if self.route.alone:
            yield
            return
        with transaction.atomic():
            yield
            transaction.set_rollback(True)

    def _note(self, failure: Any, case: Any, actor: Actor, answer: Any, tracebacks: list[str]) -> None:
        kind = f"{type(failure).__name__} {answer.status_code} {getattr(failure, 'instance_path', '')}"
        sent = {"path": case.path_parameters, "query": case.query, "headers": dict(case.headers or {})}
        body = "" if case.body is NOT_SET else f" {case.body!r:.300}"
        text = (
            f"{self.operation.label}: {kind}, asked by {actor.name}\n"
            f"  sent {json.dumps(sent, default=str)[:300]}{body}\n"
            f"  {failure}"[:900]
            + f"\n  answered {answer.content[:300]!r}\n  "
            + "\n  ".join(tracebacks)
        )
        self.found.wrong.setdefault((self.operation.label, kind), text)


@contextmanager
def one_connection() -> Iterator[None]:
    """Keep the connection, and with it what is to be undone, when a request begins or ends; as Django's client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


@contextmanager
def faults() -> Iterator[list[str]]:
    """Collect what the views raised that no handler answers."""
    raised: list[str] = []

    def note(**_: Any) -> None:
        kind, error, trace = sys.exc_info()
        while trace and trace.tb_next:
            trace = trace.tb_next
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
        raised.append(f"raised {kind.__name__ if kind else ''}: {error!s:.200} at {where}")

    got_request_exception.connect(note)
    try:
        yield raised
    finally:
        got_request_exception.disconnect(note)
