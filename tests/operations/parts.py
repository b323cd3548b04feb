"""An installation in which every part works, at noon; each test breaks what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from governance.audit.selectors import SinkHealth
from governance.audit.vitals import Vitals
from governance.common.alive import Disk, SignOfLife
from governance.config.operations.facts import Backlog, Broker, Database, Facts, Mlflow, Storage

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ROOMY = Disk(free=60 * 2**30, total=100 * 2**30)


def ago(**length: float) -> datetime:
    """Return a time before noon."""
    return NOON - timedelta(**length)


def a_place(**changes: Any) -> SinkHealth:
    """Return a write-once folder that has the newest checkpoint."""
    newest: Any = SimpleNamespace(size=100, at=ago(seconds=20))
    sink = SinkHealth(
        name="folder:",
        where="a write-once folder",
        every=timedelta(seconds=60),
        newest=newest,
        failing_since=None,
        attempts=0,
        error="",
    )
    return replace(sink, **changes)


def a_log(**changes: Any) -> Vitals:
    """Return a log of 100 entries, all of them signed."""
    log = Vitals(
        entries=100,
        waiting=0,
        oldest_waiting_at=None,
        newest_at=ago(seconds=21),
        signed=100,
        signed_at=ago(seconds=20),
        notary_works=True,
        heartbeat_at=ago(minutes=20),
        sinks=[a_place()],
    )
    return replace(log, **changes)


def a_broker(**changes: Any) -> Broker:
    """Return a broker that heard from everybody five seconds ago."""
    signs = {part: SignOfLife(ago(seconds=5), ROOMY) for part in ("beat", "worker:default", "worker:evidence")}
    return replace(Broker(ago(days=2), {"default": 3, "evidence": 0}, signs), **changes)


def a_gate(**changes: Any) -> Mlflow:
    """Return an MLflow that answers, is read and asks the gate."""
    seen = {"read_at": ago(seconds=8), "plugin_at": ago(seconds=8)}
    return replace(Mlflow(is_up=True, detect_only=False, is_governed=True, mode="block", **seen), **changes)


def facts(**changes: Any) -> Facts:
    """Return the facts of an installation in which every part works."""
    well = Facts(
        now=NOON,
        database=Database(timedelta(milliseconds=2), ago(days=9), timedelta(milliseconds=40), 0),
        broker=a_broker(),
        log=a_log(),
        mlflow=a_gate(),
        storage=Storage("the folder of PLACET_STORAGE_URL", "", ROOMY),
        evidence=Backlog(0, None),
        notices=Backlog(0, None),
        hooks=Backlog(0, None),
    )
    return replace(well, **changes)
