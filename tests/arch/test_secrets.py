"""Secrets come from the environment or from files, have no default, and stand on no page."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured

from governance.config import environment as env
from governance.config.settings import NO_SECRET_KEY
from tests.arch.tree import ROOT

SOUNDS_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|EMAIL_URL|DATABASE_\w*URL|^DATABASE_URL|REDIS_URL|ANCHORS")
NONE = {
    "PLACET_LOG_KEY_FILE": "paths of files",
    "PLACET_PERMIT_KEY_FILE": "a path of a file",
    "PLACET_MODEL_SIGNING_KEY_FILE": "a path of a file",
    "PLACET_DOCUMENT_KEY": "a path of a file, or the name of a key in a token",
}
MARK = "marked-as-secret"
SECRETS = {
    "PLACET_SECRET_KEY": f"{MARK}-{'x' * 60}",
    "DATABASE_URL": f"postgresql://placet_app:{MARK}@127.0.0.1:1/none",
    "DATABASE_OWNER_URL": f"postgresql://placet_owner:{MARK}@127.0.0.1:1/none",
    "REDIS_URL": f"redis://:{MARK}@127.0.0.1:1/0",
    "MLFLOW_TRACKING_PASSWORD": MARK,
    "PLACET_MLFLOW_WEBHOOK_SECRET": MARK,
    "PLACET_MLFLOW_WORD_KEY": MARK.encode().hex(),
    "PLACET_GATE_TOKEN": MARK,
    "PLACET_METRICS_TOKEN": MARK,
    "PLACET_EMAIL_URL": f"smtps://placet:{MARK}@mail.example",
    "PLACET_NOTICE_KEY": MARK,
    "PLACET_RECORDS_KEY": MARK,
    "PLACET_OIDC_CLIENT_SECRET": MARK,
    "PLACET_ANCHORS": f"https://placet:{MARK}@witness.example/ folder:",
}
PROGRAM = """
import io, json, sys
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.http import HttpRequest
from django.views.debug import ExceptionReporter

held = [
    settings.SECRET_KEY, settings.DATABASES["default"]["PASSWORD"], settings.DATABASES["default"]["OWNER_PASSWORD"],
    settings.CACHES["default"]["LOCATION"], settings.CELERY_BROKER_URL, settings.MLFLOW_PASSWORD,
    settings.WEBHOOK_SECRET, settings.MLFLOW_WORD_KEY.decode(), settings.GATE_TOKEN, settings.EMAIL_HOST_PASSWORD,
    settings.METRICS_TOKEN,
    settings.NOTICE_KEY, settings.RECORDS_KEY, settings.OIDC.client_secret, " ".join(settings.ANCHORS),
]
said = io.StringIO()
try:
    call_command("check", deploy=True, stdout=said, stderr=said)
except SystemCheckError as error:
    said.write(str(error))

def fault():
    try:
        raise RuntimeError("a fault")
    except RuntimeError:
        return sys.exc_info()

request = HttpRequest()
request.META = {"SERVER_NAME": "x", "SERVER_PORT": "1", "REDIS_URL": held[3], "PLACET_NOTICE_KEY": settings.NOTICE_KEY}
page = ExceptionReporter(request, *fault())
pages = page.get_traceback_html() + page.get_traceback_text()
print(json.dumps({"held": held, "said": said.getvalue(), "pages": pages}))
"""


def reads() -> list[tuple[str, str, ast.expr | None]]:
    """Return function, variable and default of each call that reads the environment in the settings."""
    trees = [ast.parse((ROOT / f"governance/config/{name}.py").read_text()) for name in ("settings", "sign_in", "oidc")]
    return [
        (node.func.attr, node.args[0].value, node.args[1] if len(node.args) > 1 else None)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ]


def test_what_sounds_like_a_secret_can_be_a_file():
    assert len(reads()) > 60
    secrets = {name for _, name, _ in reads() if SOUNDS_SECRET.search(name)} - NONE.keys()
    assert {name for how, name, _ in reads() if how == "text" and name in secrets} == set()
    assert secrets <= SECRETS.keys(), "add it to SECRETS, so that it is seen to stand on no page"


def test_no_secret_has_a_default():
    from governance.config import settings

    for how, name, given in reads():
        if how != "secret" or given is None:
            continue
        default = given.value if isinstance(given, ast.Constant) else getattr(settings, given.id)  # type: ignore[attr-defined]
        assert default in {"", NO_SECRET_KEY} or (urlsplit(default).scheme and not urlsplit(default).password), name


def test_a_secret_is_the_variable_or_the_file_and_never_both(tmp_path, monkeypatch):
    (tmp_path / "key").write_text(" a secret\n")
    monkeypatch.setenv("PLACET_X", "another")
    assert env.secret("PLACET_X", "") == "another"
    monkeypatch.setenv("PLACET_X_FILE", str(tmp_path / "key"))
    with pytest.raises(ImproperlyConfigured, match="PLACET_X and PLACET_X_FILE are both set"):
        env.secret("PLACET_X", "")
    monkeypatch.setenv("PLACET_X", "")
    assert env.secret("PLACET_X", "") == "a secret"
    monkeypatch.setenv("PLACET_X_FILE", str(tmp_path / "none"))
    with pytest.raises(ImproperlyConfigured, match=r"PLACET_X_FILE: .*none can't be read"):
        env.secret("PLACET_X", "")


def test_every_secret_comes_from_its_file_and_stands_on_no_page_about_a_fault_nor_in_a_check(tmp_path):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "client", "PLACET_DEBUG": "1"}
    environment |= {"DJANGO_SETTINGS_MODULE": "governance.config.settings", "PLACET_OIDC_ISSUER": "https://id.example"}
    environment |= {"PLACET_OIDC_CLIENT_ID": "placet", "PLACET_BASE_URL": "https://placet.example"}
    environment |= {"PLACET_SOURCE_RECORDS": f"postgresql://reader:{MARK}@db.example/records"}
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(f"{secret}\n")
        environment[f"{name}_FILE"] = str(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert [MARK in value for value in told["held"]] == [True] * len(told["held"])
    assert "a fault" in told["pages"]
    assert "PLACET_NOTICE_KEY" in told["pages"]
    for shown in (told["pages"], told["said"], done.stderr):
        assert MARK not in shown
        assert MARK.encode().hex() not in shown


def test_there_is_no_django_admin(settings):
    """ADR 17: no second way to the rows, not even one that only reads."""
    from django.urls import NoReverseMatch, reverse

    assert "django.contrib.admin" not in settings.INSTALLED_APPS
    with pytest.raises(NoReverseMatch):
        reverse("admin:index")
