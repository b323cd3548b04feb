"""Security headers and request ids, on every answer."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from governance.common import logs

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "report-to csp; report-uri /csp-reports"  # the newer and the older way to the same place
)
ENDPOINTS = 'csp="/csp-reports"'
GetResponse = Callable[[HttpRequest], HttpResponse]


def security_headers(get_response: GetResponse) -> GetResponse:
    """Give each answer the content security policy: nothing inline or from elsewhere; what it blocks is reported."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CSP)
        response.headers.setdefault("Reporting-Endpoints", ENDPOINTS)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response

    return middleware


def request_id(get_response: GetResponse) -> GetResponse:
    """Give each request an id, its caller's or a new one: in ``X-Request-Id``, problem answers and log lines."""

    def middleware(request: HttpRequest) -> HttpResponse:
        rid = logs.taken_or_made(request.headers.get("X-Request-Id", ""))
        request.META["PLACET_REQUEST_ID"] = rid
        with logs.of_request(rid):
            response = get_response(request)
        response.headers["X-Request-Id"] = rid
        return response

    return middleware
