"""What browsers report of the content security policy: heard without a sign-in, said in few words, kept nowhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.cache import cache, caches
from django.test import Client
from django.urls import reverse
from redis.exceptions import RedisError

from governance.audit.models import Entry
from governance.config import csp

NEW, OLD = "application/reports+json", "application/csp-report"
PAGE = "https://placet.example/approvals/7b1c9ab8-3c5a-4d68-9a5b-0f4e6a5d1c11?who=secret"


@pytest.fixture(autouse=True)
def _none_counted() -> Any:
    cache.clear()
    yield
    cache.clear()


def new(
    *, directive: str = "script-src-elem", page: str = PAGE, source: str = "inline", kind: str = "csp-violation"
) -> Any:
    body = {"documentURL": page, "effectiveDirective": directive, "blockedURL": source, "sample": "alert('secret')"}
    return {"type": kind, "url": page, "body": body}


def send(reports: Any, kind: str = NEW, client: Client | None = None) -> Any:
    text = reports if isinstance(reports, str) else json.dumps(reports)
    return (client or Client(enforce_csrf_checks=True)).post("/csp-reports", text, content_type=kind)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == csp.__name__]


@pytest.mark.django_db
def test_every_page_names_where_to_report_in_both_ways():
    answer = Client().get("/login")
    policy = answer["Content-Security-Policy"]
    assert "report-to csp" in policy
    assert f"report-uri {reverse('csp-reports')}" in policy
    assert answer["Reporting-Endpoints"] == f'csp="{reverse("csp-reports")}"'


@pytest.mark.django_db
def test_both_kinds_of_report_become_a_line_of_known_words(caplog):
    old = {
        "document-uri": PAGE,
        "violated-directive": "img-src 'self' data:",
        "blocked-uri": "https://evil.example/x?y=1",
    }
    assert send([new(), new(), new(kind="deprecation")]).status_code == 204
    assert send({"csp-report": old}, OLD).status_code == 204
    assert lines(caplog) == [
        "csp: script-src-elem blocked inline on the page review",
        "csp: img-src blocked https://evil.example on the page review",
    ]
    assert "secret" not in caplog.text
    assert not Entry.objects.exists()


@pytest.mark.django_db
def test_what_a_report_says_beside_known_words_reaches_no_line(caplog):
    send(
        [new(directive="x\nERROR root owned", page="https://a.example/nowhere\nERROR", source="javascript:alert(1)\n")]
    )
    send([new(page="::::", source="https://a.example\r\nERROR")])
    assert lines(caplog) == [
        "csp: another directive blocked something else on the page no page of ours",
        "csp: script-src-elem blocked https://a.example on the page no page of ours",
    ]


@pytest.mark.django_db
def test_the_same_is_said_once_an_hour_and_the_lines_of_an_hour_are_limited(caplog, monkeypatch):
    monkeypatch.setattr(csp, "LINES_AN_HOUR", 2)
    for _ in range(3):
        send([new()])
    assert len(lines(caplog)) == 1
    send([new(source=f"https://{n}.example") for n in range(5)])
    assert len(lines(caplog)) == 2


@pytest.mark.django_db
def test_calls_of_one_address_are_limited(monkeypatch):
    monkeypatch.setattr(csp, "CALLS_A_MINUTE", 2)
    assert [send([new()]).status_code for _ in range(3)] == [204, 204, 429]


@pytest.mark.django_db
def test_without_the_cache_nothing_is_said(caplog, monkeypatch):
    def down(*args: Any, **kwargs: Any) -> None:
        raise RedisError("away")

    monkeypatch.setattr(type(caches["default"]), "add", down)
    assert send([new()]).status_code == 204
    assert lines(caplog) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reports", "kind", "status"),
    [
        ([], "application/json", 415),
        ("x" * 16_001, NEW, 413),
        ("{", NEW, 422),
        ("[" * 15_000, NEW, 422),
        ("\ud800", NEW, 422),
        ({}, OLD, 422),
        ([1], NEW, 422),
        ({"csp-report": {"document-uri": 1, "violated-directive": "x"}}, OLD, 422),
        ([new()] * 11, NEW, 422),
        ([new()] * 10, NEW, 204),
        ([], NEW, 204),
    ],
)
def test_what_is_no_report_is_refused(reports, kind, status, caplog):
    if reports == "\ud800":
        answer = Client().post("/csp-reports", b"\xff\xfe\xfa", content_type=kind)
    else:
        answer = send(reports, kind)
    assert answer.status_code == status
    assert len(lines(caplog)) == (status == 204 and bool(reports))


@pytest.mark.django_db
def test_it_is_never_read():
    assert Client().get("/csp-reports").status_code == 405
