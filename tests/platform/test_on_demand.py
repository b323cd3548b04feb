"""``ensure_servers``: one cluster for several test processes, gone when the last of them is gone."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.common.embedded import ensure_servers, release
from governance.common.embedded.environment import DATABASE_ROLES
from governance.common.embedded.layout import REPOSITORY

USER = """
import os, sys, time
from governance.common.embedded import ensure_servers
env = ensure_servers(sys.argv[1])
print(env["PLACET_BOOTSTRAP_URL"], env["REDIS_URL"], flush=True)
time.sleep(60)
"""


def a_user(var: Path) -> subprocess.Popen[str]:
    env = {"PATH": os.environ["PATH"], "HOME": "/tmp", "PYTHONPATH": str(REPOSITORY)}  # noqa: S108
    return subprocess.Popen([sys.executable, "-c", USER, str(var)], env=env, stdout=subprocess.PIPE, text=True)


def wait_until_gone(find: Callable[[Path], list[str]], var: Path) -> None:
    deadline = time.monotonic() + 15
    while find(var):
        assert time.monotonic() < deadline, find(var)
        time.sleep(0.1)


def test_starters_at_the_same_time_share_one_cluster_which_outlives_none_of_them(
    var: Path, processes_naming: Callable[[Path], list[str]]
) -> None:
    users = [a_user(var) for _ in range(3)]
    try:
        answers = [user.stdout.readline() for user in users if user.stdout is not None]
        assert answers[0].startswith("postgresql://postgres:")
        assert len(set(answers)) == 1
        clusters = [line for line in processes_naming(var) if "bin/postgres -D" in line]
        assert len(clusters) == 1
    finally:
        for user in users:
            user.kill()  # not a clean end: the kernel drops the lock all the same
            user.communicate()
    wait_until_gone(processes_naming, var)


def test_a_second_call_adopts_at_once_and_release_lets_go(
    var: Path, processes_naming: Callable[[Path], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Valkey alone: the rules are the same and a cluster takes longest to make.
    for name in DATABASE_ROLES:
        monkeypatch.setenv(name, "postgresql://own:own@db.example/placet")
    first = ensure_servers(var)
    started = time.monotonic()
    assert ensure_servers(var) == first
    assert time.monotonic() - started < 0.5
    assert first["DATABASE_URL"] == "postgresql://own:own@db.example/placet"
    release(var)
    wait_until_gone(processes_naming, var)
    again = ensure_servers(var)  # same passwords, same cluster, perhaps another port
    assert again["PLACET_SECRET_KEY"] == first["PLACET_SECRET_KEY"]
    release(var)
    wait_until_gone(processes_naming, var)
