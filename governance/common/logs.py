"""Lines of the processes' own logs: as plain text or one JSON object each, with the request that they belong to.

Neither form holds what an address may hide: user, password and query string are cut out of addresses, and bearer tokens
out of headers. Only the standard library is used, since gunicorn reads this before there is a Django.
"""

import json
import logging
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from governance.common import clock

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
HEADER = "placet_request_id"
"""The header of a Celery message that carries the id of the request which sent it."""
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_task_id: ContextVar[str] = ContextVar("task_id", default="")
_CUTS = (
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@]+@", re.IGNORECASE), r"\1…@"),
    (re.compile(r"((?:\b[a-z][a-z0-9+.-]*://|/)[^\s?\"'<>]*)\?[^\s\"'<>]+", re.IGNORECASE), r"\1?…"),
    (re.compile(r"\b(bearer|basic) +[^\s\"',]+", re.IGNORECASE), r"\1 …"),
)


def taken_or_made(given: str) -> str:
    """Return the caller's id, if it is of 8 to 64 letters, digits, dots, dashes and underscores; else a new one."""
    return given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def request_id() -> str:
    """Return the id of the request that is worked on, also of the one that sent the task; empty if there is none."""
    return _request_id.get()


@contextmanager
def of_request(rid: str) -> Iterator[None]:
    """Have every line within the block bear a request's id."""
    token = _request_id.set(rid)
    try:
        yield
    finally:
        _request_id.reset(token)


def send_along(headers: Mapping[str, Any] | None = None, **_: object) -> None:
    """Put the request's id into a message's headers; a receiver of Celery's ``before_task_publish``."""
    if isinstance(headers, dict) and (rid := _request_id.get()):
        headers[HEADER] = rid


def task_begins(task_id: str = "", task: Any = None, **_: object) -> None:
    """Have the task's lines bear its id and that of the request which sent it; of Celery's ``task_prerun``."""
    rid = str(task.request.get(HEADER) or "") if task is not None else ""
    _request_id.set(rid if REQUEST_ID.fullmatch(rid) else "")
    _task_id.set(task_id)


def task_ends(**_: object) -> None:
    """Forget both; of Celery's ``task_postrun``."""
    _request_id.set("")
    _task_id.set("")


def cut(text: str) -> str:
    """Return ``text`` without the users, passwords and query strings of addresses, and without tokens."""
    for pattern, instead in _CUTS:
        text = pattern.sub(instead, text)
    return text


class PlainLines(logging.Formatter):
    """``LEVEL logger message``, then the request if there is one, then what went wrong."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s %(message)s%(request)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the lines of an exception."""
        rid = _request_id.get()
        record.request = f" request={rid}" if rid else ""
        return cut(super().format(record))


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, request_id, task_id, process, and exception if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as JSON; what has no form of JSON stands as text."""
        said = {
            "time": clock.rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": cut(record.getMessage()),
            "request_id": _request_id.get() or None,
            "task_id": _task_id.get() or None,
            "process": record.process,
        }
        if record.exc_info and record.exc_info[0]:
            said["exception"] = cut(self.formatException(record.exc_info))
        return json.dumps(said, ensure_ascii=False)
