"""Permits: any change, another key, another time or another subject is refused by its own reason."""

import base64
import copy
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.notes import encode_vkey
from placet.permits import InvalidPermit, Reason, build_statement, envelope_digest, key_digest, pae, sign, verify
from placet.trust import InvalidTrust, format_trust, load_trust, parse_trust

KEY = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
VKEY = encode_vkey("bank.example/audit/1/permit", KEY.public_key())
NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)


def a_statement(**fields):
    return build_statement(
        **(
            {
                "kind": "serve",
                "workspace": "default",
                "model": "credit-risk",
                "version": "2",
                "artifact_digest": "sha256:" + "a" * 64,
                "created_at_ms": 1763920800123,
                "source": "models:/m-1",
                "storage_location": "mlflow-artifacts:/0/models/m-1/artifacts",
                "alias": "champion",
                "use_restrictions": ["no use for pre-approved limits"],
                "policy": {"name": "credit-high-risk", "version": "3", "digest": "sha256:" + "b" * 64},
                "evidence_manifest": "sha256:" + "c" * 64,
                "approval": "7c2f3c1e-0000-4000-8000-000000000000",
                "log": {"origin": "bank.example/audit/1", "index": 41, "size": 42},
                "issued_at": NOW,
                "expires_at": NOW + timedelta(days=180),
            }
            | fields
        )
    )


def reason_of(envelope, keys=(VKEY,), now=NOW, **expected):
    with pytest.raises(InvalidPermit) as refused:
        verify(envelope, list(keys), now=now, **expected)
    assert str(refused.value)
    return refused.value.reason


def test_a_permit_for_use_without_placet_says_from_which_version_and_by_whom():
    plain = verify(sign(a_statement(), KEY), [VKEY], now=NOW)
    assert (plain.replaces, plain.holders) == (None, ())
    assert not {"replaces", "holders"} & set(plain.statement["predicate"])
    replaces = {"version": "3", "created_at_ms": 1763920900123}
    statement = a_statement(kind="rollback", replaces=replaces, holders=["ada", "grace"])
    permit = verify(sign(statement, KEY), [VKEY], now=NOW)
    assert (permit.replaces, permit.holders) == (replaces, ("ada", "grace"))


BAD_USES = [
    {"replaces": {}},
    {"replaces": {"version": "3"}},
    {"replaces": {"version": 3, "created_at_ms": 1}},
    {"replaces": {"version": "", "created_at_ms": 1}},
    {"replaces": {"version": "3", "created_at_ms": "1"}},
    {"replaces": {"version": "3", "created_at_ms": True}},
    {"replaces": {"version": "3", "created_at_ms": 1, "alias": "x"}},
    {"replaces": "3"},
    {"holders": "ada"},
    {"holders": [""]},
    {"holders": [" "]},
    {"holders": [None]},
]


@pytest.mark.parametrize("bad", BAD_USES, ids=str)
def test_a_use_without_placet_that_is_not_clear_is_neither_stated_nor_accepted(bad):
    statement = a_statement(kind="rollback")
    statement["predicate"] |= bad
    assert reason_of(sign(statement, KEY)) == Reason.MALFORMED
    if bad != {"holders": "ada"}:  # text is a sequence of texts
        with pytest.raises(ValueError, match=r"permit|version"):
            a_statement(**bad)


def test_an_envelope_has_one_name_however_its_keys_are_ordered():
    envelope = sign(a_statement(), KEY)
    assert envelope_digest(dict(reversed(envelope.items()))) == envelope_digest(envelope)
    assert envelope_digest(envelope | {"payload": "x"}) != envelope_digest(envelope)


def test_a_permit_says_what_was_signed():
    permit = verify(sign(a_statement(), KEY), [VKEY], now=NOW, model="credit-risk", version="2", alias="champion")
    assert (permit.kind, permit.artifact_digest) == ("serve", "sha256:" + "a" * 64)
    assert permit.use_restrictions == ("no use for pre-approved limits",)
    assert permit.key_digest == key_digest(KEY.public_key())
    assert permit.statement["subject"][0] == {"name": "credit-risk/2", "digest": {"sha256": "a" * 64}}
    assert permit.expires_at == NOW + timedelta(days=180)


def test_the_envelope_is_dsse_and_deterministic():
    envelope = sign(a_statement(), KEY)
    assert envelope == sign(a_statement(), KEY)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(envelope["payload"])
    KEY.public_key().verify(base64.b64decode(envelope["signatures"][0]["sig"]), pae(envelope["payloadType"], payload))
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@pytest.mark.parametrize(
    "expected",
    [
        {"model": "other"},
        {"version": "3"},
        {"alias": "canary"},
        {"kind": "stop"},
        {"workspace": "team-b"},
        {"created_at_ms": 5},
        {"storage_location": "s3://elsewhere"},
        {"artifact_digest": "sha256:" + "f" * 64},
    ],
)
def test_a_permit_for_something_else_is_the_wrong_subject(expected):
    assert reason_of(sign(a_statement(), KEY), **expected) == Reason.WRONG_SUBJECT


def test_time_decides():
    envelope = sign(a_statement(), KEY)
    assert reason_of(envelope, now=NOW + timedelta(days=180)) == Reason.EXPIRED
    assert verify(envelope, [VKEY], now=NOW + timedelta(days=180, microseconds=-1))
    assert reason_of(envelope, now=NOW - timedelta(minutes=6)) == Reason.NOT_YET_VALID
    assert verify(envelope, [VKEY], now=NOW - timedelta(minutes=4))


def test_another_key_is_refused_also_when_it_takes_the_trusted_keys_name():
    stranger = Ed25519PrivateKey.from_private_bytes(b"\x03" * 32)
    envelope = sign(a_statement(), stranger)
    assert reason_of(envelope) == Reason.WRONG_KEY
    envelope["signatures"][0]["keyid"] = key_digest(KEY.public_key())
    assert reason_of(envelope) == Reason.BAD_SIGNATURE
    assert reason_of(sign(a_statement(), KEY), keys=()) == Reason.WRONG_KEY


def test_a_log_key_does_not_sign_permits():
    trust = parse_trust(f"log {VKEY}\n")
    with pytest.raises(InvalidPermit) as refused:
        verify(sign(a_statement(), KEY), trust, now=NOW)
    assert refused.value.reason == Reason.WRONG_KEY
    assert verify(sign(a_statement(), KEY), parse_trust(f"permit {VKEY}\n"), now=NOW)


def test_during_rotation_either_key_is_accepted():
    new = Ed25519PrivateKey.from_private_bytes(b"\x04" * 32)
    keys = [VKEY, encode_vkey("bank.example/audit/1/permit", new.public_key())]
    assert verify(sign(a_statement(), KEY), keys, now=NOW)
    assert verify(sign(a_statement(), new), keys, now=NOW)


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(deadline=None, max_examples=300)
def test_any_flipped_bit_of_the_payload_or_signature_is_refused(at, bit):
    envelope = sign(a_statement(), KEY)
    payload, signature = (
        bytearray(base64.b64decode(t)) for t in (envelope["payload"], envelope["signatures"][0]["sig"])
    )
    target = payload if at < 9_000 else signature
    target[at % len(target)] ^= 1 << bit
    envelope["payload"], envelope["signatures"][0]["sig"] = (base64.b64encode(t).decode() for t in (payload, signature))
    assert reason_of(envelope) == Reason.BAD_SIGNATURE


def spoilt(**changes):
    envelope = sign(a_statement(), KEY)
    envelope.update(changes)
    return envelope


@pytest.mark.parametrize(
    "envelope",
    [
        {},
        {"payload": 5},
        spoilt(signatures=[]),
        spoilt(signatures=[{}]),
        spoilt(signatures=None),
        spoilt(payload="not base64!"),
        spoilt(payloadType="text/plain"),
        spoilt(signatures=[{"keyid": "x", "sig": "AA=="}] * 17),
    ],
)
def test_what_is_no_envelope_is_malformed(envelope):
    assert reason_of(envelope) == Reason.MALFORMED


def test_a_signed_statement_that_is_no_permit_is_malformed():
    genuine = a_statement()
    for change in (
        {"predicateType": "https://slsa.dev/provenance/v1"},
        {"_type": "x"},
        {"subject": []},
        {"subject": [{"name": "credit-risk/3", "digest": {"sha256": "a" * 64}}]},
        {"subject": [{"name": "credit-risk/2", "digest": {"sha256": "zz"}}]},
        {"predicate": {k: v for k, v in genuine["predicate"].items() if k != "alias"}},
        {"predicate": genuine["predicate"] | {"kind": "other"}},
        {"predicate": genuine["predicate"] | {"expires_at": "tomorrow"}},
    ):
        assert reason_of(sign(genuine | change, KEY)) == Reason.MALFORMED


def test_the_decision_threshold_is_part_of_what_is_signed():
    assert verify(sign(a_statement(), KEY), [VKEY], now=NOW).decision_threshold is None
    genuine = a_statement(decision_threshold="0.3")
    assert verify(sign(genuine, KEY), [VKEY], now=NOW).decision_threshold == 0.3
    for wrong in ("0", "1", "-0.3", "0.3 ", "3/10", 3, ["0.3"]):
        forged = genuine | {"predicate": genuine["predicate"] | {"decision_threshold": wrong}}
        assert reason_of(sign(forged, KEY)) == Reason.MALFORMED


def test_a_statement_with_bad_fields_is_not_built():
    for change in (
        {"kind": "x"},
        {"artifact_digest": "md5:1"},
        {"evidence_manifest": "x"},
        {"issued_at": NOW.replace(tzinfo=None)},
        {"decision_threshold": "1.2"},
        {"decision_threshold": "nan"},
        {"decision_threshold": "\u0660.\u0663"},
    ):
        with pytest.raises(ValueError, match=r"permit|digest|threshold"):
            a_statement(**change)
    with pytest.raises(ValueError, match="2\\^53"):
        sign(a_statement(created_at_ms=2**53), KEY)


def test_the_envelope_survives_json():
    envelope = json.loads(json.dumps(sign(a_statement(), KEY)))
    assert verify(copy.deepcopy(envelope), [VKEY], now=NOW).version == "2"


def test_a_trust_file_is_read_from_a_path_or_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "policy.txt"
    path.write_text(f"permit {VKEY}\n")
    trust = load_trust(path)
    assert format_trust(trust) == path.read_text()
    monkeypatch.setenv("PLACET_TRUST_FILE", str(path))
    assert load_trust() == trust
    monkeypatch.setenv("PLACET_TRUST_FILE", str(tmp_path / "none.txt"))
    with pytest.raises(InvalidTrust, match="cannot be read"):
        load_trust()
    monkeypatch.delenv("PLACET_TRUST_FILE")
    with pytest.raises(InvalidTrust, match="PLACET_TRUST_FILE"):
        load_trust()
