"""The write-once folder, and the URLs that name sinks."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from governance.audit.anchors.configuration import sinks_from
from governance.audit.anchors.folder import Folder
from governance.audit.anchors.sinks import place
from governance.audit.errors import AnchorUnavailable, LogInconsistent
from governance.config.environment import mail_server, urls
from placet.cosignatures import Cosigner
from tests.audit.anchoring import LEAVES, LOG_KEY, LOG_VKEY, published

WITNESS = Cosigner("witness.example/w1", LOG_KEY.public_key().public_bytes_raw())


def test_a_checkpoint_becomes_a_read_only_file_named_by_size(tmp_path: Path) -> None:
    anchored = Folder(tmp_path).publish(published(7))
    path = tmp_path / "log.example_audit.00000000000000000007.note"
    assert path.read_bytes() == published(7).note
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert (anchored.reference, anchored.proof) == (f"{path.name} {published(7).digest}", None)


def test_the_same_checkpoint_again_is_fine_another_one_is_an_alarm(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.publish(published(7))
    folder.publish(published(7))
    with pytest.raises(LogInconsistent, match="holds another checkpoint"):
        folder.publish(published(7, leaves=LEAVES[::-1]))
    assert (tmp_path / published(7).file_name).read_bytes() == published(7).note


def test_a_file_that_a_crash_cut_short_is_completed(tmp_path: Path) -> None:
    path = tmp_path / published(7).file_name
    path.write_bytes(published(7).note[:20])
    Folder(tmp_path).publish(published(7))
    assert path.read_bytes() == published(7).note


def test_a_folder_that_is_gone_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AnchorUnavailable, match=r"can't be written: No such file or directory\. Mount it"):
        Folder(tmp_path / "gone").publish(published(7))


def test_each_kind_of_url_makes_its_sink(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ANCHOR_DIR = str(tmp_path / "default")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    sinks = sinks_from(
        [
            "folder:",
            f"folder:{tmp_path}/a%20b?every=30s",
            "s3://bucket/log?region=eu-central-1&every=5m",
            "gs://bucket/log",
            "tsa+https://user:secret@tsa.example/tsr?every=6h",
            "mailto:auditor@bank.example",
            f"witness+https://w.example/?key={WITNESS.vkey}",
        ]
    )
    domain = sinks[5].name
    assert {sink.name: sink.every for sink in sinks} == {
        "folder": timedelta(seconds=5),
        f"folder:{tmp_path}/a b": timedelta(seconds=30),
        "s3://bucket/log": timedelta(minutes=5),
        "gs://bucket/log": timedelta(minutes=1),
        "tsa+https://tsa.example/tsr": timedelta(hours=6),
        domain: timedelta(days=1),
        "witness+https://w.example/": timedelta(minutes=1),
    }
    assert (tmp_path / "default").is_dir()
    assert "auditor" not in domain  # an address is personal, and anchors are never erased
    assert "secret" not in repr(sinks)
    assert [place(sink.name) for sink in sinks] == [
        "write-once folder",
        f"write-once folder {tmp_path}/a b",
        "object store s3://bucket/log",
        "object store gs://bucket/log",
        "time-stamp authority tsa.example/tsr",
        "mailbox at bank.example",
        "witness w.example/",
    ]


@pytest.mark.parametrize(
    ("url", "what_to_write"),
    [
        ("", "begins with one of folder:, s3:"),
        ("/var/anchors", "begins with one of folder:"),
        ("https://tsa.example", "begins with one of folder:"),
        ("http://[", "begins with one of folder:"),
        ("folder:relative", "folder:/absolute/path"),
        ("folder://host/path", "folder:/absolute/path"),
        ("folder:/proc/none/such", "can't be made"),
        ("folder:?every=soon", "every=6h"),
        ("folder:?every=0s", "every=6h"),
        ("folder:?each=5s", "no option 'each'; write every"),
        ("folder:?every", "?name=value"),
        ("s3:///log", "s3://bucket/prefix"),
        ("s3://bucket/log?credentials=/none/such", "credentials=FILE"),
        ("az://container/log?every=1m", "Account must be specified"),
        ("tsa+https:///tsr", "tsa+https://host/path"),
        ("tsa+https://tsa.example:port/tsr", "tsa+https://host/path"),
        ("tsa+https://tsa.example?ca=/none/such.pem", "?ca=FILE"),
        ("mailto:auditor", "mailto:name@example.org"),
        ("mailto:a@b.example,c@d.example", "one address in each URL"),
        ("witness+https://w.example", "?key="),
        (f"witness+https://w.example?key={LOG_VKEY}", "?key="),
    ],
)
def test_a_url_that_is_wrong_says_in_one_sentence_what_to_write(url: str, what_to_write: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        sinks_from([url])
    assert what_to_write in str(caught.value)
    assert str(caught.value).startswith(f"PLACET_ANCHORS, {url}: ")
    assert "\n" not in str(caught.value)


def test_a_url_that_is_wrong_does_not_show_its_password() -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        sinks_from(["tsa+https://user:secret@tsa.example?ca=/none/such.pem"])
    assert "secret" not in str(caught.value)


def test_a_sink_is_listed_once() -> None:
    with pytest.raises(ImproperlyConfigured, match="listed twice"):
        sinks_from(["mailto:a@b.example", "mailto:A@b.example?every=2d"])


def test_mail_without_a_mail_server_is_refused_at_the_start(settings: Settings) -> None:
    settings.EMAIL_BACKEND = mail_server("").backend
    with pytest.raises(ImproperlyConfigured, match="PLACET_EMAIL_URL"):
        sinks_from(["mailto:auditor@bank.example"])


def test_the_list_is_separated_by_blanks_or_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, wanted in (("a: b:,c:\n d:", ["a:", "b:", "c:", "d:"]), ("", ["x:"]), (" , ", ["x:"])):
        monkeypatch.setenv("PLACET_ANCHORS", text)
        assert urls("PLACET_ANCHORS", "x:") == wanted
    monkeypatch.delenv("PLACET_ANCHORS")
    assert urls("PLACET_ANCHORS", "x:") == ["x:"]


def test_a_mail_server_is_one_url() -> None:
    made = mail_server("smtp://placet:p%40ss@mail.example?from=log@bank.example")
    assert (made.host, made.port, made.user, made.password) == ("mail.example", 587, "placet", "p@ss")
    assert (made.starttls, made.ssl, made.sender) == (True, False, "log@bank.example")
    made = mail_server("smtps://mail.example")
    assert (made.port, made.starttls, made.ssl, made.sender) == (465, False, True, "placet@mail.example")
    made = mail_server("smtp://localhost:25?tls=off")
    assert (made.port, made.starttls, made.ssl) == (25, False, False)
    assert mail_server("").backend.endswith("dummy.EmailBackend")
    for wrong in ("mail.example", "https://mail.example", "smtp://", "smtp://h:p", "smtp://h?tls=no", "smtp://h?x=1"):
        with pytest.raises(ImproperlyConfigured, match="PLACET_EMAIL_URL: write smtps://"):
            mail_server(wrong)
