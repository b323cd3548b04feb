"""Bodies that are records: taken in piece by piece, with an end."""

from collections.abc import Iterator, Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from monitoring.body import MAX_BYTES, PIECE, Body
from monitoring.errors import TooManyRecords, UnreadableRecords


class RecordsRequest(Request):
    """A request whose body may come in chunks, without a ``Content-Length``; Django reads none of such a body."""

    def _load_stream(self) -> None:  # Django REST framework's own, which its stubs leave out
        meta = self._request.META
        chunked = meta.get("HTTP_TRANSFER_ENCODING", "").strip().lower() == "chunked"
        if chunked and meta.get("wsgi.input_terminated") and not self._request._read_started:  # type: ignore[attr-defined]
            self._stream = meta["wsgi.input"]  # the server ends it where the chunks end
        else:
            super()._load_stream()  # type: ignore[misc]


class RecordsParser(BaseParser):
    """Any content type, as bytes in a file; which ones are taken is said by the reader of records."""

    media_type = "*/*"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Body]:
        """Return the body as ``{"body": Body}``, still packed as ``Content-Encoding`` says.

        Raises:
            TooManyRecords: it has more than 64 MiB, or says so. If it says so nothing is read, else no more than that.
            UnreadableRecords: it ended before its ``Content-Length``.
        """
        said = (parser_context or {})["request"].META.get("CONTENT_LENGTH") or ""
        length = int(said) if said.isascii() and said.isdigit() else None
        if length is not None and length > MAX_BYTES:
            raise TooManyRecords(f"The body says it has {length:,} bytes; a batch has at most {MAX_BYTES:,}. Split it.")
        body = Body.of(_pieces(stream), limit=MAX_BYTES)
        if length is not None and body.size != length:
            raise UnreadableRecords(f"The body ended after {body.size:,} of {length:,} bytes. Send it again.")
        return {"body": body}


def _pieces(stream: IO[Any]) -> Iterator[bytes]:
    while piece := stream.read(PIECE):
        yield piece
