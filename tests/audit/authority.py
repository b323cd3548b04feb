"""A time-stamp authority on loopback: `openssl ts -reply` with a CA and a certificate made for the test."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.audit.anchoring import http_server

CONFIGURATION = """
[tsa]
default_tsa = placet_test
[placet_test]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
certs = {folder}/ca.pem
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256, sha512
ess_cert_id_chain = no
"""
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], capture_output=True, timeout=60)


@dataclass(frozen=True)
class Authority:
    """The files of one authority in a folder."""

    folder: Path

    @classmethod
    def made_in(cls, folder: Path) -> "Authority":
        """Make a CA, and a certificate for time-stamping under it."""
        folder.mkdir()
        ca, tsa = folder / "ca", folder / "tsa"
        run("req", "-x509", *KEY, "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-subj", "/CN=Test CA", "-days", "2")
        run("req", *KEY, "-keyout", f"{tsa}.key", "-out", f"{tsa}.csr", "-subj", "/CN=Test TSA")
        (folder / "ext").write_text("extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n")
        signing = ("-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-extfile", folder / "ext")
        run("x509", "-req", "-in", f"{tsa}.csr", *signing, "-days", "2", "-out", f"{tsa}.pem")
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
        return cls(folder)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def reply(self, query: bytes) -> bytes:
        """Return the authority's answer to a request, both DER."""
        (self.folder / "query.tsq").write_bytes(query)
        files = ("-queryfile", self.folder / "query.tsq", "-out", self.folder / "reply.tsr")
        run("ts", "-reply", "-config", self.folder / "tsa.cnf", *files)
        return (self.folder / "reply.tsr").read_bytes()

    def verify(self, token: bytes, data: bytes) -> bool:
        """Say whether `openssl ts -verify` accepts the token for the data, as an auditor would run it."""
        (self.folder / "token.tst").write_bytes(token)
        (self.folder / "data").write_bytes(data)
        files = ("-in", self.folder / "token.tst", "-data", self.folder / "data", "-CAfile", self.ca)
        return openssl("ts", "-verify", "-token_in", *files).returncode == 0

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Answer over HTTP; yields the address."""
        with http_server(lambda query: (200, self.reply(query))) as url:
            yield url


def run(*arguments: str | Path) -> None:
    done = openssl(*arguments)
    assert done.returncode == 0, done.stderr.decode()
