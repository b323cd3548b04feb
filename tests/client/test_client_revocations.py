"""A revocation list is believed only if it is signed, whole, young enough and no older than one seen before."""

import base64
import copy
import json
from datetime import UTC, datetime, timedelta

import pytest

from placet.permits import sign
from placet.revocations import InvalidList, ListFault, Withdrawn, build_statement, verify_list
from placet.trust import parse_trust

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
REVOKED = Withdrawn("sha256:" + "a" * 64, "revoked", True, "2026-11-26T11:00:00.000000Z", 7)
SUSPENDED = Withdrawn("sha256:" + "b" * 64, "suspended", False, "2026-11-26T11:00:00.000000Z", 8)


def a_statement(*entries, number=1, issued_at=NOW, **changes):
    fields = {
        "origin": "bank.example/audit/1",
        "size": 42,
        "root": b"\1" * 32,
        "number": number,
        "issued_at": issued_at,
        "next_update": issued_at + timedelta(hours=1),
        "entries": entries,
    }
    return build_statement(**(fields | changes))


@pytest.fixture
def keys(log):
    return parse_trust(log.policy)


def test_a_list_says_what_was_signed_by_digest(log, keys):
    found = verify_list(sign(a_statement(SUSPENDED, REVOKED, number=9), log.permit_key), keys, now=NOW)
    assert (found.number, found.origin, found.size, found.next_update - found.issued_at) == (
        9,
        "bank.example/audit/1",
        42,
        timedelta(hours=1),
    )
    assert found.entries == {REVOKED.permit: REVOKED, SUSPENDED.permit: SUSPENDED}
    assert list(found.entries) == sorted(found.entries)


def test_a_list_by_another_key_changed_or_of_another_kind_is_refused(log, keys):
    def fault(envelope):
        with pytest.raises(InvalidList) as refused:
            verify_list(envelope, keys, now=NOW)
        return refused.value.fault

    genuine = sign(a_statement(REVOKED), log.permit_key)
    assert fault(sign(a_statement(REVOKED), log.key)) == ListFault.WRONG_KEY
    changed = copy.deepcopy(genuine)
    content = base64.b64decode(changed["payload"]).replace(b'"revoked"', b'"removed"')
    changed["payload"] = base64.b64encode(content).decode()
    assert fault(changed) == ListFault.BAD_SIGNATURE
    other = a_statement(REVOKED) | {"predicateType": "urn:placet:permit:v1"}
    assert fault(sign(other, log.permit_key)) == ListFault.MALFORMED
    twice = a_statement(REVOKED)
    twice["predicate"]["entries"] *= 2
    assert fault(sign(twice, log.permit_key)) == ListFault.MALFORMED
    for broken in ({}, {"payload": 3}, genuine | {"signatures": []}, genuine | {"payloadType": "text/plain"}):
        assert fault(broken) == ListFault.MALFORMED
    assert json.loads(json.dumps(genuine)) == genuine
    verify_list(genuine, keys, now=NOW)


def test_a_list_is_too_old_rolled_back_or_of_the_future(log, keys):
    envelope = sign(a_statement(number=5), log.permit_key)
    day = timedelta(hours=24)
    verify_list(envelope, keys, now=NOW + day, max_age=day, at_least=5)
    for options, fault in [
        ({"now": NOW + day + timedelta(seconds=1), "max_age": day}, ListFault.TOO_OLD),
        ({"now": NOW, "at_least": 6}, ListFault.ROLLED_BACK),
        ({"now": NOW - timedelta(minutes=6)}, ListFault.NOT_YET_VALID),
    ]:
        with pytest.raises(InvalidList) as refused:
            verify_list(envelope, keys, **options)
        assert refused.value.fault == fault


def test_what_is_not_plainly_allowed_refuses(log, keys):
    statement = a_statement(SUSPENDED)
    statement["predicate"]["entries"][0]["refuse_new_loads"] = "no"
    found = verify_list(sign(statement, log.permit_key), keys, now=NOW)
    assert found.entries[SUSPENDED.permit].refuse_new_loads


def test_a_list_names_each_permit_once_by_a_digest_and_its_times_have_zones():
    with pytest.raises(ValueError, match="each permit once"):
        a_statement(REVOKED, REVOKED)
    with pytest.raises(ValueError, match="not a digest"):
        a_statement(Withdrawn("x", "revoked", True, "", 1))
    with pytest.raises(ValueError, match="time zone"):
        a_statement(issued_at=NOW.replace(tzinfo=None))
