"""The API answers as its own OpenAPI description says, whoever asks whatever."""

from __future__ import annotations

from typing import Any

import pytest
from schemathesis.generation import GenerationMode

from governance.common.problems import MEDIA_TYPE
from governance.config.openapi_problems import RESPONSES, statuses
from tests import proving
from tests.api.conversing import Caller, Found, one_connection, operations, schema
from tests.security.test_permission_matrix import Asker, quiet_gc, world

__all__ = ["quiet_gc", "world"]
METHODS = frozenset({"get", "post", "put", "patch", "delete"})


# Schemathesis reads an answer to its end and does not close it, as a server does: files stay open until collected.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in.*_io:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
@pytest.mark.usefixtures("quiet_gc")
def test_every_operation_answers_as_described(world: Any) -> None:
    """Under ``make prove`` everybody asks every operation, else some who are let in and one who is not."""
    found, described = Found(), schema()
    with one_connection():
        for operation, address in operations(described):
            caller = Caller(world, found, operation, address)
            for actor in caller.actors(proving.count(0, 1)):
                caller.ask_sensibly(actor)
                for mode in GenerationMode:
                    caller.ask_anything(actor, mode, proving.count(50, 1))
        _ask_methods_that_are_not_described(world, described, found)
    assert not found.wrong, "\n\n".join(found.wrong.values())
    assert found.asked > 900
    succeeded = {label for label, answers in found.statuses.items() if min(answers) < 300}
    assert len(succeeded) > 60, "too few calls came through to what a success looks like"


def _ask_methods_that_are_not_described(world: Any, described: Any, found: Found) -> None:
    """A method that an address does not describe is refused with those that it has."""
    client = Asker(raise_request_exception=False)
    client.cookies["sessionid"] = next(a.session for a in world.actors if a.name == "risk officer, everywhere")
    taken: dict[str, set[str]] = {}
    for operation, _ in operations(described):
        taken.setdefault(operation.path, set()).add(operation.method.lower())
    for operation, address in operations(described):
        caller = Caller(world, found, operation, address)
        if caller.route.rule == "gate's token":
            continue  # it asks for its secret first
        parts = caller.names("in review")
        for method in sorted(METHODS - taken.pop(operation.path, METHODS)):
            answer = getattr(client, method)(address.path(parts))
            allowed = {name.strip().lower() for name in answer.headers.get("Allow", "").split(",")}
            if answer.status_code != 405 or answer.headers["Content-Type"] != MEDIA_TYPE or method in allowed:
                found.wrong[operation.path, method] = f"{method} {operation.path} is answered {answer.status_code}"


def test_an_operation_describes_the_problems_of_what_it_reads() -> None:
    bare = {"security": [{}]}
    assert statuses("get", bare) == {406, 503}
    assert statuses("get", {"security": [{"token": []}]}) == {401, 403, 406, 429, 503}
    guarded = {"parameters": [{"in": "header", "name": "If-Match"}], **bare}
    assert statuses("post", guarded) == {406, 409, 412, 422, 503}
    with_body = statuses("post", {"requestBody": {}, **bare})
    assert with_body == {400, 404, 406, 409, 413, 415, 422, 503}
    assert with_body < set(RESPONSES)
