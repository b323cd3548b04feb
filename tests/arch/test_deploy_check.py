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
    "PLACET_SECOND_FACTOR": "everyone",
}


def check(**variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py check --deploy`` with these settings."""
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    environment = {**os.environ, **PRODUCTION, "PLACET_SECRET_KEY": secrets.token_urlsafe(64), **variables}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_production_settings_are_clean():
    done = check()
    assert done.returncode == 0, done.stdout + done.stderr


def settings_of(code: str, **variables: str) -> str:
    """What an expression over the settings is in a process of its own."""
    command = [sys.executable, "-c", f"from governance.config import settings as s; print({code})"]
    environment = {**os.environ, **PRODUCTION, **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_https_binds_this_host_for_a_year_and_no_other_unless_asked():
    hsts = "s.SECURE_HSTS_SECONDS, s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.SECURE_HSTS_PRELOAD"
    assert settings_of(hsts) == "31536000 False False"
    cookies = "[(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE), (s.CSRF_COOKIE_NAME, s.CSRF_COOKIE_SECURE)]"
    assert settings_of(cookies) == "[('__Host-sessionid', True), ('__Host-csrftoken', True)]"
    asked = {"PLACET_HSTS_SECONDS": "60", "PLACET_HSTS_SUBDOMAINS": "on", "PLACET_HSTS_PRELOAD": "on"}
    assert settings_of(hsts, **asked) == "60 True True"
    assert "PLACET_HSTS_SECONDS" in settings_of(hsts, PLACET_HSTS_SECONDS="a year")
    assert check(**asked).returncode == 0


def test_a_password_that_is_enough_to_decide_is_warned_of():
    done = check(PLACET_SECOND_FACTOR="off")
    assert done.returncode != 0
    assert "accounts.W001" in done.stderr
    assert "deciders, everyone" in check(PLACET_SECOND_FACTOR="some").stderr


def test_no_middleware_is_listed_twice():
    assert settings_of("len(s.MIDDLEWARE) == len(set(s.MIDDLEWARE))") == "True"


def test_a_plain_http_address_outside_localhost_is_not():
    done = check(PLACET_BASE_URL="http://placet.example")
    assert done.returncode != 0
    assert "SECURE_SSL_REDIRECT" in done.stderr
