"""An authenticator in software: makes passkeys and signs with them, as a browser would hand them on."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import ES256

from placet.assertions import encode64

PRESENT, VERIFIED, ATTESTED = 1, 4, 64


@dataclass
class Authenticator:
    """One passkey, and what its holder does with it."""

    origin: str = "http://localhost:8000"
    rp_id: str = "localhost"
    flags: int = PRESENT | VERIFIED
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def cose(self) -> bytes:
        """The public key as enrolled."""
        return cbor.encode(dict(ES256.from_cryptography_key(self.key.public_key())))

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + bytes(4)

    def _client(self, kind: str, challenge: str) -> bytes:
        said = {"type": f"webauthn.{kind}", "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer ``navigator.credentials.create``."""
        attested = bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + self.cose
        data = self._data(self.flags | ATTESTED) + attested
        name = encode64(self.credential_id)
        response = {
            "clientDataJSON": encode64(self._client("create", options["challenge"])),
            "attestationObject": encode64(cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal"],
        }
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer ``navigator.credentials.get``."""
        data, client = self._data(self.flags), self._client("get", options["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        name = encode64(self.credential_id)
        response = {
            "clientDataJSON": encode64(client),
            "authenticatorData": encode64(data),
            "signature": encode64(signature),
        }
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}

    def sign(self, challenge: bytes) -> dict[str, str]:
        """Sign a challenge, in the form in which a log entry keeps it."""
        response = self.get({"challenge": encode64(challenge)})["response"]
        return {
            "authenticator_data": response["authenticatorData"],
            "client_data": response["clientDataJSON"],
            "signature": response["signature"],
        }
