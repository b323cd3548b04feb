"""Permits: the notary's signed word that one model version may serve, roll back or stop.

A permit is an in-toto v1 statement in a DSSE envelope, signed with Ed25519. It names bytes: the artifact's root digest.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from placet.canonical import canonical_json
from placet.digests import hex_of
from placet.trust import Trust
from placet.verify import decode64, load_canonical, parse_time, parse_vkey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:placet:permit:v1"
KINDS = ("serve", "rollback", "stop")
_CLOCK_TOLERANCE = timedelta(minutes=5)
_LIMIT = 256 * 1024
_DECIMAL = re.compile(r"[0-9]{1,3}(\.[0-9]{1,20})?(e-[0-9]{1,3})?", re.ASCII)


class Reason(StrEnum):
    """Why a permit is refused."""

    MALFORMED = "malformed"
    WRONG_KEY = "wrong key"
    BAD_SIGNATURE = "bad signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    WRONG_SUBJECT = "wrong subject"


class InvalidPermit(ValueError):
    """A permit that permits nothing; ``reason`` says why, the message says it in a sentence."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Permit:
    """What a verified permit says. Times are UTC; digests are ``sha256:<hex>``; ``created_at_ms`` is MLflow's.

    ``decision_threshold``: at or above it the score counts as the event. The evidence was measured at it and it is not
    part of the bytes, so whoever decides by the model must use it. None in a permit that names none.

    ``replaces`` (its ``version`` and ``created_at_ms``) is the version that the alias must point to when a rollback or
    stop is made on the permit, ``holders`` are the names in MLflow of those who may make it. None and empty in a permit
    that is not for that. ``basis`` says on whose word the version serves: ``approval``, or ``break-glass`` where one
    person put it there.
    """

    kind: str
    workspace: str
    model: str
    version: str
    artifact_digest: str
    created_at_ms: int
    source: str | None
    storage_location: str | None
    alias: str
    use_restrictions: tuple[str, ...]
    policy: Mapping[str, Any]
    evidence_manifest: str | None
    approval: str
    log: Mapping[str, Any]
    issued_at: datetime
    expires_at: datetime
    artifact_manifest: str | None
    decision_threshold: float | None
    replaces: Mapping[str, Any] | None
    holders: tuple[str, ...]
    basis: str
    key_digest: str
    statement: Mapping[str, Any]


def build_statement(
    *,
    kind: str,
    workspace: str,
    model: str,
    version: str,
    artifact_digest: str,
    created_at_ms: int,
    source: str | None,
    storage_location: str | None,
    alias: str,
    use_restrictions: Sequence[str],
    policy: Mapping[str, Any],
    evidence_manifest: str | None,
    approval: str,
    log: Mapping[str, Any],
    issued_at: datetime | str,
    expires_at: datetime | str,
    artifact_manifest: str | None = None,
    decision_threshold: str | None = None,
    replaces: Mapping[str, Any] | None = None,
    holders: Sequence[str] | None = None,
    basis: str = "approval",
) -> dict[str, Any]:
    """Return the in-toto statement of a permit.

    Args:
        kind: ``serve``, ``rollback`` or ``stop``.
        artifact_digest: the root digest of the artifact (``placet.digests.artifact_digest``).
        policy: name, version and digest of the policy version it was approved under.
        evidence_manifest: the digest of the frozen list of evidence.
        log: origin of the log, index of the entry that approved, size of the tree it was read from.
        artifact_manifest: optional digest of the whole file list, names included; left out when None.
        decision_threshold: optional, the threshold that was approved, as a decimal such as ``0.3``; left out when None.
        replaces: optional, the version that the alias must point to: ``{"version": "14", "created_at_ms": …}``, the
            latter in milliseconds as MLflow has it; left out when None.
        holders: optional, the names in MLflow of those who may use the permit without Placet; left out when None.
        basis: ``approval``, or ``break-glass`` where one person put the version there.
    Raises:
        ValueError: an unknown kind, a digest, threshold, version or name that is not one, or a time without its zone.
    """
    if kind not in KINDS:
        raise ValueError(f"A permit is one of {', '.join(KINDS)}, not {kind!r}.")
    for digest in (evidence_manifest, artifact_manifest):
        if digest is not None:
            hex_of(digest)
    predicate: dict[str, Any] = {
        "kind": kind,
        "workspace": workspace,
        "model": model,
        "version": str(version),
        "created_at_ms": created_at_ms,
        "source": source,
        "storage_location": storage_location,
        "alias": alias,
        "use_restrictions": list(use_restrictions),
        "policy": dict(policy),
        "evidence_manifest": evidence_manifest,
        "approval": str(approval),
        "log": dict(log),
        "issued_at": _stamp(issued_at),
        "expires_at": _stamp(expires_at),
    }
    if artifact_manifest is not None:
        predicate["artifact_manifest"] = artifact_manifest
    if decision_threshold is not None:
        _threshold(decision_threshold)
        predicate["decision_threshold"] = decision_threshold
    if replaces is not None:
        predicate["replaces"] = dict(_replaced(replaces) or {})
    if holders is not None:
        predicate["holders"] = list(_names(list(holders)))
    if basis != "approval":
        predicate["basis"] = basis
    subject = {"name": f"{model}/{version}", "digest": {"sha256": hex_of(artifact_digest)}}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [subject],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that a DSSE signature covers (pre-authentication encoding, DSSE v1)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_digest(public_key: Ed25519PublicKey) -> str:
    """Return how an envelope names its key: ``sha256:<hex of the raw public key's hash>``."""
    return "sha256:" + hashlib.sha256(public_key.public_bytes_raw()).hexdigest()


def envelope_digest(envelope: Mapping[str, Any]) -> str:
    """Return the name of a signed permit: ``sha256:<hex>`` of its envelope as JSON with sorted keys."""
    return "sha256:" + hashlib.sha256(json.dumps(dict(envelope), sort_keys=True).encode()).hexdigest()


def sign(statement: Mapping[str, Any], private_key: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the DSSE envelope of a statement, as JSON-ready values. Deterministic.

    Raises:
        ValueError: the statement has no canonical JSON form (a float, an integer of 2^53 or more).
    """
    payload = canonical_json(dict(statement))
    signature = private_key.sign(pae(PAYLOAD_TYPE, payload))
    entry = {"keyid": key_digest(private_key.public_key()), "sig": base64.b64encode(signature).decode()}
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [entry],
    }


def verify(
    envelope: Mapping[str, Any],
    keys: Sequence[str] | Trust,
    *,
    now: datetime | None = None,
    kind: str | None = None,
    workspace: str | None = None,
    model: str | None = None,
    version: str | None = None,
    alias: str | None = None,
    created_at_ms: int | None = None,
    storage_location: str | None = None,
    artifact_digest: str | None = None,
) -> Permit:
    """Check a permit's signature and time, and that it is about what the caller means.

    Args:
        envelope: the DSSE envelope.
        keys: the permit keys that you trust, as vkeys, or a trust file's content.
        now: the moment to judge by; the clock's when left out.
        kind, workspace, model, version, alias, created_at_ms, storage_location, artifact_digest: what it must say;
            None is not compared.
    Raises:
        InvalidPermit: it is not valid; see ``reason``.
        InvalidTrust: a vkey is malformed.
    """
    permit = read(envelope, keys)
    moment = now or datetime.now(UTC)
    if moment < permit.issued_at - _CLOCK_TOLERANCE:
        raise InvalidPermit(
            Reason.NOT_YET_VALID, f"The permit is issued for {permit.issued_at.isoformat()}, later than now."
        )
    if moment >= permit.expires_at:
        raise InvalidPermit(
            Reason.EXPIRED, f"The permit expired at {permit.expires_at.isoformat()}. Request a new approval."
        )
    expected = {
        "kind": kind,
        "workspace": workspace,
        "model": model,
        "version": version,
        "alias": alias,
        "created_at_ms": created_at_ms,
        "storage_location": storage_location,
        "artifact_digest": artifact_digest,
    }
    for name, value in expected.items():
        said = getattr(permit, name)
        if value is not None and said != value:
            what = name.replace("_", " ")
            raise InvalidPermit(Reason.WRONG_SUBJECT, f"The permit is for {what} {said!r}, not {value!r}.")
    return permit


def read(envelope: Mapping[str, Any], keys: Sequence[str] | Trust) -> Permit:
    """Return what a permit says once its signature fits, whether it holds now or not: for who looks back.

    Raises:
        InvalidPermit: malformed, signed by no key of yours, or changed.
        InvalidTrust: a vkey is malformed.
    """
    vkeys = keys.permits if isinstance(keys, Trust) else keys
    trusted = {key_digest(k): k for k in (Ed25519PublicKey.from_public_bytes(parse_vkey(v)[1]) for v in vkeys)}
    payload, signed_by = open_envelope(envelope, trusted)
    return _read(payload, signed_by)


def said_unverified(encoded: str) -> dict[str, Any]:
    """Return what a permit in base64 says, without checking anything: only for showing it to somebody who does.

    Raises:
        InvalidPermit: it is no permit.
    """
    try:
        envelope = json.loads(base64.b64decode(encoded))
        said: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    except (ValueError, KeyError, TypeError):
        raise InvalidPermit(Reason.MALFORMED, "That is no permit.") from None
    return said


def open_envelope(
    envelope: Mapping[str, Any], trusted: Mapping[str, Ed25519PublicKey], *, what: str = "permit", limit: int = _LIMIT
) -> tuple[bytes, str]:
    """Return the payload of a DSSE envelope and the digest of the trusted key that signed it.

    Args:
        trusted: the keys that you trust, by their digest.
        what: the thing in it, for the sentence of a refusal.
        limit: the most bytes that the payload may have.
    Raises:
        InvalidPermit: malformed, signed by no key of yours, or changed.
    """
    try:
        signatures = [(str(s["keyid"]), decode64(s["sig"])) for s in envelope["signatures"]]
        kind, payload = envelope["payloadType"], decode64(envelope["payload"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidPermit(Reason.MALFORMED, f"The {what} is not a DSSE envelope.") from None
    if kind != PAYLOAD_TYPE or len(payload) > limit or not 0 < len(signatures) <= 16:
        raise InvalidPermit(Reason.MALFORMED, f"The {what} is not a DSSE envelope of an in-toto statement.")
    known = [(name, signature) for name, signature in signatures if name in trusted]
    if not known:
        raise InvalidPermit(Reason.WRONG_KEY, f"The {what} is not signed by a permit key of the trust file.")
    for name, signature in known:
        try:
            trusted[name].verify(signature, pae(kind, payload))
        except InvalidSignature:
            raise InvalidPermit(Reason.BAD_SIGNATURE, f"The {what} was changed after it was signed.") from None
    return payload, known[0][0]


def _read(payload: bytes, signed_by: str) -> Permit:
    try:
        statement = load_canonical(payload)
        said, (subject,) = statement["predicate"], statement["subject"]
        name, digest = subject["name"], "sha256:" + subject["digest"]["sha256"]
        permit = Permit(
            **{k: said[k] for k in _PLAIN},
            use_restrictions=tuple(said["use_restrictions"]),
            artifact_digest=digest,
            artifact_manifest=said.get("artifact_manifest"),
            decision_threshold=_threshold(said.get("decision_threshold")),
            replaces=_replaced(said.get("replaces")),
            holders=_names(said.get("holders", [])),
            basis=str(said.get("basis", "approval")),
            issued_at=parse_time(said["issued_at"]),
            expires_at=parse_time(said["expires_at"]),
            key_digest=signed_by,
            statement=statement,
        )
        hex_of(digest)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidPermit(Reason.MALFORMED, "The permit's statement is not one of Placet's.") from None
    types = (statement["_type"], statement["predicateType"])
    if types != (STATEMENT_TYPE, PREDICATE_TYPE) or permit.kind not in KINDS:
        raise InvalidPermit(Reason.MALFORMED, "The signed statement is not a Placet permit of version 1.")
    if name != f"{permit.model}/{permit.version}":
        raise InvalidPermit(Reason.MALFORMED, "The permit names two different model versions.")
    return permit


_PLAIN = (
    "kind",
    "workspace",
    "model",
    "version",
    "created_at_ms",
    "source",
    "storage_location",
    "alias",
    "policy",
    "evidence_manifest",
    "approval",
    "log",
)


def _threshold(said: object) -> float | None:
    """Return a threshold between 0 and 1, None for none. It is text, as canonical JSON of ours has no fractions."""
    if said is None:
        return None
    if not isinstance(said, str) or not _DECIMAL.fullmatch(said) or not 0 < float(said) < 1:
        raise ValueError(f"{said!r} is not a decision threshold between 0 and 1.")
    return float(said)


def _replaced(said: object) -> Mapping[str, Any] | None:
    """Return which version a permit replaces, None for none."""
    if said is None:
        return None
    if not isinstance(said, Mapping) or set(said) != {"version", "created_at_ms"}:
        raise ValueError("A permit replaces a version and the moment it was made at.")
    if not isinstance(said["version"], str) or not said["version"] or type(said["created_at_ms"]) is not int:
        raise ValueError("A version is text, the moment it was made at an integer of milliseconds.")
    return said


def _names(said: object) -> tuple[str, ...]:
    """Return the holders' names; not one of them may be empty, or a request without a name would be theirs."""
    if not isinstance(said, list) or not all(isinstance(name, str) and name.strip() for name in said):
        raise ValueError("A permit's holders are a list of names.")
    return tuple(said)


def _stamp(when: datetime | str) -> str:
    if isinstance(when, str):
        parse_time(when)
        return when
    if when.tzinfo is None:
        raise ValueError("A permit's times must say their time zone.")
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
