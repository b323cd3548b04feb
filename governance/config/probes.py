"""Probes for machines: does this process answer, and can it do its work?

They come before everything that asks who calls and by which name, since a supervisor calls a process by its bare
address. MLflow, the notary and the file storage are no part of being ready: the web process works without them, and the
page *System health* tells of them.
"""

import logging
from collections.abc import Callable

from django.core.cache import cache
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError

from governance.common.middleware import GetResponse
from governance.common.postgres.bounded import at_most
from governance.common.postgres.migrated import lacking
from governance.config.operations.metrics import metrics

log = logging.getLogger(__name__)
LIMIT_S = 2.0
"""How long one question may take. Connecting has limits of its own, in the settings."""


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process serves. It asks nothing, so that no other server's fault gets it restarted."""
    return _answer({"status": "ok"}, 200)


def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the process can serve people, else 503 with what is wrong.

    The body is ``{"status": "ok" or "not ready", "checks": {"database": …, "migrations": …, "cache": …}}``; each check
    is ``"ok"`` or a sentence that says what is wrong.
    """
    checks = {**_database(), "cache": _cache()}
    ready = all(said == "ok" for said in checks.values())
    return _answer({"status": "ok" if ready else "not ready", "checks": checks}, 200 if ready else 503)


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}


def probes_first(get_response: GetResponse) -> GetResponse:
    """Answer the probes before the host's name is checked, https asked for or a session looked up."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return PROBES.get(request.path_info, get_response)(request)

    return middleware


def _answer(body: dict[str, object], status: int) -> JsonResponse:
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


def _database() -> dict[str, str]:
    try:
        with at_most(LIMIT_S) as cursor:
            missing = len(lacking(cursor))
    except Error as error:
        log.warning("Not ready: PostgreSQL does not answer: %s", str(error).strip())
        connection.close()  # so that the next question begins with a connection of its own
        return {"database": "PostgreSQL does not answer.", "migrations": "Not known: PostgreSQL does not answer."}
    said = "ok" if not missing else f"{missing} apps lack their newest migration: run manage.py migrate as the owner."
    return {"database": "ok", "migrations": said}


def _cache() -> str:
    try:
        cache.get("placet:ready")  # any key: whether it answers is the question
    except RedisError as error:
        log.warning("Not ready: the cache does not answer: %s", error)
        return "The cache (REDIS_URL) does not answer."
    return "ok"
