"""Evidence that you made yourself, signed: an in-toto v1 statement in a DSSE envelope, by your own Ed25519 key.

The statement names bytes: the model version's artifact, the payload file and each other file by its sha256, the data,
and the parameters and decision threshold that it was made with. Placet keeps the envelope with the evidence.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from placet import permits
from placet.digests import hex_of
from placet.verify import load_canonical, parse_time

PREDICATE_TYPE = "urn:placet:evidence:v1"
LIMIT = 64 * 1024


class InvalidAttestation(ValueError):
    """A statement that Placet does not take; the message says why, in a sentence."""


@dataclass(frozen=True)
class Attestation:
    """What a signed statement about evidence says. Digests are ``sha256:<hex>``.

    ``parameters`` are those that a policy names (``{"min_share": 0.05}``); ``decision_threshold`` is the one that the
    figures were measured at, None where there is none. ``files`` names the others beside the payload, by digest.
    """

    evidence_type: str
    model: str
    version: str
    artifact_digest: str
    dataset_digest: str
    payload_digest: str
    files: Mapping[str, str]
    parameters: Mapping[str, Any]
    decision_threshold: float | None
    made_with: str
    signed_at: datetime
    key_digest: str


def build_statement(
    *,
    evidence_type: str,
    model: str,
    version: str,
    artifact_digest: str,
    dataset_digest: str,
    payload_digest: str,
    files: Mapping[str, str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    decision_threshold: str | None = None,
    made_with: str = "",
    signed_at: datetime | None = None,
) -> dict[str, Any]:
    """Return the in-toto statement about one piece of evidence.

    Args:
        payload_digest: of the payload file's bytes as they are sent.
        decision_threshold: as a decimal such as ``0.3``; None for evidence that has none.
        made_with: what made it, in a line: ``R 4.5.1, fairmodels 1.2.1``.
    Raises:
        ValueError: a digest that is none, or a time without its zone.
    """
    for digest in (dataset_digest, payload_digest, *(files or {}).values()):
        hex_of(digest)
    moment = signed_at or datetime.now(UTC)
    if moment.tzinfo is None:
        raise ValueError("The time of signing must say its time zone.")
    return {
        "_type": permits.STATEMENT_TYPE,
        "subject": [{"name": f"{model}/{version}", "digest": {"sha256": hex_of(artifact_digest)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "type": evidence_type,
            "dataset": dataset_digest,
            "payload": payload_digest,
            "files": dict(files or {}),
            # As text: canonical JSON of ours has no fractions.
            "parameters": json.dumps(dict(parameters or {}), sort_keys=True),
            "decision_threshold": decision_threshold,
            "made_with": made_with,
            "signed_at": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }


def verify(envelope: Mapping[str, Any], keys: Mapping[str, Ed25519PublicKey]) -> Attestation:
    """Return what a signed statement says, once its signature is held against the keys.

    Args:
        keys: by their digest (:func:`placet.permits.key_digest`).
    Raises:
        InvalidAttestation: malformed, signed by none of the keys, or changed since.
    """
    try:
        payload, signed_by = permits.open_envelope(envelope, keys, what="statement", limit=LIMIT)
    except permits.InvalidPermit as refused:
        if refused.reason is permits.Reason.WRONG_KEY:
            message = "The statement is not signed by a key that is registered for this account."
            raise InvalidAttestation(message) from None
        raise InvalidAttestation(str(refused)) from None
    try:
        return _read(payload, signed_by)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidAttestation("The signed statement is none about evidence, of version 1.") from None


def _read(payload: bytes, signed_by: str) -> Attestation:
    statement = load_canonical(payload)
    said, (subject,) = statement["predicate"], statement["subject"]
    if (statement["_type"], statement["predicateType"]) != (permits.STATEMENT_TYPE, PREDICATE_TYPE):
        raise ValueError("another type of statement")
    model, _, version = subject["name"].rpartition("/")
    parameters = json.loads(said["parameters"])
    if not isinstance(parameters, dict) or not model or not isinstance(said["files"], dict):
        raise ValueError("no parameters, or no model")
    digests = (said["dataset"], said["payload"], *said["files"].values())
    for digest in digests:
        hex_of(digest)
    artifact = "sha256:" + subject["digest"]["sha256"]
    hex_of(artifact)
    threshold = said["decision_threshold"]
    return Attestation(
        evidence_type=str(said["type"]),
        model=model,
        version=version,
        artifact_digest=artifact,
        dataset_digest=said["dataset"],
        payload_digest=said["payload"],
        files=dict(said["files"]),
        parameters=parameters,
        decision_threshold=None if threshold is None else float(threshold),
        made_with=str(said["made_with"])[:200],
        signed_at=parse_time(said["signed_at"]),
        key_digest=signed_by,
    )


def make_key(path: Path) -> Ed25519PrivateKey:
    """Write a new private key (PKCS #8 PEM, for its owner's eyes) and return it. OSError: the file is there already."""
    key = Ed25519PrivateKey.generate()
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    return key


def load_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key: PKCS #8 PEM, Ed25519, not encrypted.

    Raises:
        ValueError: it is another kind of key.
        OSError: it can't be read.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(  # noqa: TRY004 (of a file, not of an argument)
            f"{path} holds no Ed25519 key; make one with `placet evidence key --out {path}`."
        )
    return key


def public_pem(key: Ed25519PublicKey) -> str:
    """Return a public key as an administrator registers it."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def read_public_pem(text: str) -> Ed25519PublicKey:
    """Read what :func:`public_pem` wrote. Raises ValueError when it is no Ed25519 public key."""
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(  # noqa: TRY004 (of a text, not of an argument)
            "That is no Ed25519 public key in PEM, as `placet evidence key` prints it."
        )
    return key
