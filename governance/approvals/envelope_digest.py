"""The digest of a standing approval's envelope, which is among the terms that people sign."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import rfc8785


def envelope_digest(envelope: Mapping[str, Any]) -> str:
    """Return the digest of an envelope alone."""
    return "sha256:" + sha256(b"placet/envelope/v1\x00" + rfc8785.dumps(dict(envelope))).hexdigest()
