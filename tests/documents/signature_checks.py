"""What other programs say of a signed file, and one changed byte of it."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from reports.documents import signing
from tests.documents.signing_authority import Signers


def pdfsig(pdf: bytes, folder: Path) -> str:
    """Return what poppler prints of the signature."""
    path = folder / "signed.pdf"
    path.write_bytes(pdf)
    return subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True).stdout


def pyhanko(pdf: bytes, signers: Signers, *, level: str) -> PdfSignatureStatus:
    """Return what pyHanko finds with the two roots alone; of B-LT it takes all else from the file."""
    reader = PdfFileReader(io.BytesIO(pdf))
    trusted = {"trust_roots": signing._certificates(str(signers.folder / "trust.pem")), "allow_fetching": False}

    def context() -> ValidationContext:
        if level == "B-B":
            return ValidationContext(**trusted)
        store = DocumentSecurityStore.read_dss(reader)
        return store.as_validation_context(trusted | {"revocation_mode": "require"})

    (signature,) = reader.embedded_signatures
    return validate_pdf_signature(signature, context(), context(), skip_diff=True)


def flipped(pdf: bytes, at: int) -> bytes:
    """Return the file with one bit of the byte ``at`` turned."""
    return pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]
