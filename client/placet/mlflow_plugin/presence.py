"""Checks in with Placet: tells that the gate stands, and learns which aliases are protected.

One daemon thread in each server process, so no request ever waits for it. What Placet says is in force until it says
something else, also while Placet is down. Until the first answer it is the built-in default, and whatever the server's
own ``PLACET_PROTECTED_ALIASES`` adds; an answer that can't be used never protects less than what was in force.
"""

import json
import logging
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from placet import __version__
from placet.mlflow_plugin import protection, runs, withdrawn
from placet.mlflow_plugin.decisions import NoDecision, listen, post
from placet.mlflow_plugin.freeze import note_change
from placet.mlflow_plugin.identity import identity_source

PATH = "/api/v1/gate/check-ins"
DEFAULT_EVERY_S = 15.0
EVERY_S = (1.0, 3600.0)
PATTERN_LIMIT = 100

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a server process tells of itself."""

    server: str
    plugin_version: str
    mlflow_version: str
    store: str
    workspaces: bool
    started_at: str
    identity: str
    freeze: bool


@dataclass(frozen=True, slots=True)
class Configuration:
    """What Placet answered: its configuration's number, the protected patterns, when to ask again, what to be told.

    ``withdrawn``: digests of permits that allow nothing any more; None where the answer names none.
    """

    number: int
    patterns: tuple[str, ...]
    every_s: float
    notices: object = None
    withdrawn: tuple[str, ...] | None = None


class Unusable(ValueError):
    """The answer is not a configuration."""


class Presence:
    """The thread of one process. ``start`` it once; ``at_once`` wakes it."""

    def __init__(self, about: About, *, before: Callable[[], None] = lambda: None) -> None:
        """Call ``before`` ahead of each check-in, which so says that it was called; it may take its time."""
        self._about, self._before = about, before
        self._wake = threading.Event()
        self._number: int | None = None
        self._every_s = DEFAULT_EVERY_S

    def start(self) -> None:
        """Check in from now on, in the background."""
        threading.Thread(target=self._run, name="placet-check-in", daemon=True).start()

    def at_once(self, number: int) -> None:
        """Check in now if ``number`` is not the configuration that is in force."""
        if number != self._number:
            self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                pause_s = self._once()
            except Exception:  # without this thread Placet would take the gate for gone
                _logger.exception("The check-in with Placet failed and is tried again.")
                pause_s = DEFAULT_EVERY_S
            self._wake.wait(pause_s)

    def _once(self) -> float:
        """Check in once, and return the seconds until the next time."""
        self._before()
        try:
            body = post(PATH, json.dumps({**asdict(self._about), "configuration": self._number}).encode())
            configuration = parse(body)
        except NoDecision as failure:
            _logger.info("Placet did not take the check-in: %s", failure)
            return min(self._every_s, DEFAULT_EVERY_S)
        except Unusable as problem:
            protection.keep_default()
            _logger.warning(
                "Placet's answer to the check-in can't be used, so the default is protected, too: %s", problem
            )
            return DEFAULT_EVERY_S
        self._number, self._every_s = configuration.number, configuration.every_s
        protection.receive(configuration.patterns)
        runs.want(configuration.notices)
        if configuration.withdrawn is not None:
            withdrawn.keep(configuration.withdrawn)
        note_change()  # which versions are frozen follows from which aliases are protected
        return self._every_s


def parse(body: bytes) -> Configuration:
    """Read Placet's answer.

    Raises:
        Unusable: it does not name a configuration with 1 to 100 patterns.
    """
    try:
        answer = json.loads(body)
        number, patterns = answer["configuration"]["number"], answer["configuration"]["protected_aliases"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unusable("it names no configuration.") from None
    if type(number) is not int or number < 0:
        raise Unusable("its configuration has no number.")
    if not isinstance(patterns, list) or not 0 < len(patterns) <= PATTERN_LIMIT:
        raise Unusable(f"protected_aliases is not a list of 1 to {PATTERN_LIMIT} names.")
    if not all(isinstance(pattern, str) and protection.fold(pattern) for pattern in patterns):
        raise Unusable("a protected alias has no name.")
    every_s = answer.get("every_s")
    usable = type(every_s) in (int, float) and EVERY_S[0] <= every_s <= EVERY_S[1]
    return Configuration(
        number=number,
        patterns=tuple(map(protection.fold, patterns)),
        every_s=float(every_s) if usable else DEFAULT_EVERY_S,
        notices=answer.get("notices"),
        withdrawn=withdrawn.read(answer.get("withdrawn_permits")),
    )


def about_this_server(store: Any) -> About:
    """Return what this process tells of itself; all workers of one ``mlflow server`` say the same of it."""
    import mlflow
    from mlflow.environment_variables import _MLFLOW_SERVER_BOOT_ID, MLFLOW_ENABLE_WORKSPACES

    boot_id = _MLFLOW_SERVER_BOOT_ID.get()  # type: ignore[no-untyped-call]
    return About(
        server=boot_id or secrets.token_hex(16),
        plugin_version=__version__,
        mlflow_version=mlflow.__version__,
        store=store.engine.dialect.name,
        workspaces=bool(MLFLOW_ENABLE_WORKSPACES.get()),  # type: ignore[no-untyped-call]
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        identity=identity_source(),
        freeze=True,
    )


_running: Presence | None = None


def start(about: About, *, before: Callable[[], None] = lambda: None) -> None:
    """Begin to check in from this process, and again in a process that is forked from it."""
    global _running  # noqa: PLW0603  (one thread for the process)
    first = _running is None
    _running = Presence(about, before=before)
    listen(heard_of)
    _running.start()
    if first and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_again)


def _again() -> None:
    if _running is not None:
        _running.start()


def heard_of(number: object) -> None:
    """Take note of the configuration's number that a decision carried."""
    if _running is not None and type(number) is int:
        _running.at_once(number)
