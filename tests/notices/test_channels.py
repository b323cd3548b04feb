"""Where messages may go: which addresses are taken, what is shown of them, and what the sender's process refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from django.conf import settings as django_settings

from governance.notices import sealing
from governance.notices.channels.addresses import checked, scrubbed, shown
from governance.notices.errors import AddressRefused, ChannelsUnavailable

SCHEMES = ["slack", "json", "jsons", "dbus"]


def sent(url: str, *allowed: str) -> str:
    """Send by the real sender, in its own process; return why it could not."""
    done = subprocess.run(
        [sys.executable, "-m", "governance.notices.channels.sender"],
        input=json.dumps({"url": url, "title": "t", "body": "b", "allowed": allowed}),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=django_settings.BASE_DIR,
        env={"PATH": os.environ["PATH"]},
        check=False,
    )
    return json.loads(done.stdout)["error"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hello",
        "slack://",
        "jsons://hooks.bank.example/a b",
        "https://hooks.bank.example/x",
        "mailtos://user:password@bank.example",
        "dbus://session",
        "file:///etc/passwd",
        "json://localhost/x",
        "json://LOCALHOST./x",
        "json://127.0.0.1/x",
        "json://[::1]/x",
        "json://10.1.2.3:8000/x",
        "json://169.254.169.254/latest/meta-data",
        "json://valkey:6379/x",
        "json://db.internal/x",
        "json://hooks.bank.example:99999/x",
        "jsons://hooks.bank.example/" + "x" * 500,
    ],
)
def test_what_is_no_address_of_this_deployment_is_refused_before_it_is_kept(address):
    with pytest.raises(AddressRefused):
        checked(address, schemes=SCHEMES, hosts=[])


def test_public_servers_are_taken_and_private_ones_that_are_allowed_by_name():
    for address in ("slack://T1/B2/c3", "jsons://hooks.bank.example/x", "json://8.8.8.8/x"):
        assert checked(f" {address} ", schemes=SCHEMES, hosts=[]) == address
    assert checked("json://chat.internal:8065/x", schemes=SCHEMES, hosts=["chat.internal:8065"])


def test_nothing_secret_is_shown_of_an_address_nor_left_in_an_error():
    assert shown("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ") == "slack://…"
    assert shown("jsons://user:password@hooks.bank.example/token?key=abcd") == "jsons://hooks.bank.example/…"
    address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?key=p%40ss1"
    error = "Failed for T1JJ3T3L2 at https://hooks.slack.com/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ with p@ss1: error=403"
    assert scrubbed(error, address) == "Failed for … at https://hooks.slack.com/…/… with …: error=403"


def test_an_address_is_sealed_under_the_deployments_key_alone(settings):
    settings.NOTICE_KEY = "one"
    address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    sealed = sealing.seal(address)
    assert "T1JJ3T3L2" not in sealed
    assert sealing.unseal(sealed) == address
    settings.NOTICE_KEY = "another"
    with pytest.raises(ChannelsUnavailable, match="another key"):
        sealing.unseal(sealed)
    settings.NOTICE_KEY = ""
    with pytest.raises(ChannelsUnavailable, match="PLACET_NOTICE_KEY"):
        sealing.seal("slack://T1/B2/c3")


def test_the_sender_reaches_an_allowed_server_and_no_other_of_this_machine(hook):
    url = f"json://localhost:{hook.port}/x"
    assert sent(url, f"localhost:{hook.port}") == ""
    assert len(hook.taken) == 1
    for allowed in ((), ("localhost:1",), ("10.0.0.1:80",)):
        assert sent(url, *allowed).startswith("Refused: the address is not on the public internet")
    assert len(hook.taken) == 1


def test_the_sender_follows_no_redirect_and_would_not_reach_a_private_server_by_one(hook):
    """The address is a person's text: a server that they name must not lead to one of ours."""
    reached = []

    class Inner(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reached.append(self.path)
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

    inner = HTTPServer(("127.0.0.1", 0), Inner)
    Thread(target=inner.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    hook.status, hook.location = 302, f"http://127.0.0.1:{inner.server_address[1]}/inner"
    allowed = f"127.0.0.1:{hook.port}"
    assert sent(f"json://127.0.0.1:{hook.port}/x", allowed)
    assert sent(f"json://127.0.0.1:{hook.port}/x?redirect=yes", allowed).startswith("Refused: ")
    inner.shutdown()
    inner.server_close()
    assert reached == []


@pytest.mark.parametrize(
    ("act", "why"),
    [
        ("import subprocess; subprocess.run(['true'])", "start a program"),
        ("import os; os.system('true')", "start a program"),
        ("import socket; socket.socket(socket.AF_UNIX).connect('/tmp/x')", "a socket of this machine"),
        ("import socket; socket.create_connection(('10.0.0.1', 80), 1)", "public internet"),
        ("import socket; socket.create_connection(('169.254.169.254', 80), 1)", "public internet"),
        ("import socket; socket.socket(socket.AF_INET6).connect(('::ffff:10.0.0.1', 80))", "public internet"),
        ("import socket; socket.socket(socket.AF_INET6).connect(('64:ff9b::a00:1', 80))", "public internet"),
        ("import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('10.0.0.1', 514))", "public internet"),
    ],
)
def test_the_senders_hook_cannot_be_swallowed_by_a_plugin(act, why):
    program = (
        "from governance.notices.channels.sender import guard; guard([])\n"
        f"try:\n    {act}\nexcept Exception:\n    print('swallowed')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=django_settings.BASE_DIR, capture_output=True, text=True)
    assert done.returncode == 1
    assert "swallowed" not in done.stdout
    assert why in done.stderr


def test_the_web_process_does_not_import_apprise():
    program = "import governance.notices.preferences"
    code = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE']='governance.config.settings'; django.setup()\n"
        f"{program}\nimport governance.config.urls\nprint('apprise' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=django_settings.BASE_DIR, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
