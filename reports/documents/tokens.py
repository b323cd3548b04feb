"""Judge time-stamp tokens (RFC 3161). Imports pyHanko: import this module inside a task, never at start."""

from __future__ import annotations

from asn1crypto import cms, tsp
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

ALGORITHM = "sha512"
"""What the later time-stamps of documents cover them with."""


def info_of(token: cms.ContentInfo) -> tsp.TSTInfo:
    """Return what a token says.

    Raises:
        ValueError: it is no time-stamp.
    """
    info = token["content"]["encap_content_info"]["content"].parsed
    if not isinstance(info, tsp.TSTInfo):
        raise ValueError("It is no time-stamp.")  # noqa: TRY004 (it is about the bytes)
    return info


async def judge(token: cms.ContentInfo, imprint: bytes, judged_by: ValidationContext) -> TimestampSignatureStatus:
    """Return what a token is worth: whether its signature fits, it covers the imprint, and its signer is trusted.

    Args:
        imprint: the SHA-512 digest that it has to cover.
        judged_by: roots, revocation lists and the moment as of which certificates are judged.

    Raises:
        Exception: the token can't be read; a stranger's can fail in any way.
    """

    def expected(algorithm: str) -> bytes:
        return imprint if algorithm == ALGORITHM else b""

    return TimestampSignatureStatus(**await validate_tst_signed_data(token["content"], judged_by, expected))
