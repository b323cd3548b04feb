"""A certificate authority for signers and a time-stamp authority under another, each with its revocation list."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reports.documents.signing import Identity
from tests.audit.authority import Authority

DAY = timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _crl(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, revoked: list[int]) -> bytes:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate.subject)
        .last_update(now - DAY / 24)
        .next_update(now + 30 * DAY)
    )
    for serial in revoked:
        gone = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - DAY / 24).build()
        builder = builder.add_revoked_certificate(gone)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@dataclass
class Signers:
    """The files of both authorities and of one signer, in a folder."""

    folder: Path
    stamps: Authority

    @classmethod
    def made_in(cls, folder: Path, *, revoked: bool = False, crl_url: str = "") -> "Signers":
        """Make both; with ``crl_url`` the signer's certificate says that its revocation list lies there."""
        folder.mkdir(exist_ok=True)
        stamps = Authority.made_in(folder / "tsa")
        now = datetime.now(UTC)
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment"), False)
        usage |= dict.fromkeys(("key_agreement", "encipher_only", "decipher_only"), False)
        root = (
            x509.CertificateBuilder()
            .subject_name(_name("Document root"))
            .issuer_name(_name("Document root"))
            .public_key(root_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 3650 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage), critical=True
            )
            .sign(root_key, hashes.SHA256())
        )
        unsigned = (
            x509.CertificateBuilder()
            .subject_name(_name("Example Bank model governance"))
            .issuer_name(root.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 365 * DAY)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=False,
                    crl_sign=False,
                    **(usage | {"content_commitment": True}),
                ),
                critical=True,
            )
        )
        if crl_url:
            place = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
            unsigned = unsigned.add_extension(x509.CRLDistributionPoints([place]), critical=False)
        signer = unsigned.sign(root_key, hashes.SHA256())
        stamp_root = x509.load_pem_x509_certificate(stamps.ca.read_bytes())
        stamp_key = serialization.load_pem_private_key((stamps.folder / "ca.key").read_bytes(), password=None)
        assert isinstance(stamp_key, ec.EllipticCurvePrivateKey)
        pem = serialization.Encoding.PEM
        (folder / "signer.key").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        (folder / "signer.pem").write_bytes(signer.public_bytes(pem) + root.public_bytes(pem))
        (folder / "trust.pem").write_bytes(root.public_bytes(pem) + stamps.ca.read_bytes())
        (folder / "root.crl").write_bytes(_crl(root, root_key, [signer.serial_number] if revoked else []))
        (folder / "tsa.crl").write_bytes(_crl(stamp_root, stamp_key, []))
        return cls(folder, stamps)

    def identity(self, *, authority: str = "", key: str = "") -> Identity:
        """Who signs, with the file's key or another."""
        return Identity(
            key=key or str(self.folder / "signer.key"),
            certificate_file=str(self.folder / "signer.pem"),
            trust_file=str(self.folder / "trust.pem"),
            crl_files=(str(self.folder / "root.crl"), str(self.folder / "tsa.crl")),
            authority=authority,
        )

    @contextmanager
    def serving(self) -> Iterator[Identity]:
        """The same with the time-stamp authority answering."""
        with self.stamps.serving() as url:
            yield self.identity(authority=f"{url}/tsr")

    def in_softhsm(self, module: str) -> str:
        """Move the key into a SoftHSM token and return its PKCS#11 URI; SOFTHSM2_CONF names ``softhsm.conf`` here."""
        (self.folder / "tokens").mkdir(exist_ok=True)
        (self.folder / "softhsm.conf").write_text(f"directories.tokendir = {self.folder / 'tokens'}\n")
        (self.folder / "pin").write_text("1234\n")
        for arguments in (
            ["--init-token", "--free", "--label", "placet", "--pin", "1234", "--so-pin", "5678"],
            [
                "--import",
                f"{self.folder}/signer.key",
                *["--token", "placet", "--label", "documents", "--id", "01", "--pin", "1234"],
            ],
        ):
            subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)
        return f"pkcs11:token=placet;object=documents?module-path={module}&pin-source={self.folder / 'pin'}"
