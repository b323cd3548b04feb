"""Content-addressed files under the storage root: named by digest, written once, read only when the digest fits."""

import os
import tempfile
from collections.abc import Iterable
from hashlib import file_digest, sha256
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from governance.common import files
from governance.common.errors import Unknown


def path_of(digest: str) -> Path:
    """Return where a digest's bytes lie, or would lie."""
    value = digest.removeprefix("sha256:")
    if len(value) != 64 or not all(c in "0123456789abcdef" for c in value):
        raise Unknown(f"{digest} is no digest.")
    return Path(settings.STORAGE_ROOT) / "files" / value[:2] / value


def put(content: bytes) -> str:
    """Keep bytes and return their digest. Safe twice; a torn write is never seen."""
    digest = "sha256:" + sha256(content).hexdigest()
    path = path_of(digest)
    if files.exists(path):
        return digest
    made = files.draft(content, path)
    made.chmod(0o644)
    files.place(made, path)
    return digest


def put_stream(chunks: Iterable[bytes]) -> str:
    """Keep bytes that come piece by piece and return their digest; no more than one piece is in memory."""
    folder = Path(settings.STORAGE_ROOT) / "files"
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder)
    digest = sha256()
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        path = path_of(name := f"sha256:{digest.hexdigest()}")
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(temporary).chmod(0o644)
        files.place(Path(temporary), path)  # over the same bytes, if they are there
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return name


def remove(digest: str) -> None:
    """Delete the bytes of a digest, if they are there."""
    files.remove(path_of(digest))


def holds(digest: str) -> bool:
    """Return whether something is kept under a digest."""
    return files.exists(path_of(digest))


def open_checked(digest: str) -> BinaryIO:
    """Open the bytes of a digest at their beginning, once they were held against it; the caller closes the file.

    Raises:
        Unknown: nothing is kept under it, or what lies there has other bytes.
    """
    path = path_of(digest)
    files.fetch([path])
    if not path.exists():
        raise Unknown(f"Nothing is stored under {digest}.")
    file = path.open("rb")
    if f"sha256:{file_digest(file, 'sha256').hexdigest()}" != digest:
        file.close()
        raise Unknown(f"The bytes stored under {digest} are not the ones that were put there.")
    file.seek(0)
    return file


def get(digest: str) -> bytes:
    """Return the bytes of a digest.

    Raises:
        Unknown: nothing is kept under it, or what lies there has other bytes.
    """
    path = path_of(digest)
    files.fetch([path])
    if not path.exists():
        raise Unknown(f"Nothing is stored under {digest}.")
    content = path.read_bytes()
    if "sha256:" + sha256(content).hexdigest() != digest:
        raise Unknown(f"The bytes stored under {digest} are not the ones that were put there.")
    return content
