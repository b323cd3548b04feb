"""The plugin's word that it is at work: counted, answered with what is protected, and missed when it does not come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.accounts.roles import Role
from governance.approvals.models import Finding
from governance.common import clock
from registry import reconcile
from registry.models import WatchSpan
from tests.factories import a_user

PATH = "/api/v1/gate/check-ins"
SAID = {
    "server": "a1b2c3",
    "plugin_version": "0.1.0",
    "mlflow_version": "3.17.2",
    "store": "postgresql",
    "workspaces": False,
    "started_at": "2026-11-26T10:00:00Z",
    "configuration": 0,
    "freeze": True,
    "identity": "basic-auth",
}


@pytest.fixture
def check_in(client, settings, db):
    settings.GATE_TOKEN = "gate-token"
    return lambda token="gate-token", **more: client.post(
        PATH, SAID | more, content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )


def test_a_check_in_is_a_beat_and_says_what_is_protected(check_in, settings):
    settings.PROTECTED_ALIASES = ("champion", "prod-*")
    answer = check_in()
    assert answer.status_code == 200
    assert answer.json() == {
        "configuration": {"number": 0, "protected_aliases": ["champion", "prod-*"]},
        "notices": ["run.create"],
        "withdrawn_permits": [],
        "every_s": 15,
    }
    check_in()
    span = WatchSpan.objects.select_related("pulse").get()
    assert (span.source, span.pulse.beats, span.details["identity"]) == ("plugin:a1b2c3", 2, "basic-auth")


def test_only_the_gates_token_checks_in(check_in):
    assert check_in(token="another").status_code == 401
    assert not WatchSpan.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{"server": "two words"}, {"store": "<script>"}, {"workspaces": None}, {"server": ""}]
)
def test_what_is_no_word_does_not_come_into_the_log(check_in, wrong):
    assert check_in(**wrong).status_code == 422
    assert not WatchSpan.objects.exists()


def look(at):
    with clock.frozen(at):
        reconcile.run_pass("aliases", reconcile.watch_aliases)
    return list(Finding.objects.values_list("code", flat=True))


def test_a_plugin_that_falls_silent_is_a_finding_once(check_in, cast, tracking):
    a_user(Role.ADMINISTRATOR)
    now = clock.now()
    for after in (0, 30, 60, 90):
        with clock.frozen(now + timedelta(seconds=after)):
            check_in()
        assert look(now + timedelta(seconds=after)) == []
    assert look(now + timedelta(seconds=120)) == []
    assert look(now + timedelta(seconds=151)) == ["plugin-absent"]
    assert look(now + timedelta(seconds=181)) == ["plugin-absent"]
    with clock.frozen(now + timedelta(seconds=190)):
        check_in()
    assert look(now + timedelta(seconds=200)) == ["plugin-absent"]


def test_a_placet_that_was_down_itself_misses_nobody_at_once(check_in, cast, tracking):
    a_user(Role.ADMINISTRATOR)
    now = clock.now()
    with clock.frozen(now):
        check_in()
    assert look(now + timedelta(hours=3)) == []
    assert look(now + timedelta(hours=3, seconds=40)) == []
    assert look(now + timedelta(hours=3, seconds=75)) == ["plugin-absent"]


def test_where_no_plugin_was_ever_seen_none_is_missed(cast, tracking):
    now = clock.now()
    for after in (0, 30, 60, 90):
        assert look(now + timedelta(seconds=after)) == []
