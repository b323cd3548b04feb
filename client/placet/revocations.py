"""The revocation list: the notary's signed word on which permits are not simply in force any more.

An in-toto v1 statement in a DSSE envelope, signed by the permit key, about one tree of the log. A loader that can't ask
Placet decides by the newest list that it kept.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from placet.digests import hex_of
from placet.permits import PAYLOAD_TYPE, STATEMENT_TYPE, InvalidPermit, Permit, key_digest, open_envelope
from placet.trust import Trust
from placet.verify import decode64, load_canonical, parse_time, parse_vkey

PREDICATE_TYPE = "urn:placet:revocation-list:v1"
MAX_AGE = timedelta(hours=24)
"""How old a list may be by which a loader decides alone, unless it is told otherwise."""
CLOCK_TOLERANCE = timedelta(minutes=5)
_LIMIT = 16 << 20


class ListFault(StrEnum):
    """Why a revocation list is refused."""

    MALFORMED = "malformed"
    WRONG_KEY = "wrong key"
    BAD_SIGNATURE = "bad signature"
    NOT_YET_VALID = "not yet valid"
    TOO_OLD = "too old"
    ROLLED_BACK = "rolled back"


class InvalidList(ValueError):
    """A revocation list by which nothing can be decided; ``fault`` says why, the message says it in a sentence."""

    def __init__(self, fault: ListFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True)
class Withdrawn:
    """One permit that is not simply in force: its status, whether it may be loaded, since when, by which entry.

    ``index`` is the log's entry that says so; None where no entry of the log shows the approval at all.
    """

    permit: str
    status: str
    refuse_new_loads: bool
    since: str
    index: int | None


@dataclass(frozen=True)
class RevocationList:
    """A verified list. Times are UTC; ``number`` only ever grows; ``entries`` are by the digest of the permit."""

    number: int
    origin: str
    size: int
    issued_at: datetime
    next_update: datetime
    entries: Mapping[str, Withdrawn]
    statement: Mapping[str, Any]


def build_statement(
    *,
    origin: str,
    size: int,
    root: bytes,
    number: int,
    issued_at: datetime,
    next_update: datetime,
    entries: Sequence[Withdrawn],
) -> dict[str, Any]:
    """Return the in-toto statement of a revocation list.

    Args:
        origin: the log's name; size: how many of its entries were read; root: the root hash of that tree, 32 bytes.
        number: larger than that of every list before.
        entries: the permits that are not simply in force, sorted here by digest.
    Raises:
        ValueError: a digest that is none, a permit that is named twice, or a time without its zone.
    """
    rows = sorted(entries, key=lambda row: row.permit)
    if len({hex_of(row.permit) for row in rows}) != len(rows):
        raise ValueError("A revocation list names each permit once.")
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": f"{origin}/{size}", "digest": {"sha256": root.hex()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "log": {"origin": origin, "index": size - 1, "size": size},
            "number": number,
            "issued_at": _stamp(issued_at),
            "next_update": _stamp(next_update),
            "entries": [vars(row) for row in rows],
        },
    }


def verify_list(
    envelope: Mapping[str, Any],
    keys: Sequence[str] | Trust,
    *,
    now: datetime | None = None,
    max_age: timedelta | None = None,
    at_least: int = 0,
) -> RevocationList:
    """Check a list's signature, its age and that it is not an older one than was seen before.

    Args:
        envelope: the DSSE envelope.
        keys: the permit keys that you trust, as vkeys, or a trust file's content.
        now: the moment to judge by; the clock's when left out.
        max_age: how long ago it may have been signed; any time when left out.
        at_least: the number of the newest list that was seen before.
    Raises:
        InvalidList: it is not valid; see ``fault``.
        InvalidTrust: a vkey is malformed.
    """
    vkeys = keys.permits if isinstance(keys, Trust) else keys
    trusted = {key_digest(k): k for k in (Ed25519PublicKey.from_public_bytes(parse_vkey(v)[1]) for v in vkeys)}
    found = _read(_opened(envelope, trusted))
    moment = now or datetime.now(UTC)
    if found.number < at_least:
        raise InvalidList(
            ListFault.ROLLED_BACK, f"The revocation list is number {found.number}; number {at_least} was seen before."
        )
    if found.issued_at > moment + CLOCK_TOLERANCE:
        raise InvalidList(
            ListFault.NOT_YET_VALID,
            f"The revocation list is of {found.issued_at.isoformat()}, later than now: check this machine's clock.",
        )
    if max_age is not None and moment - found.issued_at > max_age:
        hours = max_age.total_seconds() / 3600
        raise InvalidList(
            ListFault.TOO_OLD,
            f"The revocation list is of {found.issued_at.isoformat()}, older than the {hours:g} hours allowed.",
        )
    return found


def permit_digest(envelope: Mapping[str, Any], permit: Permit) -> str:
    """Return the digest by which the log and the revocation list name a permit that was verified.

    It is taken over the payload and the one signature that was verified, written as the notary writes them: whoever
    adds a field or a second signature to an envelope gives it no other name.
    """
    signature = next(s["sig"] for s in envelope["signatures"] if s["keyid"] == permit.key_digest)
    plain = {
        "payload": base64.b64encode(decode64(envelope["payload"])).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": permit.key_digest, "sig": signature}],
    }
    return "sha256:" + hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _opened(envelope: Mapping[str, Any], trusted: Mapping[str, Ed25519PublicKey]) -> bytes:
    try:
        return open_envelope(envelope, trusted, what="revocation list", limit=_LIMIT)[0]
    except InvalidPermit as problem:
        raise InvalidList(ListFault[problem.reason.name], str(problem)) from None


def _read(payload: bytes) -> RevocationList:
    try:
        statement = load_canonical(payload)
        said = statement["predicate"]
        rows = [
            Withdrawn(
                permit="sha256:" + hex_of(row["permit"]),
                status=str(row["status"]),
                refuse_new_loads=row["refuse_new_loads"] is not False,  # what is not plainly a no refuses
                since=str(row["since"]),
                index=row["index"],
            )
            for row in said["entries"]
        ]
        found = RevocationList(
            number=int(said["number"]),
            origin=str(said["log"]["origin"]),
            size=int(said["log"]["size"]),
            issued_at=parse_time(said["issued_at"]),
            next_update=parse_time(said["next_update"]),
            entries={row.permit: row for row in rows},
            statement=statement,
        )
        types = (statement["_type"], statement["predicateType"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidList(ListFault.MALFORMED, "The revocation list's statement is not one of Placet's.") from None
    if types != (STATEMENT_TYPE, PREDICATE_TYPE) or len(found.entries) != len(rows):
        raise InvalidList(ListFault.MALFORMED, "The signed statement is not a revocation list of version 1.")
    return found


def _stamp(when: datetime) -> str:
    if when.tzinfo is None:
        raise ValueError("A list's times must say their time zone.")
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
