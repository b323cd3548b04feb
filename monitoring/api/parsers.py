"""Bodies that are records: read as bytes, with an end."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from monitoring.errors import TooManyRecords, UnreadableRecords

MAX_BYTES = 64 * 1024 * 1024


class RecordsParser(BaseParser):
    """Any content type, as bytes; which ones are taken is said by the reader of records."""

    media_type = "*/*"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, bytes]:
        """Return the body as ``{"body": bytes}``.

        Raises:
            TooManyRecords: it has more than 64 MiB; no more than that is read.
            UnreadableRecords: it is compressed.
        """
        request = (parser_context or {})["request"]
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise UnreadableRecords("Compressed bodies are not taken; Parquet is compressed inside.")
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise TooManyRecords(f"The body has more than {MAX_BYTES:,} bytes. Split the batch.")
        return {"body": body}
