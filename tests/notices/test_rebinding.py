"""A name that leads elsewhere the second time that it is looked up: what counts is the address that is connected to."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings as django_settings

PROGRAM = """
import json, socket, sys
answers = iter(json.loads(sys.argv[1]))

def changing(host, port, *args, **kwargs):
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), int(port)))]

socket.getaddrinfo = changing
from governance.notices.channels import sender
from monitoring.retraining import post
allowed, way, port = sender.resolved(json.loads(sys.argv[2])), sys.argv[3], sys.argv[4]
looked_up = socket.getaddrinfo("hooks.bank.example", port)[0][4][0]  # as whoever checks a name before would
sender.guard(allowed, setting="PLACET_HOOK_HOSTS")
if way == "hook":
    error = post.post(f"http://hooks.bank.example:{port}/x", {}, "{}")
else:
    error = sender.send(f"json://hooks.bank.example:{port}/x", "t", "b")
print(json.dumps([looked_up, error]))
"""


def outcome(way: str, port: int, answers: list[str], allowed: list[str]) -> list[str]:
    """Return what the first look-up said and why nothing was sent, of a process whose names change."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(answers), json.dumps(allowed), way, str(port)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=django_settings.BASE_DIR,
        env={"PATH": os.environ["PATH"]},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("way", ["hook", "notice"])
def test_a_name_that_was_public_a_moment_ago_leads_nowhere_inside(way, hook):
    looked_up, error = outcome(way, hook.port, ["8.8.8.8", "127.0.0.1", "127.0.0.1"], [])
    assert looked_up == "8.8.8.8"
    assert error.startswith("Refused: the address is not on the public internet")
    assert hook.taken == []


@pytest.mark.parametrize("way", ["hook", "notice"])
def test_an_allowed_name_that_changed_leads_nowhere_else_inside(way, hook):
    allowed = [f"hooks.bank.example:{hook.port}"]
    looked_up, error = outcome(way, hook.port, ["10.9.9.9", "10.9.9.9", "127.0.0.1", "127.0.0.1"], allowed)
    assert looked_up == "10.9.9.9"
    assert error.startswith("Refused: ")
    assert hook.taken == []


@pytest.mark.parametrize("way", ["hook", "notice"])
def test_an_allowed_name_that_stays_is_reached(way, hook):
    assert outcome(way, hook.port, ["127.0.0.1"] * 4, [f"hooks.bank.example:{hook.port}"]) == ["127.0.0.1", ""]
    assert len(hook.taken) == 1
