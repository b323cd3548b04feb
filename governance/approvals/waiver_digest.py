"""What a waiver is about, as one digest. Pure, so that the notary's derivation can hold the log against it."""

from hashlib import sha256

import rfc8785


def waiver_digest(request: str, check: str, manifest: str) -> str:
    """Return the digest of one failed check of one request, on the evidence of one manifest."""
    said = {"request": request, "check": check, "manifest": manifest}
    return "sha256:" + sha256(b"placet/waiver/v1\x00" + rfc8785.dumps(said)).hexdigest()
