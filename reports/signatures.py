"""Whether and how the documents of this installation are signed, as the settings say."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from reports.documents.signing import Identity


def identity() -> Identity | None:
    """Return who signs the documents, None where no key is set."""
    return _identity() if settings.DOCUMENT_KEY else None


def stamping() -> Identity | None:
    """Return by what later time-stamps are asked for and verified, None where no authority is set."""
    return _identity() if settings.DOCUMENT_TSA else None


def _identity() -> Identity:
    from reports.documents.signing import Identity  # loads pyHanko, which only a worker needs

    return Identity(
        key=settings.DOCUMENT_KEY,
        certificate_file=settings.DOCUMENT_CERTIFICATE_FILE,
        trust_file=settings.DOCUMENT_TRUST_FILE,
        crl_files=tuple(settings.DOCUMENT_CRL_FILES),
        authority=settings.DOCUMENT_TSA,
        fetch=settings.DOCUMENT_REVOCATION == "fetch",
    )


def described() -> dict[str, str] | None:
    """Return what the cover says of the signature to come, None without one.

    Raises:
        SigningFailed: the certificate can't be read, or is not valid today.
    """
    who = identity()
    if who is None:
        return None
    from reports.documents.signing import describe

    return describe(who)


def signed(pdf: bytes) -> tuple[bytes, datetime | None]:
    """Return the PDF with this installation's signature, or as it is where no key is set, and when its time-stamp ends.

    Raises:
        SigningFailed: the sentence says what to see to.
    """
    who = identity()
    if who is None:
        return pdf, None
    from reports.documents.signing import sign

    return sign(pdf, who)
