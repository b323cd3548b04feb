"""What browsers report as blocked by the content security policy: a line in the web process's log, and nothing kept.

Nobody signs in to report, so a report is hearsay: only names known here, and hosts, go from it into the line (no
address of a page, no snippet), the same is said once an hour, and lines and calls are limited. Without the cache that
counts, nothing is said.
"""

import json
import logging
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from redis.exceptions import RedisError

from governance.common.counting import count
from governance.common.middleware import CSP

log = logging.getLogger(__name__)

MOST_BYTES, MOST_REPORTS = 16_000, 10  # of one call
CALLS_A_MINUTE = 30  # of one network address
LINES_AN_HOUR = 60  # of the whole deployment
_OF_POLICY = {directive.split()[0] for directive in CSP.split(";")}
DIRECTIVES = _OF_POLICY | {f"{name}-{part}" for name in ("script-src", "style-src") for part in ("elem", "attr")}
WORDS = {"inline", "eval", "wasm-eval", "self", "data", "blob", "filesystem", "about"}
_ORIGIN = re.compile(r"(https?|wss?)://[A-Za-z0-9.-]{1,100}", re.ASCII)


@dataclass(frozen=True)
class Blocked:
    """What was blocked: on which page of ours (the name of its address), by which directive, and from where."""

    page: str
    directive: str
    source: str


@csrf_exempt
@require_POST
def csp_reports(request: HttpRequest) -> HttpResponse:
    """``POST /csp-reports``: answer 204; 413, 415 or 422 for what is no such report, 429 for too many."""
    kind = request.content_type
    if kind not in {"application/reports+json", "application/csp-report"}:
        return _no(415, "Send application/reports+json or application/csp-report.")
    try:
        if _counted(f"calls:{get_adapter().get_client_ip(request)}", 60) > CALLS_A_MINUTE:
            return _no(429, "Too many reports; later.")
    except RedisError:
        return HttpResponse(status=204)
    body = request.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        return _no(413, f"A call takes at most {MOST_BYTES} bytes.")
    try:
        found = read(body, kind)
    except ValueError:
        return _no(422, "This is no report of a violation of a content security policy.")
    _say(found)
    return HttpResponse(status=204)


def read(body: bytes, kind: str) -> list[Blocked]:
    """Return what a body reports, without what it repeats; ``kind`` is its content type.

    Raises:
        ValueError: it is no such report, or holds too many.
    """
    try:
        said = json.loads(body)
        if kind == "application/csp-report":
            report = said["csp-report"]
            directive = report.get("effective-directive") or report["violated-directive"]
            return [_blocked(report["document-uri"], directive, report.get("blocked-uri") or "")]
        if len(said) > MOST_REPORTS:
            raise ValueError("too many reports")
        bodies = [report["body"] for report in said if report["type"] == "csp-violation"]
        named = [(one["documentURL"], one["effectiveDirective"], one.get("blockedURL") or "") for one in bodies]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("no report") from error
    return list(dict.fromkeys(_blocked(*one) for one in named))


def _blocked(page: Any, directive: Any, source: Any) -> Blocked:
    if not all(isinstance(text, str) for text in (page, directive, source)):
        raise ValueError("no report")
    try:
        where = resolve(urlsplit(page).path).view_name or "unnamed"
    except (Resolver404, ValueError):
        where = "no page of ours"
    name = directive.partition(" ")[0]
    origin = _ORIGIN.match(source)
    return Blocked(
        where,
        name if name in DIRECTIVES else "another directive",
        origin[0].lower() if origin else source.rstrip(":") if source.rstrip(":") in WORDS else "something else",
    )


def _say(found: list[Blocked]) -> None:
    """Write a line for each that this hour has not seen, while the hour has lines left."""
    try:
        for one in found:
            name = sha256(repr(one).encode()).hexdigest()
            if cache.add(f"csp:seen:{name}", 1, timeout=3600) and _counted("lines", 3600) <= LINES_AN_HOUR:
                log.warning("csp: %s blocked %s on the page %s", one.directive, one.source, one.page)
    except RedisError:
        return


def _counted(what: str, seconds: int) -> int:
    return count(f"csp:{sha256(what.encode()).hexdigest()}", seconds)


def _no(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
