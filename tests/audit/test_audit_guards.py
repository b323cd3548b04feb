"""Processes refuse to start when they could alter the log, and say each hour whether they could."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.db import connection

from governance.audit import guards, selectors
from governance.audit.errors import Unguarded
from governance.audit.tasks import check_guards
from governance.common.postgres.base import as_owner
from tests.arch.tree import ROOT
from tests.roles import as_role

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("role", ["app", "notary", "privacy"])
def test_each_role_may_do_what_it_is_for_and_nothing_else(role):
    with as_role(role):
        assert guards.problems(role) == []


def test_one_role_in_place_of_another_is_noticed():
    with as_role("notary"):
        found = guards.problems("app")
    assert "This process's database role may DELETE audit_pending." in found
    assert "This process's database role may INSERT audit_leaf." in found
    with as_role("privacy"):
        assert guards.problems("app") == ["This process's database role may DELETE audit_payload."]


def test_the_owner_is_noticed():
    with as_owner(connection):
        found = guards.problems("app")
        assert any("owns tables" in problem for problem in found)
        with pytest.raises(Unguarded, match=r"owns tables.* Start with the URL of placet_app"):
            guards.refuse_if_unguarded("app")


@pytest.mark.parametrize(
    ("off", "on", "says"),
    [
        (
            "ALTER TABLE audit_entry DISABLE TRIGGER audit_deny_row",
            "ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_deny_row",
            "Table audit_entry lacks its guards audit_deny_row",
        ),
        (
            "ALTER TABLE accounts_grant ENABLE TRIGGER audit_entry_required",  # on, but not for a replication session
            "ALTER TABLE accounts_grant ENABLE ALWAYS TRIGGER audit_entry_required",
            "Table accounts_grant lacks its guards audit_entry_required",
        ),
        (
            "ALTER TABLE approvals_decision DISABLE TRIGGER audit_immutable",
            "ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER audit_immutable",
            "Table approvals_decision lacks its guards audit_immutable",
        ),
        (
            "GRANT UPDATE (note) ON audit_checkpoint TO placet_app",
            "REVOKE UPDATE (note) ON audit_checkpoint FROM placet_app",
            "This process's database role may UPDATE audit_checkpoint.",
        ),
        (
            "GRANT TRUNCATE ON audit_leaf TO placet_app",
            "REVOKE TRUNCATE ON audit_leaf FROM placet_app",
            "This process's database role may TRUNCATE audit_leaf.",
        ),
    ],
)
def test_a_guard_that_is_off_and_a_right_too_many_are_named_and_put_into_the_log(off, on, says):
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute(off)
    try:
        found = guards.problems()
        assert check_guards() == 1
        (entry,) = [row for row in map(selectors.as_entry, selectors.entries()) if row.event == "log.guards_checked"]
    finally:
        with as_owner(connection), connection.cursor() as cursor:
            cursor.execute(on)
    assert len(found) == 1
    assert says in found[0]
    assert entry.parsed["data"] == {"problems": found}
    assert guards.problems() == []


START = {
    "web": ["-c", "import governance.config.wsgi"],
    "worker": ["-m", "celery", "-A", "governance.config.celery", "worker", "-c", "1"],
    "beat": ["-m", "celery", "-A", "governance.config.celery", "beat", "--pidfile", ""],
}


@pytest.mark.parametrize("process", START)
def test_a_process_that_could_alter_the_log_does_not_start(process):
    owner = urlsplit(os.environ["DATABASE_OWNER_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    env = {
        **os.environ,
        "DATABASE_URL": owner.geturl(),
        "PLACET_SECRET_KEY": "a" * 64,
        "PYTHONPATH": str(ROOT / "client"),
    }
    done = subprocess.run(
        [sys.executable, *START[process]], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "owns tables" in done.stdout + done.stderr
