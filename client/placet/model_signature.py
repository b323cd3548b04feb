"""A model's manifest as an OpenSSF Model Signing bundle, which the stock ``model_signing`` tool verifies.

Written with ``cryptography`` alone: a Sigstore bundle (v0.3) around a DSSE envelope of an in-toto statement, signed by
ECDSA on P-256 with SHA-256. Source: model_signing 1.1.1, ``_signing.signing.Payload`` and ``_signing.sign_ec_key``.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from placet.canonical import canonical_json
from placet.digests import ArtifactFile, ArtifactManifest, hex_of
from placet.permits import PAYLOAD_TYPE, STATEMENT_TYPE, pae
from placet.verify import decode64, load_canonical

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
SERIALIZATION = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
_ECDSA = ec.ECDSA(hashes.SHA256())


class InvalidModelSignature(ValueError):
    """A bundle that does not sign this manifest with this key; the message says why, in a sentence."""


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read the private key of model signatures: PKCS #8 PEM, P-256, not encrypted.

    Raises:
        ValueError: it is another kind of key.
        OSError: it can't be read.
    """
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError(f"{path} holds no P-256 key; make one with `openssl genpkey -algorithm EC`.")
    return key


def public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as the stock tool reads it (``--public_key``)."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_hint(key: ec.EllipticCurvePublicKey) -> str:
    """Return how a bundle names its key: the hex SHA-256 of its PEM."""
    return hashlib.sha256(public_pem(key)).hexdigest()


def read_manifest(content: bytes) -> ArtifactManifest:
    """Return the manifest whose canonical JSON this is. Raises ValueError when it is none."""
    try:
        rows = [ArtifactFile(row["path"], row["size"], row["digest"]) for row in load_canonical(content)]
        found = ArtifactManifest(tuple(rows))
        same = found.content == content and all(hex_of(file.digest) for file in rows)
    except (KeyError, TypeError):
        same = False
    if not same:
        raise ValueError("It is not a manifest of an artifact.")
    return found


def build_bundle(manifest: ArtifactManifest, *, name: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """Return the signed bundle of a manifest, as JSON-ready values. ``name`` is the subject's; nobody compares it."""
    resources = [{"name": f.path, "algorithm": "sha256", "digest": hex_of(f.digest)} for f in manifest.files]
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": hex_of(manifest.root_digest)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"serialization": SERIALIZATION, "resources": resources},
    }
    payload = canonical_json(statement)
    signature = base64.b64encode(key.sign(pae(PAYLOAD_TYPE, payload), _ECDSA)).decode()
    return {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key_hint(key.public_key())}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": signature, "keyid": ""}],
        },
    }


def check_bundle(bundle: Any, manifest: ArtifactManifest, key: ec.EllipticCurvePublicKey) -> None:
    """Check that a bundle signs exactly this manifest with this key.

    Raises:
        InvalidModelSignature: it does not.
    """
    try:
        envelope = bundle["dsseEnvelope"]
        payload, signature = decode64(envelope["payload"]), decode64(envelope["signatures"][0]["sig"])
        key.verify(signature, pae(envelope["payloadType"], payload), _ECDSA)
        said = load_canonical(payload)["predicate"]["resources"]
    except InvalidSignature:
        raise InvalidModelSignature("The model signature is not by this key, or was changed.") from None
    except (KeyError, IndexError, TypeError, ValueError):
        raise InvalidModelSignature("It is no model signature of Placet's.") from None
    if said != [{"name": f.path, "algorithm": "sha256", "digest": hex_of(f.digest)} for f in manifest.files]:
        raise InvalidModelSignature("The model signature is of other files.")
