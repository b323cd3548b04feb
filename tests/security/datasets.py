"""Who reads datasets, and who has one deleted, as the matrix asks."""

from __future__ import annotations

from tests.security.bodies import TRAINED
from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, READER, Who, role

RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "delete data": ((role("data_protection_officer"), "302+"), (READER, "403"), (ANYBODY, "404")),
}
ROUTES: dict[str, Route] = {
    "GET dataset-list": Route("list", shows=TRAINED[7:13]),
    "GET dataset": Route("read", "dataset"),
    "POST dataset-delete": Route("delete data", "dataset", "act"),
}
