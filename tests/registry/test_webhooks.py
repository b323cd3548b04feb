"""Webhooks are hints: verified, taken once, and no more than a wake-up. A real MLflow server sends them, too."""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
import uuid
from datetime import timedelta
from hashlib import sha256

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from governance.accounts.roles import Role
from governance.approvals.models import Finding
from governance.common import clock
from governance.config.celery import app
from registry import mlflow, reconcile, webhooks
from registry.models import WebhookDelivery
from tests.factories import a_user
from tests.stock_mlflow import a_database, serving

PATH = "/api/v1/gate/webhooks"
SECRET = "a secret of both sides"
BODY = json.dumps({"entity": "model_version_alias", "action": "created", "data": {"name": "m"}}).encode()


@pytest.fixture
def send(client, settings, db):
    """Post a webhook as MLflow signs it; ``wrong`` headers take the place of right ones."""
    settings.WEBHOOK_SECRET = SECRET

    def post(body=BODY, *, secret=SECRET, at=None, delivery=None, **wrong):
        delivery, sent = delivery or str(uuid.uuid4()), str(int((at or clock.now()).timestamp()))
        made = hmac.new(secret.encode(), f"{delivery}.{sent}.".encode() + body, sha256).digest()
        headers = {
            "X-MLflow-Signature": f"v1,{base64.b64encode(made).decode()}",
            "X-MLflow-Delivery-Id": delivery,
            "X-MLflow-Timestamp": sent,
        } | wrong
        return client.post(PATH, body, content_type="application/json", headers=headers).status_code

    return post


def waiting():
    """How many watches over the aliases the broker holds."""
    with app.connection_for_read() as connection:
        messages = connection.default_channel.client.lrange("default", 0, -1)
    return sum(b"registry.tasks.watch_aliases" in message for message in messages)


def test_a_signed_webhook_wakes_the_watch_once(send, django_capture_on_commit_callbacks):
    before = waiting()
    with django_capture_on_commit_callbacks(execute=True):
        assert send(delivery="one") == 202
    assert waiting() > before
    with django_capture_on_commit_callbacks(execute=True) as again:
        assert send(delivery="one") == 202
        assert send(delivery="two") == 202  # another, but within two seconds
    assert again == []
    assert set(WebhookDelivery.objects.values_list("pk", "event")) == {
        ("one", "model_version_alias.created"),
        ("two", "model_version_alias.created"),
    }


def test_a_delivery_counts_once_without_the_cache_too(send, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    assert send(delivery="one") == 202
    assert send(delivery="one") == 202
    assert WebhookDelivery.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "another"},
        {"X-MLflow-Signature": ""},
        {"X-MLflow-Signature": "v2,AAAA"},
        {"X-MLflow-Signature": "v1,not base64"},
        {"X-MLflow-Delivery-Id": ""},
        {"X-MLflow-Timestamp": "0"},
        {"X-MLflow-Timestamp": "soon"},
        {"body": b"{}"},
        {"body": b"not json"},
        {"body": b'{"entity": "x", "action": "y", "more": "' + b"x" * 65_536 + b'"}'},
    ],
)
def test_what_mlflow_did_not_sign_so_is_refused(send, wrong):
    assert send(**wrong) == 401
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-299, 202), (299, 202), (302, 401)])
def test_the_window_is_five_minutes_to_both_sides(send, seconds, status):
    now = clock.now()
    with clock.frozen(now):
        assert send(at=now + timedelta(seconds=seconds)) == status


def test_without_a_secret_every_webhook_is_refused(send, settings):
    settings.WEBHOOK_SECRET = ""
    assert send(secret="") == 401


# --- a real MLflow server ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stock():
    """A stock MLflow server whose webhooks may go to this machine."""
    sends = {
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    with a_database(os.environ["PLACET_BOOTSTRAP_URL"]) as database, serving(database, env=sends) as server:
        yield server


@pytest.mark.slow
def test_mlflow_itself_sends_and_a_disabled_webhook_is_a_finding(stock, live_server, settings):
    a_user(Role.ADMINISTRATOR)
    settings.MLFLOW_TRACKING_URI, settings.MLFLOW_USERNAME = stock.url, ""
    settings.WEBHOOK_SECRET, settings.WEBHOOK_URL = SECRET, f"{live_server.url}{PATH}"
    with pytest.raises(CommandError, match="it is gone"):
        call_command("mlflow_webhook", "--check")
    call_command("mlflow_webhook")
    call_command("mlflow_webhook")  # mends what is there, and makes no second one
    call_command("mlflow_webhook", "--check")
    with mlflow.Client() as client:
        assert len(list(client.webhooks())) == 1
        client._change("POST", "registered-models/create", {"name": "credit-risk"})
        ends = time.monotonic() + 30
        while not WebhookDelivery.objects.exists() and time.monotonic() < ends:
            time.sleep(0.1)
        assert WebhookDelivery.objects.get().event == "registered_model.created"
        reconcile.run_pass("new-versions", reconcile.mirror_registry)
        assert not Finding.objects.exists()
        row = next(client.webhooks())
        client.change_webhook(row["webhook_id"], {"status": "DISABLED"})
        reconcile.run_pass("new-versions", reconcile.mirror_registry)
        finding = Finding.objects.get()
        assert (finding.code, "it is disabled" in finding.title) == ("webhook-disabled", True)
        webhooks.install(client, url=settings.WEBHOOK_URL)
        assert webhooks.complaint(client, url=settings.WEBHOOK_URL) == ""
        assert webhooks.complaint(client, url="https://elsewhere") == "it leads elsewhere"
