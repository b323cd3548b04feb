"""The retraining hook: what is sent, who may be called, and that no call is lost or told twice as taken."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from django.core.management import CommandError, call_command

from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from monitoring import services
from monitoring.models import Alert, RetrainCall
from monitoring.retraining import event
from monitoring.retraining import services as retraining
from tests.factories import a_user
from tests.monitoring.monitor_world import START, a_frame, lines_of, measure, send

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
WEEK = timedelta(days=7)


class Receiver:
    """A server that keeps what it is sent, and answers as told."""

    def __init__(self):
        self.got, self.answers = [], []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({key.lower(): value for key, value in self.headers.items()}, body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 202)
                self.send_header("location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def receiver(settings):
    made = Receiver()
    settings.HOOK_HOSTS = [made.host]
    settings.NOTICE_KEY = "a key of fifty characters or more, only for the tests"
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def administrator(db):
    return a_user("administrator")


@pytest.fixture
def hook(world, receiver, administrator):
    return retraining.set_hook(model=world.model, url=f"http://{receiver.host}/train", secret=SECRET, by=administrator)


def called():
    """What the log has of calls."""
    return [entry for entry in map(log.as_entry, log.entries()) if entry.event == "retrain.called"]


def drifted(monitor, world):
    send(monitor, world, lines_of(a_frame(500, seed=9, shift=1.2), start=START))
    return measure(monitor, start=START, end=START + WEEK).alert


def test_a_breach_calls_the_hook_with_a_signed_event_that_cites_the_alert(monitor, world, hook, receiver):
    alert = drifted(monitor, world)
    assert receiver.got == [], "nothing is sent before the window is committed"
    assert retraining.deliver_due() == 1
    ((headers, body),) = receiver.got
    said = json.loads(body)
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert (said["specversion"], said["type"], said["subject"]) == ("1.0", event.TYPE, "credit-risk/2")
    assert said["data"]["alert"] == f"AL-{alert.number}"
    assert said["data"]["columns"] == ["months", "prediction"]
    assert said["data"]["evidence"]["payload_digest"] == alert.run.evidence.payload_digest
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(bytes(range(32)), signed, sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == said["id"]
    assert retraining.deliver_due() == 0
    call = RetrainCall.objects.get()
    assert (call.state, call.attempts, call.alert) == ("taken", 1, alert)
    (entry,) = called()
    assert (entry.parsed["data"]["state"], entry.parsed["data"]["event"]) == (
        "taken",
        f"sha256:{sha256(body).hexdigest()}",
    )
    assert receiver.host not in json.dumps(entry.parsed), "where it goes is the deployment's business"


def test_an_answer_that_is_none_is_tried_again_with_the_same_id_and_given_up_in_the_end(monitor, world, hook, receiver):
    receiver.answers = [500, 302, 202]
    drifted(monitor, world)
    now = clock.now()
    assert retraining.deliver_due() == 0
    assert retraining.deliver_due() == 0, "it waits before it tries again"
    with clock.frozen(now + timedelta(minutes=2)):
        assert retraining.deliver_due() == 0
    assert RetrainCall.objects.get().error == "It answered 302, a redirect; name the address itself."
    with clock.frozen(now + timedelta(minutes=10)):
        assert retraining.deliver_due() == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({body for _, body in receiver.got}) == 1
    Alert.objects.get()
    RetrainCall.objects.update(state="waiting", attempts=5, next_at=now)
    receiver.answers = [500]
    assert retraining.deliver_due() == 0
    assert RetrainCall.objects.get().state == "given_up"


def test_a_lost_worker_costs_a_lease_and_a_late_answer_changes_nothing(monitor, world, hook, receiver):
    drifted(monitor, world)
    claim = retraining._claim()
    assert retraining.deliver_due() == 0, "somebody has it"
    with clock.frozen(clock.now() + retraining.LEASE + timedelta(seconds=1)):
        assert retraining.deliver_due() == 1
    assert retraining._deliver(claim) is False
    assert RetrainCall.objects.get().state == "taken"
    assert len(called()) == 1


def test_no_private_address_is_called_that_is_not_allowed(monitor, world, hook, receiver, settings):
    drifted(monitor, world)
    settings.HOOK_HOSTS = []
    assert retraining.deliver_due() == 0
    assert receiver.got == []
    assert "not on the public internet" in RetrainCall.objects.get().error


@pytest.mark.parametrize(
    ("url", "secret", "says"),
    [
        ("http://pipeline.bank.example/train", SECRET, "https address"),
        ("https://user:word@pipeline.bank.example/train", SECRET, "without a name and a password"),
        ("https:///train", SECRET, "with a host"),
        ("https://pipeline.bank.example/train", "secret", "whsec_"),
        ("https://pipeline.bank.example/train", "whsec_c2hvcnQ=", "24 bytes"),
    ],
)
def test_an_address_or_a_secret_that_can_not_be_used_is_refused(world, receiver, administrator, url, secret, says):
    with pytest.raises(InvalidInput, match=says):
        retraining.set_hook(model=world.model, url=url, secret=secret, by=administrator)
    assert retraining.hook_for(world.model) is None


def test_only_an_administrator_sets_a_hook_and_a_new_one_ends_the_old(world, receiver, administrator, hook, tmp_path):
    with pytest.raises(Forbidden):
        retraining.set_hook(model=world.model, url=f"http://{receiver.host}/x", secret=SECRET, by=world.owner)
    file = tmp_path / "secret"
    file.write_text(SECRET)
    arguments = ["credit-risk", "--url", f"http://{receiver.host}/new", "--secret-file", str(file)]
    call_command("retrain_hook", *arguments, "--by", administrator.email)
    now = retraining.hook_for(world.model)
    assert now != hook
    assert SECRET not in now.sealed
    assert "/new" not in now.shown
    with pytest.raises(CommandError, match="together"):
        call_command("retrain_hook", *arguments[:3], "--by", administrator.email)
    call_command("retrain_hook", "credit-risk", "--by", administrator.email)
    assert retraining.hook_for(world.model) is None


def test_without_a_hook_or_where_the_policy_does_not_say_so_nobody_is_called(monitor, world, receiver):
    assert services.watch_live() == []
    drifted(monitor, world)
    assert not RetrainCall.objects.exists()
