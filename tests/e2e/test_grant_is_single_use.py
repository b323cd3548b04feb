"""Whoever reads an apply grant off the wire can do nothing with it: it opened one call and is spent."""

import json
from datetime import datetime
from typing import Any

import pytest

from examples.credit import story
from tests.e2e.ledger import Ledger
from tests.e2e.wire import Wire

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_the_same_call_with_the_same_grant_is_refused_at_once(
    world: story.World, mlflow_wire: Wire, ledger: Ledger, v2_live: Any
) -> None:
    applied = {json.loads(replay.sent)["version"]: replay for replay in mlflow_wire.replays}
    assert {"1", "2"} <= set(applied), "the promotions went over the wire"
    assert len(applied) == len(mlflow_wire.replays), "each once"
    for replay in applied.values():
        assert replay.first.status_code == 200
        assert replay.second.status_code == 403
        assert "grant is not valid" in replay.second.json()["message"]
    lives = ledger.rows("SELECT used_at IS NOT NULL, expires_at - made_at FROM registry_applygrant")
    assert len(lives) == len(mlflow_wire.replays)
    assert all(used for used, _ in lives)
    events = [
        entry["event"] for entry in ledger.entries_after(0)
        if entry["event"].startswith("gate.") and entry["actor"] == "system:mlflow"
        and entry["data"]["action"] == "alias.set"
    ]  # fmt: skip
    assert events == ["gate.allowed", "gate.refused"] * len(applied), "each use and each replay is in the log"


def test_a_grant_was_spent_not_merely_old(ledger: Ledger, mlflow_wire: Wire, v2_live: Any) -> None:
    refused = [
        entry["at"] for entry in ledger.entries_after(0)
        if entry["event"] == "gate.refused" and entry["actor"] == "system:mlflow"
        and entry["data"]["action"] == "alias.set"
    ]  # fmt: skip
    ends = [expires for (expires,) in ledger.rows("SELECT expires_at FROM registry_applygrant ORDER BY made_at")]
    assert [datetime.fromisoformat(at) < end for at, end in zip(refused, ends, strict=True)] == [True] * len(ends)
