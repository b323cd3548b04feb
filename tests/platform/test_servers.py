"""The embedded PostgreSQL and Valkey: closed to strangers, unprivileged, restarted when they die."""

import os
import signal
import time
from pathlib import Path

import psycopg
import pytest
import redis

from governance.common.embedded import Stack
from governance.common.embedded.ports import LOOPBACK
from governance.common.embedded.postgres import create_database
from governance.common.embedded.secrets import PASSWORDS
from governance.common.embedded.state import read


def superuser_url(stack: Stack) -> str:
    return stack.env("bootstrap")["PLACET_BOOTSTRAP_URL"]


def test_the_superuser_signs_in_over_tcp_with_the_generated_password(running: Stack) -> None:
    with psycopg.connect(superuser_url(running)) as connection:
        row = connection.execute("SELECT current_user, current_setting('server_encoding'), now()").fetchone()
    assert row is not None
    assert row[:2] == ("postgres", "UTF8")


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_wrong_or_missing_password_is_refused(running: Stack, password: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(
            host=LOOPBACK,
            port=running.addresses.ports["postgres"],
            user="postgres",
            dbname="postgres",
            password=password,
        )


def test_no_connection_is_trusted_and_every_password_is_kept_as_scram(running: Stack) -> None:
    with psycopg.connect(superuser_url(running)) as connection:
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        stored = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'").fetchone()
        sockets = connection.execute("SHOW unix_socket_directories").fetchone()
        listening = connection.execute("SHOW listen_addresses").fetchone()
    assert methods == [("scram-sha-256",)]
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$")
    assert sockets == ("",)
    assert listening == (LOOPBACK,)


def test_valkey_answers_its_password_and_nobody_without(running: Stack) -> None:
    url = running.env("worker")["REDIS_URL"]
    with redis.Redis.from_url(url) as client:
        assert client.ping()
    with (
        redis.Redis(host=LOOPBACK, port=running.addresses.ports["valkey"]) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()


def test_valkey_writes_nothing_to_disk(running: Stack) -> None:
    with redis.Redis.from_url(running.env("worker")["REDIS_URL"]) as client:
        client.set("key", "value")
        assert client.config_get("save") == {"save": ""}
        assert client.config_get("appendonly") == {"appendonly": "no"}
    assert list((running.layout.var / "valkey").iterdir()) == []


def test_the_servers_run_as_nobody_when_root_starts_them(running: Stack) -> None:
    expected = 65534 if os.geteuid() == 0 else os.geteuid()
    for name in ("postgres", "valkey"):
        status = Path(f"/proc/{running.supervisor.pid(name)}/status").read_text()
        assert f"Uid:\t{expected}\t{expected}\t{expected}\t{expected}" in status
        assert f"\nGroups:\t{' ' if expected == 65534 else ''}" in status


def test_no_password_is_on_a_command_line_of_the_stack(running: Stack) -> None:
    state = read(running.layout)
    assert state is not None
    lines = [Path(f"/proc/{identity.pid}/cmdline").read_bytes() for identity in state.processes.values()]
    assert len(lines) >= 2
    secret_values = [(running.layout.secrets / name).read_text().strip().encode() for name in PASSWORDS]
    assert [value for value in secret_values for line in lines if value in line] == []


def test_a_database_belongs_to_its_role_and_nobody_else_may_connect(running: Stack) -> None:
    for _ in range(2):  # a second start finds everything there
        create_database(superuser_url(running), role="tenant", password="secret", databases=("tenant", "tenant_auth"))
    create_database(superuser_url(running), role="neighbour", password="secret", databases=("neighbour",))
    port = running.addresses.ports["postgres"]
    with psycopg.connect(
        host=LOOPBACK, port=port, user="tenant", password="secret", dbname="tenant_auth"
    ) as connection:
        connection.execute("CREATE TABLE own (id int)")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(host=LOOPBACK, port=port, user="neighbour", password="secret", dbname="tenant")


def test_a_killed_server_comes_back_with_its_data(running: Stack) -> None:
    with psycopg.connect(superuser_url(running)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    before = running.supervisor.pid("postgres")
    running.kill("postgres", signal.SIGKILL)
    deadline = time.monotonic() + 15
    while True:
        try:
            with psycopg.connect(superuser_url(running), connect_timeout=2) as connection:
                assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL was not started again"
            time.sleep(0.1)
    assert running.supervisor.pid("postgres") not in (None, before)
