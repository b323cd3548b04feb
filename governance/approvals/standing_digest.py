"""What a standing approval allows, as one digest. Pure, so that the notary's derivation can hold the log against it."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import rfc8785


def standing_digest(terms: Mapping[str, Any]) -> str:
    """Return the digest of the terms that people sign, the digest of the envelope among them."""
    return "sha256:" + sha256(b"placet/standing-approval/v1\x00" + rfc8785.dumps(dict(terms))).hexdigest()


def envelope_digest(envelope: Mapping[str, Any]) -> str:
    """Return the digest of an envelope alone."""
    return "sha256:" + sha256(b"placet/envelope/v1\x00" + rfc8785.dumps(dict(envelope))).hexdigest()
