"""Django's own check of production settings finds nothing."""

import os
import secrets
import subprocess
import sys

from tests.arch.tree import ROOT

PRODUCTION = {
    "PLACET_BASE_URL": "https://placet.example",
    "PLACET_ALLOWED_HOSTS": "placet.example",
    "PLACET_DEBUG": "0",
}


def check(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py check --deploy`` with these settings."""
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    environment = {**os.environ, **PRODUCTION, "PLACET_SECRET_KEY": secrets.token_urlsafe(64), **variables}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_production_settings_are_clean():
    done = check()
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_plain_http_address_outside_localhost_is_not():
    done = check(PLACET_BASE_URL="http://placet.example")
    assert done.returncode != 0
    assert "SECURE_SSL_REDIRECT" in done.stderr
