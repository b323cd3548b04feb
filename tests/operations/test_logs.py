"""The lines of the processes' own logs: their form, the request that they belong to, and what they never hold."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from datetime import datetime
from logging.config import dictConfig
from types import SimpleNamespace
from typing import Any

import pytest
from celery import current_app
from celery.signals import before_task_publish, task_postrun, task_prerun
from django.test import Client

from governance.common import logs
from governance.common.logs import JsonLines, PlainLines
from tests.arch.tree import ROOT

GIVEN = "proxy-2026.11_28"


class Lines:
    """A logger whose lines can be read."""

    def __init__(self, form: logging.Formatter) -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(form)
        self.logger = logging.Logger("placet.test")
        self.logger.addHandler(handler)

    @property
    def said(self) -> list[str]:
        """What was written, line by line."""
        return self.stream.getvalue().splitlines()


@pytest.fixture
def as_json() -> Lines:
    """Lines of JSON."""
    return Lines(JsonLines())


def test_a_line_is_one_object_whatever_it_says(as_json: Lines):
    with logs.of_request(GIVEN):
        as_json.logger.warning("two\nlines of %s", "Jörg")
    (line,) = as_json.said
    said = json.loads(line)
    assert datetime.fromisoformat(said.pop("time")).tzinfo is not None
    assert said == {
        "level": "WARNING",
        "logger": "placet.test",
        "message": "two\nlines of Jörg",
        "request_id": GIVEN,
        "task_id": None,
        "process": os.getpid(),
    }


def test_an_exception_stands_in_the_same_object(as_json: Lines):
    try:
        int("postgresql://placet_app:hidden@db/placet?x=hidden")
    except ValueError:
        as_json.logger.exception("It broke")
    (line,) = as_json.said
    assert "literal for int() with base 10: 'postgresql://…@db/placet?…'" in json.loads(line)["exception"]
    assert "hidden" not in line


@pytest.mark.parametrize("form", [JsonLines(), PlainLines()], ids=["json", "plain"])
@pytest.mark.parametrize(
    "text",
    [
        "GET https://placet.example/log?q=hidden HTTP/1.1",
        "Not Found: /log?q=hidden&who=hidden",
        "redis://:hidden@valkey:6379/0 does not answer",
        "Authorization: Bearer hidden",
        'headers {"Authorization": "Basic hidden"}',
    ],
)
def test_secrets_and_query_strings_are_cut_out(form: logging.Formatter, text: str):
    lines = Lines(form)
    lines.logger.error("%s", text)
    assert "hidden" not in lines.stream.getvalue()
    assert "…" in lines.stream.getvalue()


def test_other_text_stays_as_it_is():
    for text in ("Why? Because.", "see docs/how-to/watch-placet.md", "a@b.example", "what is 3/4?", "basic questions"):
        assert logs.cut(text).replace("basic …", "basic questions") == text


def test_plain_lines_name_the_request():
    lines = Lines(PlainLines())
    lines.logger.error("one")
    with logs.of_request(GIVEN):
        lines.logger.error("two")
    assert lines.said == ["ERROR placet.test one", f"ERROR placet.test two request={GIVEN}"]


def test_a_callers_id_is_kept_if_it_is_well_formed(client: Client):
    assert client.get("/login", headers={"X-Request-Id": GIVEN})["X-Request-Id"] == GIVEN


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "with blank", "ünïcode1", "a;drop-table", "line\tline"])
def test_another_gets_one_of_ours(client: Client, given: str):
    answered = client.get("/login", headers={"X-Request-Id": given})["X-Request-Id"]
    assert answered != given
    assert len(answered) == 36


def test_what_a_request_logs_bears_its_id(client: Client, monkeypatch: pytest.MonkeyPatch, as_json: Lines):
    def told() -> Any:
        as_json.logger.error("within")
        raise ZeroDivisionError

    monkeypatch.setattr("governance.audit.selectors.newest_checkpoint", told)
    client.raise_request_exception = False
    answer = client.get("/api/v1/log/checkpoint", headers={"X-Request-Id": GIVEN})
    assert answer.json()["request"] == json.loads(as_json.said[0])["request_id"] == GIVEN
    assert logs.request_id() == ""


def test_a_task_bears_the_id_of_the_request_that_sent_it(as_json: Lines):
    headers: dict[str, Any] = {}
    with logs.of_request(GIVEN):
        before_task_publish.send(sender="a.task", headers=headers)
    assert headers == {logs.HEADER: GIVEN}
    task = SimpleNamespace(request=headers)
    task_prerun.send(sender="a.task", task_id="t-1", task=task)
    as_json.logger.error("within")
    task_postrun.send(sender="a.task", task_id="t-1", task=task)
    as_json.logger.error("after")
    said = [json.loads(line) for line in as_json.said]
    assert [(line["request_id"], line["task_id"]) for line in said] == [(GIVEN, "t-1"), (None, None)]


def test_a_sweep_bears_none_and_a_forged_header_neither(as_json: Lines):
    headers: dict[str, Any] = {}
    before_task_publish.send(sender="a.task", headers=headers)
    assert headers == {}
    forged = SimpleNamespace(request={logs.HEADER: "x\ny"})
    task_prerun.send(sender="a.task", task_id="t-2", task=forged)
    as_json.logger.error("within")
    task_postrun.send(sender="a.task", task_id="t-2", task=forged)
    assert json.loads(as_json.said[0])["request_id"] is None


def test_the_header_reaches_a_task_through_a_real_message():
    """What the worker hands to ``task_prerun`` holds the header that ``before_task_publish`` added."""
    from celery.app.task import Context

    headers, _properties, _body, _sent = current_app.amqp.as_task_v2("t-3", "a.task")
    with logs.of_request(GIVEN):
        before_task_publish.send(sender="a.task", headers=headers)
    assert Context(headers).get(logs.HEADER) == GIVEN


def test_celery_logs_so_too():
    program = (
        "import logging, django; django.setup(); from governance.config.celery import app; "
        "app.log.setup_logging_subsystem(loglevel=logging.INFO); "
        "logging.getLogger('celery.task').info('one'); logging.getLogger('placet').info('two')"
    )
    env = {**os.environ, "PLACET_LOG_FORMAT": "json", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["one", "two"]


def test_gunicorn_reads_its_form_where_it_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from gunicorn.glogging import CONFIG_DEFAULTS

    monkeypatch.setenv("PLACET_LOG_FORMAT", "json")
    read: dict[str, Any] = {}
    exec((ROOT / "gunicorn.conf.py").read_text(), read)  # noqa: S102 (as gunicorn does)
    handlers = {"error_console": CONFIG_DEFAULTS["handlers"]["error_console"]}
    loggers = {"gunicorn.error": CONFIG_DEFAULTS["loggers"]["gunicorn.error"]}
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            **read["logconfig_dict"],
            "handlers": handlers,
            "loggers": loggers,
        }
    )
    try:
        logging.getLogger("gunicorn.error").info("Listening at: %s", "http://0.0.0.0:8000")
    finally:
        logging.getLogger("gunicorn.error").handlers.clear()
    assert json.loads(capsys.readouterr().err)["message"] == "Listening at: http://0.0.0.0:8000"
