"""Check what people signed with a passkey, from the log's entries alone: offline, with no account.

That is decisions, and the lifting of a suspension. A passkey signs the digest of a statement (a WebAuthn assertion
whose challenge is that digest). The log says which key is whose: one entry enrols it, another person's confirms it.

Sources: W3C Web Authentication Level 3 (7.2), RFC 9052 and 9053 (COSE keys), RFC 8949 (CBOR).
"""

import base64
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from placet.verify import TILE, Finding, Report, parse_entry

Entry = Mapping[str, Any]
DOMAIN = b"placet/decision/v1\x00"
PRESENT, VERIFIED, HEADER = 1, 4, 37  # flags of the authenticator data, and its length without extensions
MOST = 100  # findings that are listed
_MARKS = tuple(
    b'"event":"' + name for name in (b'approval.opened"', b'approval.decided"', b'approval.state_changed"', b"passkey.")
)
_SAID = {
    "approval.decided": ("request", "subject", "stage", "verdict", "manifest"),
    "approval.state_changed": ("request", "subject", "from", "to"),
}
"""What a signed statement and its entry both say, by the entry's event."""


class InvalidAssertion(ValueError):
    """A passkey did not sign this statement; the message says what does not fit."""


def challenge(statement: bytes) -> bytes:
    """Return the 32 bytes that a passkey is asked to sign for a statement."""
    return sha256(DOMAIN + statement).digest()


def encode64(data: bytes) -> str:
    """Encode base64url without padding, as WebAuthn does."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode64(text: object) -> bytes:
    """Decode base64url strictly: no padding, one spelling for each value.

    Raises:
        InvalidAssertion: it is spelled otherwise.
    """
    if not isinstance(text, str) or not re.fullmatch("[A-Za-z0-9_-]*", text):
        raise InvalidAssertion("a field is not base64url")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise InvalidAssertion("a field is not base64url") from None
    if encode64(raw) != text:
        raise InvalidAssertion("a field is not base64url in its one spelling")
    return raw


def public_key(cose: bytes) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    """Read a COSE key: ES256 on P-256, or RS256 of 2,048 to 4,096 bits (as Windows Hello makes them).

    Raises:
        InvalidAssertion: it is another kind of key, no valid one, or not CBOR in the form that keys have.
    """
    key = _cbor_map(cose)
    kind, parts = (key.get(1), key.get(3)), [key.get(name) for name in (-1, -2, -3)]
    try:
        match kind, parts:
            case (2, -7), [1, bytes(x), bytes(y)] if len(x) == len(y) == 32:
                curve = ec.SECP256R1()
                return ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve).public_key()
            case (3, -257), [bytes(n), bytes(e), None] if 256 <= len(n) <= 512 and len(e) <= 4:
                return rsa.RSAPublicNumbers(int.from_bytes(e), int.from_bytes(n)).public_key()
    except ValueError:
        raise InvalidAssertion("the key is not a valid one") from None
    raise InvalidAssertion("the key is neither ES256 on P-256 nor RS256")


def algorithm(cose: bytes) -> str:
    """Return the name of a key's algorithm, ``ES256`` or ``RS256``. Raises InvalidAssertion as :func:`public_key`."""
    return "ES256" if isinstance(public_key(cose), ec.EllipticCurvePublicKey) else "RS256"


def _verify(cose: bytes, signature: bytes, signed: bytes) -> None:
    key = public_key(cose)
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), SHA256())
    else:
        key.verify(signature, signed, ec.ECDSA(SHA256()))


def _cbor_map(data: bytes) -> dict[int, int | bytes]:
    """Read the part of CBOR that a COSE key needs: one map of small integers and short byte strings."""
    try:
        found = dict(_cbor_pairs(data))
        if len(found) != data[0] & 31:
            found = {}
    except (ValueError, IndexError):
        found = {}
    if not found:
        raise InvalidAssertion("the key is not written as a COSE key")
    return found


def _cbor_pairs(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    if data[0] >> 5 != 5 or data[0] & 31 > 23:
        raise ValueError
    at = 1
    for _ in range(data[0] & 31):
        name, at = _cbor_item(data, at)
        value, at = _cbor_item(data, at)
        yield (
            int(name),
            value,
        )  # a name that is bytes is a ValueError, unless it spells a number: then none is asked for
    if at != len(data):
        raise ValueError


def _cbor_item(data: bytes, at: int) -> tuple[int | bytes, int]:
    kind, size = data[at] >> 5, data[at] & 31
    at += 1
    if size in {24, 25}:  # the length stands in the next byte, or the next two; the shortest spelling counts
        width = size - 23
        size, at = int.from_bytes(data[at : at + width]), at + width
        if size < (24 if width == 1 else 256):
            raise ValueError
    elif size > 25:
        raise ValueError
    match kind:
        case 0:
            return size, at
        case 1:
            return -1 - size, at
        case 2 if at + size <= len(data):
            return data[at : at + size], at + size
    raise ValueError


def verify_assertion(statement: bytes, *, cose: bytes, assertion: Mapping[str, Any], rp_id: str, origin: str) -> None:
    """Check that the passkey with this public key signed exactly this statement, its holder present and verified.

    Args:
        statement: the bytes that were signed.
        cose: the passkey's public key, as enrolled.
        assertion: ``authenticator_data``, ``client_data`` and ``signature``, each base64url.
        rp_id: the host that the passkey belongs to.
        origin: the origin of the page that asked, ``https://host[:port]``.

    Raises:
        InvalidAssertion: with what does not fit.
    """
    data, client = decode64(assertion.get("authenticator_data")), decode64(assertion.get("client_data"))
    try:
        said = json.loads(client)
    except ValueError:
        raise InvalidAssertion("what the browser says is not JSON") from None
    if not isinstance(said, dict) or said.get("type") != "webauthn.get":
        raise InvalidAssertion("the browser did not ask for an assertion")
    if decode64(said.get("challenge")) != challenge(statement):
        raise InvalidAssertion("the passkey signed another statement")
    if said.get("origin") != origin or said.get("crossOrigin") is True:
        raise InvalidAssertion("another site asked for the signature")
    if len(data) < HEADER or data[:32] != sha256(rp_id.encode()).digest():
        raise InvalidAssertion("the passkey belongs to another host")
    if not data[32] & PRESENT or not data[32] & VERIFIED:
        raise InvalidAssertion("the passkey did not verify who was present")
    try:
        _verify(cose, decode64(assertion.get("signature")), data + sha256(client).digest())
    except InvalidSignature:
        raise InvalidAssertion("the signature is not the passkey's") from None


@dataclass(frozen=True)
class Passkey:
    """One passkey as the log tells of it; ``confirmed`` and ``ended`` are indexes of entries."""

    person: str
    cose: bytes
    rp_id: str
    origin: str
    confirmed: int | None = None
    ended: int | None = None


class Passkeys:
    """The passkeys that a log's entries enrol, confirm and end; give it the entries in order."""

    def __init__(self) -> None:
        self._known: dict[str, Passkey] = {}

    def read(self, index: int, entry: Entry) -> str | None:
        """Take note of a ``passkey.*`` entry; return what is wrong with it, if anything."""
        data, event = entry["data"], entry["event"]
        name = str(data.get("passkey"))
        if event == "passkey.enrolled":
            if name in self._known:
                return "enrols a passkey a second time"
            if entry["actor"] != data.get("person"):
                return "enrols a passkey for another person"
            try:
                cose = decode64(data.get("public_key"))
                public_key(cose)
            except InvalidAssertion as wrong:
                return f"enrols a passkey that is none: {wrong}"
            if not _hosts(str(data.get("rp_id")), str(data.get("origin"))):
                return "enrols a passkey for a host that its origin is not of"
            self._known[name] = Passkey(entry["actor"], cose, str(data["rp_id"]), str(data["origin"]))
        elif (known := self._known.get(name)) is None:
            return "is about a passkey that was never enrolled"
        elif event == "passkey.confirmed":
            if entry["actor"] == known.person or known.confirmed is not None or known.ended is not None:
                return "confirms a passkey that its own holder, or somebody before, confirmed, or that has ended"
            self._known[name] = replace(known, confirmed=index)
        elif event == "passkey.ended" and known.ended is None:
            self._known[name] = replace(known, ended=index)
        return None

    def problems(self, entry: Entry, *, since: int, asked: str = "request") -> Iterator[str]:
        """Say what is wrong with a passkey's signature on what entry ``since`` asked for.

        ``asked`` names that: a request for a decision, a suspension for its lifting. Ask before later entries are read:
        a passkey that ends afterwards signed while it was good.
        """
        data, signature = entry["data"], entry["data"]["signature"]
        known = self._known.get(str(signature.get("passkey")))
        if known is None:
            yield "is signed by a passkey that the log does not know"
            return
        if known.person != entry["actor"]:
            yield "is signed by another person's passkey"
        if known.confirmed is None:
            yield "is signed by a passkey that no second person confirmed"
        elif known.confirmed > since:
            yield f"is signed by a passkey that is younger than the {asked} (confirmed by entry {known.confirmed})"
        if known.ended is not None:
            yield f"is signed by a passkey that had ended (entry {known.ended})"
        try:
            statement = str(data["statement"]).encode()
            verify_assertion(statement, cose=known.cose, assertion=signature, rp_id=known.rp_id, origin=known.origin)
            if not _says(statement, entry):
                yield "says something else than the statement that was signed"
        except InvalidAssertion as wrong:
            yield f"is not signed by the passkey that it names: {wrong}"


def judge(told: Iterable[tuple[int, Entry]]) -> Iterator[tuple[int, str]]:
    """Judge every decision and lifting among a log's entries, in order; yield the index and what is wrong."""
    yield from _Judge().all(told)


def judge_bundle(path: Path, report: Report) -> Report:
    """Add to a report on a bundle what is wrong with what people signed in it, as findings about ``decisions``.

    The entries are taken as they stand in the file; what :func:`placet.verify.verify_bundle` says of their integrity
    holds for this as well.
    """
    judged = _Judge()
    try:
        wrongs = list(judged.all(_told(path)))
    except (OSError, ValueError, zipfile.BadZipFile, KeyError):
        return report  # no bundle: its own findings say so
    found = tuple(Finding("decisions", sentence, index) for index, sentence in wrongs[:MOST])
    notes: tuple[str, ...] = ()
    if len(wrongs) > MOST:
        notes += (f"There is more about decisions than is listed: {len(wrongs)} findings.",)
    if judged.good:
        number = f"{judged.good} signed acts carry" if judged.good > 1 else "One signed act carries"
        notes += (f"{number} the signature of a passkey that the log knows, and it fits.",)
    return report._replace(findings=report.findings + found, notes=report.notes + notes)


def _told(path: Path) -> Iterator[tuple[int, Entry]]:
    """Read a bundle's entries about decisions and passkeys, in order."""
    with zipfile.ZipFile(path) as box:
        for name in sorted(name for name in box.namelist() if name.startswith("entries/")):
            first = int(Path(name).stem) * TILE
            for index, body in enumerate(box.read(name).split(b"\n"), start=first):
                if any(mark in body for mark in _MARKS):
                    with suppress(ValueError):
                        yield index, parse_entry(body)


class _Judge:
    """Reads entries in order, and says what is wrong with each."""

    def __init__(self) -> None:
        self.keys, self.good = Passkeys(), 0
        self.opened: dict[str, tuple[int, set[str]]] = {}  # request -> its first entry, its stages that want a passkey
        self.suspended: dict[str, int] = {}  # request -> the entry that last took its force away

    def all(self, told: Iterable[tuple[int, Entry]]) -> Iterator[tuple[int, str]]:
        for index, entry in told:
            try:
                wrongs = list(self._read(index, entry))
            except (KeyError, TypeError, AttributeError):
                wrongs = ["does not have the fields of its event"]
            yield from ((index, f"Entry {index} {wrong}.") for wrong in wrongs)

    def _read(self, index: int, entry: Entry) -> Iterator[str]:
        data, event = entry["data"], entry["event"]
        if event.startswith("passkey."):
            if wrong := self.keys.read(index, entry):
                yield wrong
        elif event == "approval.opened":
            wanted = {stage["name"] for stage in data["stages"] if stage.get("signature") == "passkey"}
            self.opened[data["request"]] = index, wanted
        elif event == "approval.decided":
            opened, wanted = self.opened.get(data["request"], (-1, set()))
            yield from self._signed(entry, opened, "request", data["stage"] in wanted)
        elif event == "approval.state_changed":
            if data["to"] == "suspended":
                self.suspended[data["request"]] = index
            elif data["to"] == "approved":  # a suspension is all that such an entry can end, whatever it says
                wanted = self.opened.get(data["request"], (-1, set()))[1]
                yield from self._signed(entry, self.suspended.get(data["request"], -1), "suspension", bool(wanted))

    def _signed(self, entry: Entry, since: int, asked: str, wanted: bool) -> Iterator[str]:
        if entry["data"].get("signature", {}).get("kind") == "passkey":
            wrongs = list(self.keys.problems(entry, since=since, asked=asked))
            self.good += not wrongs
            yield from wrongs
        elif wanted and asked == "request":
            yield "decides without the passkey that its stage asks for"
        elif wanted:
            yield "lifts a suspension without the passkey that the approval was signed with"


def _hosts(rp_id: str, origin: str) -> bool:
    """Return whether a page of this origin may use passkeys of this host (Web Authentication, 5.1.3)."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    secure = parts.scheme == "https" or host == "localhost" or host.endswith(".localhost")
    return secure and bool(rp_id) and (host == rp_id or host.endswith(f".{rp_id}"))


def _says(statement: bytes, entry: Entry) -> bool:
    """Return whether a signed statement says what its entry says."""
    data = entry["data"]
    try:
        said = json.loads(statement)
        pairs = [(said[name], data[name]) for name in _SAID[str(entry["event"])]]
        pairs += [(said.get(name), data.get(name)) for name in ("on_behalf_of", "change_class")]
        pairs += [(said["signer"], entry["actor"]), (said["rationale"], entry["payload"]), (said["log"], entry["log"])]
    except (ValueError, KeyError, TypeError):
        return False
    return all(ours == theirs for ours, theirs in pairs)
