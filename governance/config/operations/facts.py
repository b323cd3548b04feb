"""What is known of the installation at one moment, before anybody judges it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from governance.audit.vitals import Vitals
from governance.common.alive import Disk, SignOfLife


@dataclass(frozen=True)
class Unasked:
    """What could not be asked, and why: nothing is guessed in its place."""

    why: str


@dataclass(frozen=True)
class Database:
    """PostgreSQL as it answered.

    Attributes:
        took: how long it took to answer a trivial question.
        running_since: when the server was started.
        ahead: its clock less this machine's, at the middle of the question.
        lacking: apps whose newest migration it lacks.
    """

    took: timedelta
    running_since: datetime
    ahead: timedelta
    lacking: int


@dataclass(frozen=True)
class Broker:
    """Valkey as it answered: since when it runs, how many messages wait in each queue, who gave a sign of life."""

    running_since: datetime
    waiting: Mapping[str, int]
    signs: Mapping[str, SignOfLife]


@dataclass(frozen=True)
class Mlflow:
    """MLflow and the gate before it.

    Attributes:
        is_up: whether it answered its health check just now.
        read_at: when a worker last read it to the end.
        plugin_at: when a governed MLflow server last checked in.
        detect_only: whether the gate in force is for an MLflow without the plugin.
        is_governed: whether two people said that MLflow runs it.
        mode: of the gate in force.
    """

    is_up: bool
    read_at: datetime | None
    plugin_at: datetime | None
    detect_only: bool
    is_governed: bool
    mode: str


@dataclass(frozen=True)
class Storage:
    """Where files lie: in words, why a file could not be written (empty if it could), and this machine's disk."""

    where: str
    refused: str
    disk: Disk | None


@dataclass(frozen=True)
class Backlog:
    """Work that waits: how much, since when the oldest of it has been due, and how much was given up lately."""

    waiting: int
    oldest_at: datetime | None
    given_up: int = 0
    error: str = ""


@dataclass(frozen=True)
class Facts:
    """Everything that the page of health rests on."""

    now: datetime
    database: Database | Unasked
    broker: Broker | Unasked
    log: Vitals | Unasked
    mlflow: Mlflow | Unasked
    storage: Storage | Unasked
    evidence: Backlog | Unasked
    notices: Backlog | Unasked
    hooks: Backlog | Unasked
