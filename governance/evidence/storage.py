"""Content-addressed files under the storage root: named by digest, written once, read only when the digest fits."""

import os
import tempfile
from collections.abc import Callable, Iterable
from hashlib import file_digest, sha256
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from governance.common import files
from governance.common.errors import Unknown

FILES = "files"
"""The folder of what is kept for good. Files that are deleted again have a folder of their own, so that the same bytes,
handed in as a file of evidence, stay."""


Explain = Callable[[str], str]
_explains: list[Explain] = []


def register_explain(explain: Explain) -> None:
    """Let an app say why bytes are gone that once were here.

    Args:
        explain: takes a digest and returns a sentence; an empty text where it does not know.
    """
    if explain not in _explains:
        _explains.append(explain)


def _missing(digest: str) -> str:
    said = [f"Nothing is stored under {digest}.", *(explain(digest) for explain in _explains)]
    return " ".join(filter(None, said))


def path_of(digest: str, *, folder: str = FILES) -> Path:
    """Return where a digest's bytes lie, or would lie, in a folder of the storage root."""
    value = digest.removeprefix("sha256:")
    if len(value) != 64 or not all(c in "0123456789abcdef" for c in value):
        raise Unknown(f"{digest} is no digest.")
    return Path(settings.STORAGE_ROOT) / folder / value[:2] / value


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


def put_stream(chunks: Iterable[bytes], *, folder: str = FILES) -> str:
    """Keep bytes that come piece by piece and return their digest; no more than one piece is in memory."""
    top = Path(settings.STORAGE_ROOT) / folder
    top.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=top)
    digest = sha256()
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        path = path_of(name := f"sha256:{digest.hexdigest()}", folder=folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(temporary).chmod(0o644)
        files.place(Path(temporary), path)  # over the same bytes, if they are there
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return name


def remove(digest: str, *, folder: str = FILES) -> None:
    """Delete the bytes of a digest, if they are there."""
    files.remove(path_of(digest, folder=folder))


def holds(digest: str, *, folder: str = FILES) -> bool:
    """Return whether something is kept under a digest."""
    return files.exists(path_of(digest, folder=folder))


def open_checked(digest: str, *, folder: str = FILES) -> BinaryIO:
    """Open the bytes of a digest at their beginning, once they were held against it; the caller closes the file.

    Raises:
        Unknown: nothing is kept under it, or what lies there has other bytes.
    """
    path = path_of(digest, folder=folder)
    files.fetch([path])
    if not path.exists():
        raise Unknown(_missing(digest))
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
        raise Unknown(_missing(digest))
    content = path.read_bytes()
    if "sha256:" + sha256(content).hexdigest() != digest:
        raise Unknown(f"The bytes stored under {digest} are not the ones that were put there.")
    return content
