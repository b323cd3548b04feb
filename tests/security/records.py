"""Who sends records and labels, says what comes in, and has it erased, as the matrix asks."""

from __future__ import annotations

from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, KEEPER, MACHINE, READER, Who, role

OFFICER = role("data_protection_officer")
_REST: tuple[tuple[Who, Outcome], ...] = ((READER, "403"), (ANYBODY, "404"))
RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "send records": ((KEEPER | MACHINE, "422"), *_REST),
    "say what a monitor takes in": ((KEEPER, "422"), *_REST),
    "erase records": ((OFFICER, "422"), *_REST),
    "read rows put aside": ((KEEPER | OFFICER | MACHINE, "404"), *_REST),
    "read why rows were put aside": ((KEEPER | OFFICER, "200"), *_REST),
}
READ, WRITE = "records:read", "records:write"
BATCH = (("batch", "b-1"),)
ROUTES: dict[str, Route] = {
    "GET monitor-records": Route("read", "monitor"),
    "GET monitor-batch": Route("read", "monitor", parts=BATCH),
    "GET monitor-quarantine-json": Route("read why rows were put aside", "monitor", parts=BATCH),
    "GET monitor-quarantine-csv": Route("read why rows were put aside", "monitor", parts=BATCH),
    "GET api-monitor-records": Route("read", "monitor", scope=READ),
    "POST api-monitor-records": Route("send records", "monitor", "records", scope=WRITE, query="?batch=b-1"),
    "GET api-monitor-quarantine": Route("read rows put aside", "monitor", scope=READ, parts=BATCH),
    "GET api-monitor-labels": Route("read", "monitor", scope=READ),
    "GET api-monitor-label-quarantine": Route("read rows put aside", "monitor", scope=READ, parts=BATCH),
    "POST api-monitor-labels": Route("send records", "monitor", "records", scope=WRITE, query="?batch=l-1"),
    "PUT api-monitor-intake": Route("say what a monitor takes in", "monitor", "intake", scope=WRITE),
    "GET api-monitor-erasures": Route("read", "monitor", scope=READ),
    "POST api-monitor-erasures": Route("erase records", "monitor", "erase records"),
}
