"""Sign a PDF so that it stays PDF/A-3a and PDF/UA-1: PAdES B-LT with its evidence in the same revision, else B-B.

The signed file is the unsigned one with bytes added at its end: its beginning is still what a second rendering gives.
Imports pyHanko: import this module inside a task, never at start.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from asn1crypto import crl, tsp, x509
from pyhanko.keys import load_certs_from_pemder, load_private_key_from_pemder
from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, Signer, SimpleSigner, fields
from pyhanko.sign.signers.pdf_signer import DSSContentSettings, SigDSSPlacementPreference
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import extract_ts_certs
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from governance.audit.anchors.exchange import post
from reports.documents import tokens

FIELD = "Release"
TSA_DEADLINE = timedelta(seconds=20)
_PKCS11 = "pkcs11:"


class Signed(NamedTuple):
    """A signed file, and when the certificate behind its time-stamp ends; None without one."""

    pdf: bytes
    time_stamp_ends_at: datetime | None


class SigningFailed(RuntimeError):
    """The document could not be signed; the sentence says what to see to."""


@dataclass(frozen=True)
class Identity:
    """Who signs, and by what others can check it.

    Attributes:
        key: a PEM file with the private key, or a PKCS#11 URI (RFC 7512) with ``module-path`` and ``pin-source``.
        certificate_file: PEM, the signer's certificate first, then those that lead to a root.
        trust_file: PEM, the roots of signer and time-stamp authority.
        crl_files: certificate revocation lists, DER or PEM.
        authority: address of an RFC 3161 time-stamp authority, empty for none.
        fetch: ask the certificates' own addresses (OCSP, CRL) for what ``crl_files`` does not hold.
    """

    key: str = field(repr=False)
    certificate_file: str
    trust_file: str = ""
    crl_files: tuple[str, ...] = ()
    authority: str = field(default="", repr=False)
    fetch: bool = False

    @property
    def level(self) -> str:
        """The PAdES level of its signatures."""
        return "B-LT" if self.authority else "B-B"

    @property
    def authority_name(self) -> str:
        """The address of the time-stamp authority without user, password and query."""
        parts = urlsplit(self.authority)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def describe(identity: Identity) -> dict[str, str]:
    """Return what the cover prints of a signature to come: level, signer, certificate and authority.

    Raises:
        SigningFailed: the certificate can't be read, or is not valid today.
    """
    certificate = _certificates(identity.certificate_file)[0]
    now = datetime.now(UTC)
    if not certificate.not_valid_before <= now < certificate.not_valid_after:
        raise SigningFailed(
            f"The certificate in {identity.certificate_file} is valid from {certificate.not_valid_before:%Y-%m-%d} to "
            f"{certificate.not_valid_after:%Y-%m-%d}: have it renewed."
        )
    return {
        "level": identity.level,
        "signer": name_of(certificate),
        "certificate": f"sha256:{certificate.sha256.hex()}",
        "authority": identity.authority_name,
    }


def sign(pdf: bytes, identity: Identity) -> Signed:
    """Return ``pdf`` with the signature added.

    Raises:
        SigningFailed: key, certificate, authority or a revocation list is not to be had, or does not fit.
    """
    chain = _certificates(identity.certificate_file)
    settings = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        embed_validation_info=bool(identity.authority),
        use_pades_lta=False,
        validation_context=context(identity, chain) if identity.authority else None,
        dss_settings=DSSContentSettings(include_vri=False, placement=SigDSSPlacementPreference.TOGETHER_WITH_SIGNATURE),
    )
    place = fields.SigFieldSpec(
        FIELD,
        on_page=0,
        readable_field_name="Release signature",
        invis_sig_settings=fields.InvisSigSettings(set_print_flag=True, set_hidden_flag=False, box_out_of_bounds=True),
    )
    out = io.BytesIO()
    stamper = Authority(identity.authority) if identity.authority else None
    try:
        with _signer(identity, chain) as signer:
            PdfSigner(settings, signer=signer, timestamper=stamper, new_field_spec=place).sign_pdf(
                Addition(io.BytesIO(pdf)), output=out
            )
    except SigningFailed:
        raise
    except Exception as error:
        why = f"{error or type(error).__name__} {error.__cause__ or ''}".strip()
        raise SigningFailed(f"The document could not be signed: {why}") from error
    signed = out.getvalue()
    if not signed.startswith(pdf):
        raise SigningFailed("The signature changed what was there before: it was not kept.")
    _check(signed, identity)
    return Signed(signed, stamper.ends_at() if stamper else None)


def _check(signed: bytes, identity: Identity) -> None:
    """Verify what was just signed as a stranger would, from the file and the roots alone: signing looks at less.

    Raises:
        SigningFailed: it would not be found valid.
    """
    reader = PdfFileReader(io.BytesIO(signed))
    given: dict[str, Any] = {
        "trust_roots": _certificates(identity.trust_file) if identity.trust_file else [],
        "allow_fetching": False,
        "revocation_mode": "require" if identity.authority else "soft-fail",
    }
    if not identity.authority:
        given["crls"] = [_revocations(path) for path in identity.crl_files]

    def judge() -> ValidationContext:
        if identity.authority:
            return DocumentSecurityStore.read_dss(reader).as_validation_context(dict(given))
        return ValidationContext(**given)

    status = validate_pdf_signature(reader.embedded_signatures[0], judge(), judge(), skip_diff=True)
    if not (status.intact and status.valid) or status.coverage != SignatureCoverageLevel.ENTIRE_FILE:
        raise SigningFailed("The signature does not fit the file: do key and certificate belong together?")
    if status.revoked:
        raise SigningFailed(f"The certificate in {identity.certificate_file} was revoked: have a new one issued.")
    if identity.trust_file and not status.bottom_line:
        raise SigningFailed(
            "The signature would not be found valid: the certificates of signer and time-stamp authority have to lead "
            "to the roots in PLACET_DOCUMENT_TRUST_FILE, each with a revocation list that is in force."
        )


def context(identity: Identity, chain: list[x509.Certificate] | None = None, **more: Any) -> ValidationContext:
    """Return by what certificates are judged: the roots of the trust file, and revocation lists that have to be there.

    Raises:
        SigningFailed: a file can't be read.
    """
    given: dict[str, Any] = {
        "trust_roots": _certificates(identity.trust_file) if identity.trust_file else [],
        "other_certs": chain or [],
        "crls": [_revocations(path) for path in identity.crl_files],
        "allow_fetching": identity.fetch,
        "revocation_mode": "require",  # "hard-fail" passes over certificates that name no list of their own
    }
    return ValidationContext(**(given | more))


class Authority(TimeStamper):
    """Ask an RFC 3161 authority, with one deadline over the whole exchange."""

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.url = url

    def ends_at(self) -> datetime | None:
        """Return when the first of the certificates that it stamped with ends."""
        return min((certificate.not_valid_after for certificate in self._certs.values()), default=None)

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Return the authority's answer.

        Raises:
            SigningFailed: there is none, or it is no time-stamp.
        """
        name = Identity("", "", authority=self.url).authority_name
        try:
            reply = await asyncio.to_thread(
                post,
                self.url,
                content=req.dump(),
                headers={"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"},
                deadline=TSA_DEADLINE,
                sink=f"The time-stamp authority {name}",
            )
        except Exception as error:
            raise SigningFailed(str(getattr(error, "detail", error))) from error
        if reply.status != 200:
            raise SigningFailed(f"The time-stamp authority {name} answered {reply.status} ({reply.sentence}).")
        try:
            answer = tsp.TimeStampResp.load(reply.content, strict=True)
            _ = answer["status"]["status"].native
        except (ValueError, TypeError) as error:
            raise SigningFailed(f"The time-stamp authority {name} did not answer with a time-stamp.") from error
        return answer


def stamp(imprint: bytes, identity: Identity) -> tuple[bytes, datetime, datetime]:
    """Return a time-stamp token over a SHA-512 digest, when it was made, and when its certificate ends.

    It was verified as a stranger would: a token that nobody could trust in ten years is none.

    Raises:
        SigningFailed: the authority gave none, or one that would not be found valid.
    """
    try:
        token = asyncio.run(Authority(identity.authority).async_timestamp(imprint, tokens.ALGORITHM))
        info = tokens.info_of(token)
    except SigningFailed:
        raise
    except Exception as error:
        raise SigningFailed(f"The time-stamp authority gave no time-stamp ({error}).") from error
    if info["message_imprint"]["hashed_message"].native != imprint:
        raise SigningFailed("The time-stamp authority stamped other bytes than were sent.")
    _check_stamp(token, imprint, identity)
    return token.dump(), info["gen_time"].native, ends_at(token)


def _check_stamp(token: Any, imprint: bytes, identity: Identity) -> None:
    """Verify a token from itself and the roots. Without roots, that its signature fits and covers the imprint.

    Raises:
        SigningFailed: it would not be found valid.
    """
    name = identity.authority_name
    try:
        status = asyncio.run(tokens.judge(token, imprint, context(identity)))
    except SigningFailed:
        raise
    except Exception as error:
        raise SigningFailed(f"The time-stamp of {name} can't be verified ({error}): it was not kept.") from error
    if not (status.intact and status.valid):
        raise SigningFailed(f"The time-stamp of {name} does not fit its own signature: it was not kept.")
    if identity.trust_file and not status.trusted:
        raise SigningFailed(
            f"The time-stamp of {name} was not kept: its certificate has to lead to a root in "
            "PLACET_DOCUMENT_TRUST_FILE, with a revocation list that is in force."
        )


def ends_at(token: Any) -> datetime:
    """Return when the certificate behind a time-stamp token ends.

    Raises:
        SigningFailed: the token does not hold it.
    """
    for certificate in extract_ts_certs(token, SimpleCertificateStore()):
        ends: datetime = certificate.not_valid_after
        return ends
    raise SigningFailed("The time-stamp does not hold the certificate of its authority.")


def name_of(certificate: x509.Certificate) -> str:
    """Return the subject of a certificate as people say it: common name, or else the whole name."""
    native = certificate.subject.native
    return str(native.get("common_name") or native.get("organization_name") or certificate.subject.human_friendly)


class Addition(IncrementalPdfFileWriter):
    """What is added behind a file, which keeps what it was: PDF/A-3a and PDF/UA-1."""

    def add_object(self, obj: Any, *places: Any, **named: Any) -> Any:
        """Add an object; a stream that ends in a carriage return is written in hexadecimal digits.

        A certificate or revocation list does so by chance, one in 256, and :mod:`reports.documents.pdf` says of its own
        streams why that byte can't stand there.
        """
        if isinstance(obj, StreamObject) and obj.encoded_data.endswith(b"\r"):
            obj.apply_filter("/ASCIIHexDecode")
        return super().add_object(obj, *places, **named)

    def _update_meta(self) -> None:
        """Leave the metadata as they are: written anew, they lose the schema that PDF/A wants for PDF/UA."""


@contextmanager
def _signer(identity: Identity, chain: list[x509.Certificate]) -> Iterator[Signer]:
    store = SimpleCertificateStore()
    store.register_multiple(chain)
    if not identity.key.startswith(_PKCS11):
        try:
            key = load_private_key_from_pemder(identity.key, passphrase=None)
        except (OSError, ValueError, TypeError) as error:
            raise SigningFailed(f"The key of the documents can't be read from {identity.key}: {error}.") from error
        yield SimpleSigner(signing_cert=chain[0], signing_key=key, cert_registry=store)
        return
    from pyhanko.config.pkcs11 import TokenCriteria
    from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session

    path, query = _pkcs11(identity.key)
    pin = None
    if "pin-source" in query:
        source = Path(query["pin-source"].removeprefix("file:"))
        try:
            pin = source.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SigningFailed(f"The PIN of the documents' key can't be read from {source}.") from error
    try:
        session = open_pkcs11_session(
            query["module-path"], token_criteria=TokenCriteria(label=path["token"]), user_pin=pin
        )
    except Exception as error:
        said = str(error) or type(error).__name__
        raise SigningFailed(f"The token {path['token']} of the documents' key does not open: {said}.") from error
    try:
        yield PKCS11Signer(
            session,
            signing_cert=chain[0],
            ca_chain=chain[1:],
            key_label=path.get("object"),
            key_id=path["id"].encode("latin-1") if "id" in path else None,
            use_raw_mechanism=chain[0].public_key.algorithm == "ec",  # the one way that every token offers
        )
    finally:
        with suppress(Exception):
            session.close()


def _pkcs11(uri: str) -> tuple[dict[str, str], dict[str, str]]:
    """Take a PKCS#11 URI apart (RFC 7512): what is in the token, and how it is reached.

    Raises:
        SigningFailed: it lacks the token, the object or id, or the module.
    """
    path, _, query = uri.removeprefix(_PKCS11).partition("?")
    parts = {
        name: unquote(value, encoding="latin-1" if name == "id" else "utf-8")
        for name, _, value in (part.partition("=") for part in path.split(";"))
    }
    options = {name: values[0] for name, values in parse_qs(query).items()}
    if "token" not in parts or not {"object", "id"} & set(parts) or "module-path" not in options:
        raise SigningFailed(
            "PLACET_DOCUMENT_KEY: write pkcs11:token=NAME;object=LABEL?module-path=FILE&pin-source=FILE."
        )
    return parts, options


def _certificates(path: str) -> list[x509.Certificate]:
    try:
        found = list(load_certs_from_pemder([path]))
    except (OSError, ValueError) as error:
        raise SigningFailed(f"The certificates in {path} can't be read: {error}.") from error
    if not found:
        raise SigningFailed(f"There is no certificate in {path}.")
    return found


def _revocations(path: str) -> crl.CertificateList:
    from asn1crypto import pem

    try:
        raw = Path(path).read_bytes()
        return crl.CertificateList.load(pem.unarmor(raw)[2] if pem.detect(raw) else raw)
    except (OSError, ValueError) as error:
        raise SigningFailed(f"The revocation list {path} can't be read: {error}.") from error
