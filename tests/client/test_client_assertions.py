"""Signatures of passkeys, checked offline: which are taken, which are refused, and what a bundle's reader is told."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import RS256

from placet.assertions import (
    InvalidAssertion,
    algorithm,
    challenge,
    decode64,
    encode64,
    judge,
    judge_bundle,
    public_key,
    verify_assertion,
)
from placet.canonical import canonical_json
from placet.verify import verify_bundle
from tests.authenticator import PRESENT, Authenticator

STATEMENT = b'{"verdict":"approve"}'
HOST = {"rp_id": "localhost", "origin": "http://localhost:8000"}


def check(mine: Authenticator, assertion: dict[str, str], statement: bytes = STATEMENT, **host: str) -> None:
    verify_assertion(statement, cose=mine.cose, assertion=assertion, **(HOST | host))


def test_a_passkeys_signature_over_the_statement_is_taken():
    mine = Authenticator()
    check(mine, mine.sign(challenge(STATEMENT)))


def flipped(text: str, at: int) -> str:
    raw = bytearray(decode64(text))
    raw[at] ^= 1
    return encode64(bytes(raw))


def test_what_does_not_fit_is_refused_and_said():
    mine, other = Authenticator(), Authenticator()
    good = mine.sign(challenge(STATEMENT))
    silent = Authenticator(key=mine.key, flags=PRESENT).sign(challenge(STATEMENT))
    elsewhere = Authenticator(key=mine.key, origin="https://evil.example").sign(challenge(STATEMENT))
    framed = json.loads(decode64(good["client_data"])) | {"crossOrigin": True}
    cases: list[tuple[dict[str, str], str]] = [
        (silent, "did not verify who was present"),
        (elsewhere, "another site"),
        (other.sign(challenge(STATEMENT)), "not the passkey's"),
        (good | {"signature": flipped(good["signature"], -1)}, "not the passkey's"),
        (good | {"authenticator_data": flipped(good["authenticator_data"], 36)}, "not the passkey's"),
        (good | {"authenticator_data": flipped(good["authenticator_data"], 0)}, "another host"),
        (silent | {"authenticator_data": good["authenticator_data"]}, "not the passkey's"),
        (good | {"client_data": flipped(good["client_data"], 0)}, "not JSON"),
        (good | {"client_data": encode64(json.dumps(framed).encode())}, "another site"),
        (good | {"client_data": encode64(b'{"type":"webauthn.create"}')}, "did not ask for an assertion"),
        (good | {"signature": good["signature"] + "="}, "not base64url"),
        ({}, "not base64url"),
    ]
    for assertion, says in cases:
        with pytest.raises(InvalidAssertion, match=says):
            check(mine, assertion)
    with pytest.raises(InvalidAssertion, match="another statement"):
        check(mine, good, b'{"verdict":"reject"}')
    with pytest.raises(InvalidAssertion, match="another host"):
        check(mine, good, rp_id="bank.example")


def test_base64url_has_one_spelling():
    assert decode64("AA") == b"\x00"
    for wrong in ("AB", "A", "AA==", "A+", "A A", None):
        with pytest.raises(InvalidAssertion):
            decode64(wrong)


def an_rsa_key(bits: int = 2048) -> tuple[rsa.RSAPrivateKey, bytes]:
    key = rsa.generate_private_key(65537, bits)
    return key, cbor.encode(dict(RS256.from_cryptography_key(key.public_key())))


def test_an_rsa_key_as_windows_hello_makes_it_signs_as_well():
    key, cose = an_rsa_key()
    mine = Authenticator()
    assertion = mine.sign(challenge(STATEMENT))
    data, client = decode64(assertion["authenticator_data"]), decode64(assertion["client_data"])
    signature = key.sign(data + hashlib.sha256(client).digest(), padding.PKCS1v15(), SHA256())
    signed = assertion | {"signature": encode64(signature)}
    assert (algorithm(cose), algorithm(mine.cose)) == ("RS256", "ES256")
    verify_assertion(STATEMENT, cose=cose, assertion=signed, **HOST)
    for wrong in (assertion, signed | {"signature": flipped(signed["signature"], 7)}):
        with pytest.raises(InvalidAssertion, match="not the passkey's"):
            verify_assertion(STATEMENT, cose=cose, assertion=wrong, **HOST)


def test_only_a_whole_key_of_a_known_kind_is_a_key():
    good = Authenticator().cose
    fields = dict(cbor.decode(good))
    _, small = an_rsa_key(1024)
    wrongs = [fields | {-3: b"\x01" * 32}, fields | {-1: 2}, fields | {3: -8}, fields | {-2: b""}, {1: 2}, {}]
    stretched = good.replace(b"\x58\x20", b"\x59\x00\x20", 1)  # a length in more bytes than it needs
    for wrong in (b"", good[:-1], good + b"\x00", small, stretched, *map(cbor.encode, wrongs)):
        with pytest.raises(InvalidAssertion):
            public_key(wrong)


class Story:
    """The entries of one passkey and one request, each changed at will before they are judged."""

    def __init__(self) -> None:
        self.key = Authenticator()
        self.name = encode64(self.key.credential_id)
        statement = {
            "request": "r1",
            "subject": {"name": "credit-risk/2", "digest": "sha256:00"},
            "stage": "risk",
            "verdict": "approve",
            "manifest": "sha256:01",
            "signer": "person:officer",
            "rationale": "sha256:02",
            "log": "bank.example/audit/1",
        }
        self.statement = statement
        self.entries: dict[str, dict[str, Any]] = {
            "enrolled": self.about_key("enrolled", "person:officer", public_key=encode64(self.key.cose), **HOST),
            "confirmed": self.about_key("confirmed", "person:admin"),
            "opened": self.entry(
                "approval.opened",
                "person:engineer",
                request="r1",
                stages=[{"name": "risk", "signature": "passkey"}, {"name": "validation", "signature": "password"}],
            ),
            "decided": self.entry("approval.decided", "person:officer"),
        }
        self.sign()

    @staticmethod
    def entry(event: str, actor: str, **data: Any) -> dict[str, Any]:
        return {"event": event, "actor": actor, "data": data, "payload": "sha256:02", "log": "bank.example/audit/1"}

    def about_key(self, what: str, actor: str, **data: Any) -> dict[str, Any]:
        return self.entry(f"passkey.{what}", actor, passkey=self.name, person="person:officer", **data)

    def sign(self, **changes: Any) -> None:
        """Sign the statement, with changes that the entry does not make."""
        text = canonical_json(self.statement | changes)
        said = {name: self.statement[name] for name in ("request", "subject", "stage", "verdict", "manifest")}
        signature = {"kind": "passkey", "passkey": self.name, **self.key.sign(challenge(text))}
        self.entries["decided"]["data"] = said | {"statement": text.decode(), "signature": signature}

    def judged(self, *order: str) -> list[str]:
        wanted = order or tuple(self.entries)
        return [sentence for _, sentence in judge(enumerate(copy.deepcopy(self.entries[name]) for name in wanted))]


def test_a_decision_by_a_confirmed_passkey_has_nothing_against_it():
    assert Story().judged() == []


def test_a_passkey_younger_than_the_request_is_reported():
    found = Story().judged("opened", "enrolled", "confirmed", "decided")
    assert found == ["Entry 3 is signed by a passkey that is younger than the request (confirmed by entry 2)."]
    found = Story().judged("enrolled", "opened", "confirmed", "decided")
    assert "younger than the request" in found[0]


def test_each_way_to_slip_a_decision_in_is_reported():
    story = Story()
    story.entries["ended"] = story.about_key("ended", "person:officer")
    assert story.judged("enrolled", "confirmed", "opened", "ended", "decided")[0].startswith(
        "Entry 4 is signed by a passkey that had ended"
    )
    assert story.judged("enrolled", "confirmed", "opened", "decided", "ended") == []
    assert "no second person confirmed" in story.judged("enrolled", "opened", "decided")[0]
    assert "does not know" in story.judged("opened", "decided")[0]
    story.entries["confirmed"]["actor"] = "person:officer"
    assert "confirms a passkey that its own holder" in story.judged()[0]
    story = Story()
    story.entries["enrolled"]["actor"] = "person:admin"
    assert "enrols a passkey for another person" in story.judged()[0]
    story = Story()
    story.entries["decided"]["actor"] = "person:somebody"
    assert "another person's passkey" in story.judged()[0]
    story = Story()
    story.entries["enrolled"]["data"]["origin"] = "https://evil.example"
    assert "for a host that its origin is not of" in story.judged()[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verdict", "reject"),
        ("stage", "validation"),
        ("manifest", "sha256:ff"),
        ("request", "r2"),
        ("change_class", "x"),
    ],
)
def test_an_entry_that_says_something_else_than_what_was_signed_is_reported(name, value):
    story = Story()
    story.sign(**{name: value})
    assert story.judged() == ["Entry 3 says something else than the statement that was signed."]


def test_a_reason_swapped_for_another_is_reported():
    story = Story()
    story.entries["decided"]["payload"] = "sha256:03"  # the commitment to other words
    assert story.judged() == ["Entry 3 says something else than the statement that was signed."]


def test_a_password_where_the_policy_wants_a_passkey_is_reported():
    story = Story()
    story.entries["decided"]["data"]["signature"] = {"kind": "re-authentication"}
    assert story.judged() == ["Entry 3 decides without the passkey that its stage asks for."]
    story.entries["decided"]["data"]["stage"] = "validation"
    assert story.judged() == []


def test_hostile_entries_are_findings_and_no_exception():
    story = Story()
    for name in story.entries:
        for data in ({}, {"signature": None}, {"request": [], "signature": {"kind": "passkey"}}, {"stages": [1]}):
            story = Story()
            story.entries[name]["data"] = data
            assert all(sentence.startswith("Entry ") for sentence in story.judged())


def test_a_bundles_report_says_it_and_exits_with_3(tmp_path, log):
    story = Story()
    for entry in story.entries.values():
        log.append(entry["event"], actor=entry["actor"], data=entry["data"])
    path = log.bundle(tmp_path / "b.zip")
    report = judge_bundle(path, verify_bundle(path, policy=log.policy))
    (found,) = report.findings  # the entry of this log has no payload, the statement has one
    assert (found.part, found.index, report.exit_code) == ("decisions", len(log.bodies) - 1, 3)
    assert "says something else" in found.message
    assert report.integrity == "holds"


def test_what_is_no_bundle_stays_as_the_verifier_found_it(tmp_path, log):
    path = tmp_path / "b.zip"
    path.write_bytes(b"no zip")
    report = verify_bundle(path, policy=log.policy)
    assert judge_bundle(path, report) == report
