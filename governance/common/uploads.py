"""Files that come with a form: a body larger than any file we take is not read to its end, let alone kept."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, StopUpload

SPARE = 1_000_000  # bytes, for the other fields and the borders between the parts


def largest() -> int:
    """Return how many bytes a file may have."""
    return int(settings.MAX_DOCUMENT_MB) * 1_000_000


class BoundedUploads(FileUploadHandler):
    """Stop at the first file of a body that is too long; the form then finds no file and says why."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],  # noqa: N803 (Django's name)
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> None:
        """Note how long the body says it is."""
        self.too_long = content_length > largest() + SPARE

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Refuse the file of a body that is too long."""
        super().new_file(*args, **kwargs)
        if self.too_long:
            raise StopUpload(connection_reset=True)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass the bytes on to the handlers that keep them."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the handlers that kept it."""
