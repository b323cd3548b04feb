"""An RFC 3161 time-stamp authority: signs that the checkpoint existed at a time, whoever holds the log's key later."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256

from cryptography.x509 import Certificate
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from governance.audit.anchors.exchange import post
from governance.audit.anchors.sinks import Anchored, Published
from governance.audit.errors import AnchorUnavailable

DEADLINE = timedelta(seconds=20)
_SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True)
class TimeStampAuthority:
    """One authority.

    Attributes:
        roots: certificates that its own must lead to. Without any, only nonce and imprint are checked here; signature
            and chain are left to whoever verifies the token later.
    """

    name: str
    url: str = field(repr=False)
    roots: Sequence[Certificate] = ()
    every: timedelta = timedelta(days=1)
    deadline: timedelta = DEADLINE

    def publish(self, checkpoint: Published) -> Anchored:
        """Have the note's bytes stamped; the proof is the token, as the authority made it."""
        request = TimestampRequestBuilder().data(checkpoint.note).hash_algorithm(HashAlgorithm.SHA256).build()
        reply = post(
            self.url,
            content=request.as_bytes(),
            headers={"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"},
            deadline=self.deadline,
            sink=self.name,
        )
        if reply.status != 200:
            raise self._unavailable(f"answered {reply.status} ({reply.sentence}). Check the address")
        try:
            token = _token(reply.content)
            response = decode_timestamp_response(_with_ordered_certificates(reply.content))
        except (ValueError, IndexError):
            raise self._unavailable("did not answer with a time-stamp. Check the address") from None
        self._check(response, checkpoint.note, nonce=request.nonce)
        info = response.tst_info
        return Anchored(
            f"{self.name} no. {info.serial_number}, {info.gen_time:%Y-%m-%dT%H:%M:%SZ} {checkpoint.digest}", token
        )

    def _check(self, response: TimeStampResponse, note: bytes, *, nonce: int | None) -> None:
        if PKIStatus(response.status) != PKIStatus.GRANTED:
            why = "; ".join(response.status_string) or "without a reason"
            raise self._unavailable(f"refused the request: {PKIStatus(response.status).name.lower()}, {why}")
        try:
            info = response.tst_info
            imprint = info.message_imprint
        except ValueError:
            raise self._unavailable("did not answer with a time-stamp. Check the address") from None
        if info.nonce != nonce:
            raise self._unavailable(
                "answered another request than ours (nonce): an old answer, or one for somebody else"
            )
        if imprint.hash_algorithm.dotted_string != _SHA256 or imprint.message != sha256(note).digest():
            raise self._unavailable("stamped other bytes than the checkpoint (message imprint)")
        if self.roots:
            try:
                VerifierBuilder(roots=list(self.roots), nonce=nonce).build().verify_message(response, note)
            except VerificationError as error:
                raise self._unavailable(
                    f"signed with a certificate that does not lead to ?ca=, or not at all ({_short(error)})"
                ) from None

    def _unavailable(self, what: str) -> AnchorUnavailable:
        return AnchorUnavailable(f"The time-stamp authority {self.name} {what}.", sink=self.name)


def _short(error: Exception) -> str:
    text = str(error)
    return text.partition("ErrorStack")[0].strip(" :") or text[:200]


def _elements(content: bytes) -> list[bytes]:
    """Split DER content into its elements. Raises IndexError or ValueError where it is not DER."""
    found, at = [], 0
    while at < len(content):
        length, header = content[at + 1], 2
        if length & 0x80:
            header += length & 0x7F
            length = int.from_bytes(content[at + 2 : at + header], "big")
        end = at + header + length
        if end > len(content):
            raise ValueError("cut short")
        found.append(content[at:end])
        at = end
    return found


def _content(element: bytes) -> bytes:
    header = 2 + (element[1] & 0x7F if element[1] & 0x80 else 0)
    return element[header:]


def _token(response: bytes) -> bytes:
    """Return the token in a response (TimeStampResp: status, token), byte by byte; empty when it was refused."""
    parts = _elements(_content(response))
    return parts[1] if len(parts) > 1 else b""


def _with_ordered_certificates(response: bytes) -> bytes:
    """Return the response with its certificates in DER's order.

    They are a set, so DER sorts them, and the decoder insists; OpenSSL's time-stamp command and authorities built on it
    write them as they come. The signature does not cover them, and the token that is kept is the one that came.
    """
    token = _token(response)
    if not token:
        return response
    signed_data = _elements(_content(_elements(_content(token))[1]))[0]
    for part in _elements(_content(signed_data)):
        if part[0] == 0xA0:
            header = part[: len(part) - len(_content(part))]
            return response.replace(part, header + b"".join(sorted(_elements(_content(part)))), 1)
    return response
