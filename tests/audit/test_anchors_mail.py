"""The daily e-mail: bytes that can be checked, words that say how, and a mail server that hangs."""

import threading
import time
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from governance.audit.anchors.configuration import sinks_from
from governance.audit.anchors.mail import Mail
from governance.audit.errors import AnchorUnavailable
from placet.verify import parse_checkpoint
from tests.audit.anchoring import LOG_VKEY, ORIGIN, published

CHECKPOINT = published(7)


def sent() -> EmailMessage:
    (message,) = mail.outbox
    return message


def test_the_mail_names_the_log_and_carries_the_exact_bytes() -> None:
    (sink,) = sinks_from(["mailto:auditor@bank.example?every=1d"])
    anchored = sink.publish(CHECKPOINT)
    assert (sent().subject, sent().to) == (f"Checkpoint of {ORIGIN}: 7 entries", ["auditor@bank.example"])
    # What arrives, after encoding and decoding, is what the verifier takes.
    _, attachment = sent().message().get_payload()
    assert attachment.get_filename() == "log.example_audit.00000000000000000007.note"
    content = attachment.get_payload(decode=True)
    assert content == CHECKPOINT.note
    assert parse_checkpoint(content, [LOG_VKEY]).size == 7
    assert CHECKPOINT.digest in anchored.reference
    assert sent().message()["Message-ID"] in anchored.reference
    assert "auditor@" not in anchored.reference  # an anchor is never erased, an address must be


def test_the_text_says_what_it_is_and_how_to_check_it() -> None:
    Mail("auditor@bank.example").publish(CHECKPOINT)
    text = sent().body
    for line in CHECKPOINT.note.decode().splitlines():
        assert f"    {line}\n" in text
    assert f"the log {ORIGIN} still begins with the 7 entries" in text
    assert (
        "placet verify audit.zip --policy policy.txt --checkpoint log.example_audit.00000000000000000007.note" in text
    )
    assert CHECKPOINT.digest in text
    assert "stays away for more than 2 days" in text
    assert max(map(len, text.splitlines())) <= 140


def test_a_mail_server_that_refuses_is_a_failure_without_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(message: EmailMessage) -> int:
        raise ConnectionRefusedError("no mail for auditor@bank.example")

    monkeypatch.setattr(EmailMessage, "send", refuse)
    with pytest.raises(AnchorUnavailable, match=r"ConnectionRefusedError: no mail for the address\. Check PLACET"):
        Mail("auditor@bank.example").publish(CHECKPOINT)
    monkeypatch.setattr(EmailMessage, "send", lambda message: 0)
    with pytest.raises(AnchorUnavailable, match="took no message"):
        Mail("auditor@bank.example").publish(CHECKPOINT)


def test_a_mail_server_that_never_ends_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(EmailMessage, "send", lambda message: let_go.wait(15))
    began = time.monotonic()
    with pytest.raises(AnchorUnavailable, match=r"did not take it within 0\.1 s"):
        Mail("auditor@bank.example", deadline=timedelta(seconds=0.1)).publish(CHECKPOINT)
    let_go.set()
    assert time.monotonic() - began < 10
