"""The notary's process with places outside, and the command that lists and exports them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django.fixtures import Settings

from governance.audit import selectors
from governance.audit.anchors.configuration import sinks_from
from governance.audit.anchors.publisher import Publisher
from governance.audit.anchors.witness import Witness
from governance.audit.errors import AnchorUnavailable
from governance.audit.models import Anchor
from governance.audit.notary import Notary
from placet.cosignatures import Cosigner, cosign, verify_cosignature
from placet.notes import encode_vkey
from placet.verify import parse_checkpoint
from tests.arch.tree import ROOT
from tests.audit.anchoring import FakeSink, http_server, trickling_server
from tests.audit.authority import Authority
from tests.audit.entries import append

pytestmark = pytest.mark.django_db(transaction=True)
LOG_KEY = Ed25519PrivateKey.generate()
LOG_VKEY = encode_vkey(configured.LOG_ORIGIN, LOG_KEY.public_key())


def environment(folder: Path, anchors: str) -> dict[str, str]:
    """Return what the notary's process is given, on the test database."""
    for name, key in (("log", LOG_KEY), ("permit", Ed25519PrivateKey.generate())):
        (folder / f"{name}.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    database = (
        urlsplit(os.environ["DATABASE_NOTARY_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    )
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT / "client"),
        "PLACET_DB_ROLE": "notary",
        "DATABASE_NOTARY_URL": database,
        "PLACET_LOG_KEY_FILE": str(folder / "log.pem"),
        "PLACET_PERMIT_KEY_FILE": str(folder / "permit.pem"),
        "PLACET_NOTARY_STATE_DIR": str(folder / "state"),
        "PLACET_ANCHOR_DIR": str(folder / "anchors"),
        "PLACET_ANCHORS": anchors,
    }


@contextmanager
def notary_process(folder: Path, anchors: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, ROOT / "manage.py", "notary", "--interval", "0.05", *arguments]
    process = subprocess.Popen(
        command, env=environment(folder, anchors), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=20)


def until(condition: Callable[[], bool], seconds: int = 60) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.05)


def test_once_publishes_to_every_place_before_it_ends(tmp_path: Path) -> None:
    append(3)
    with notary_process(tmp_path, f"folder: folder:{tmp_path}/second", "--once") as process:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    for folder in ("anchors", "second"):
        (path,) = (tmp_path / folder).iterdir()
        assert parse_checkpoint(path.read_bytes(), [LOG_VKEY]).size >= 3  # and what the notary writes itself
    assert {anchor.sink for anchor in Anchor.objects.all()} == {"folder", f"folder:{tmp_path}/second"}


@pytest.fixture
def _handlers() -> Iterator[None]:
    """Put the signal handlers back that the notary's command sets."""
    held = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in held.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("as_notary", "_handlers")
def test_once_waits_for_a_slow_place(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    environment(tmp_path, "")  # for its key files
    settings.LOG_KEY_FILES, settings.PERMIT_KEY_FILE = [str(tmp_path / "log.pem")], str(tmp_path / "permit.pem")
    settings.NOTARY_STATE_DIR, settings.ANCHOR_DIR = str(tmp_path / "state"), str(tmp_path / "anchors")
    slow = FakeSink()
    slow.may_go.clear()
    monkeypatch.setattr("governance.audit.notary.sinks_from", lambda urls: [slow])
    close, publishers = Publisher.close, []

    def remember(publisher: Publisher) -> None:  # the real one would wait a little by itself
        publishers.append(publisher)

    monkeypatch.setattr(Publisher, "close", remember)
    append()

    def let_go() -> None:
        slow.entered.wait(20)
        time.sleep(0.3)
        slow.may_go.set()

    helper = threading.Thread(target=let_go)
    helper.start()
    call_command("notary", once=True)
    assert Anchor.objects.get().sink == slow.name
    helper.join()
    assert close(publishers[0])


def test_a_place_that_hangs_holds_up_neither_the_log_nor_the_end_of_the_process(tmp_path: Path) -> None:
    append()
    with trickling_server(headers_too=True) as url, notary_process(tmp_path, f"tsa+{url},folder:") as process:
        until(lambda: selectors.newest_checkpoint() is not None)
        before = selectors.newest_checkpoint().size
        append(2)
        until(lambda: selectors.newest_checkpoint().size >= before + 2)
        until(lambda: Anchor.objects.filter(sink="folder").exists())
        assert not Anchor.objects.exclude(sink="folder").exists()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert "Traceback" not in err


def test_a_wrong_list_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    with notary_process(tmp_path, "ftp://auditor.example") as process:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert err.strip().splitlines()[-1].startswith("CommandError: PLACET_ANCHORS, ftp://auditor.example: write an")
        assert "Traceback" not in err


def anchors(*arguments: object) -> str:
    out = StringIO()
    call_command("anchors", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_the_list_says_what_is_where_and_what_fails_since_when(notary: Notary) -> None:
    with pytest.raises(CommandError, match="No such place"):
        anchors()
    broken = FakeSink(name="s3://broken", failure=AnchorUnavailable("s3://broken is down."))
    notary.publisher = Publisher([broken, FakeSink(name="s3://fine")], background=False)
    append(3)
    notary.round()
    text = anchors()
    assert "s3://broken: nothing yet\n  fails since 20" in text
    assert "1 attempts: s3://broken is down." in text
    assert "s3://fine: 3 entries, 0 s ago; s3://fine sha256:" in text
    assert "broken" not in anchors("--sink", "s3://fine")


def test_what_is_exported_is_what_a_stranger_checks(notary: Notary, tmp_path: Path) -> None:
    authority = Authority.made_in(tmp_path / "authority")
    out = tmp_path / "out"
    with authority.serving() as url:
        notary.publisher = Publisher(sinks_from([f"tsa+{url}/tsr?ca={authority.ca}"]), background=False)
        append(2)
        notary.round()
    text = anchors("--export", out)
    (note,), (token,) = out.glob("*.note"), out.glob("*.tst")
    assert str(note) in text
    assert str(token) in text
    assert parse_checkpoint(note.read_bytes(), [notary.vkey]).size == 2
    assert authority.verify(token.read_bytes(), note.read_bytes())


def test_a_cosignature_is_exported_under_its_note(notary: Notary, tmp_path: Path) -> None:
    cosigner = Cosigner("w.example/1", LOG_KEY.public_key().public_bytes_raw())

    def answer(body: bytes) -> tuple[int, bytes]:
        note = body.partition(b"\n\n")[2]
        return 200, cosign(note, name=cosigner.name, private_key=LOG_KEY, timestamp=1_700_000_000).encode()

    with http_server(answer) as url:
        notary.publisher = Publisher([Witness(f"witness+{url}", url, cosigner)], background=False)
        append(2)
        notary.round()
    anchors("--export", tmp_path / "out")
    (path,) = (tmp_path / "out").iterdir()
    assert parse_checkpoint(path.read_bytes(), [notary.vkey]).size == 2
    note = bytes(Anchor.objects.get().checkpoint.note)
    verify_cosignature(note, path.read_bytes().removeprefix(note).decode(), cosigner)
