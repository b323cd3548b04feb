"""The log's name and keys: on record from the first start, and every change of them too."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command

from governance.audit import health, selectors
from governance.audit.errors import LogInconsistent
from governance.audit.models import Origin
from placet.trust import parse_trust
from placet.verify import open_note, parse_checkpoint
from tests.audit.entries import append

pytestmark = pytest.mark.django_db(transaction=True)


def events() -> list[tuple[str, str]]:
    return [(e.event, e.parsed["data"]["vkey"]) for e in map(selectors.as_entry, selectors.entries().order_by("seq"))]


def test_the_first_start_puts_name_and_key_on_record_once(notary):
    notary.open()
    notary.round()
    notary.open()
    assert [row.origin for row in Origin.objects.all()] == [notary.origin]
    assert events() == [("key.added", notary.vkey)]
    assert health.keys() == [notary.vkey]


def test_another_name_is_refused_and_named(notary):
    notary.open()
    with pytest.raises(LogInconsistent, match=f"keeps the log {notary.origin}, and PLACET_LOG_ORIGIN says other"):
        dataclasses.replace(notary, origin="other").open()


def test_entries_written_before_the_first_start_name_the_log_too(notary):
    append()
    with pytest.raises(LogInconsistent, match="keeps the log"):
        dataclasses.replace(notary, origin="other").open()
    notary.open()


def test_an_entry_for_another_log_is_refused_by_the_database(notary, settings):
    notary.open()
    settings.LOG_ORIGIN = "other"
    with pytest.raises(Exception, match=f"this database keeps the log {notary.origin}, not other"):
        append()


def test_one_key_takes_over_from_another_without_a_gap(notary):
    notary.open()
    notary.round()
    both = dataclasses.replace(notary, more_log_keys=[Ed25519PrivateKey.generate()])
    both.open()
    both.round()
    old, new = both.vkeys
    note = bytes(selectors.newest_checkpoint().note)
    assert parse_checkpoint(note, [old]) == parse_checkpoint(note, [new])
    assert len(open_note(note, [old, new])[0].splitlines()) == 3
    alone = dataclasses.replace(notary, log_key=both.more_log_keys[0])
    alone.open()
    alone.round()
    assert parse_checkpoint(bytes(selectors.newest_checkpoint().note), [new]).size == 3
    assert events() == [("key.added", old), ("key.added", new), ("key.retired", old)]
    assert health.keys() == [new]
    (alone.state_dir / next(alone.state_dir.iterdir()).name).unlink()
    assert alone.high_water()[0] == 3  # read from the copies outside, the oldest signed by the retired key


def test_the_command_makes_a_key_once_and_shows_its_public_half(tmp_path, capsys):
    file = tmp_path / "log.pem"
    call_command("log_key", str(file), "--origin", "bank.example/audit/1")
    first = capsys.readouterr().out
    call_command("log_key", str(file), "--origin", "bank.example/audit/1")
    assert capsys.readouterr().out == first
    assert file.stat().st_mode & 0o777 == 0o600
    assert parse_trust(first).logs[0].startswith("bank.example/audit/1+")
