"""Digests of files and of model artifacts.

The digest of record of a model version is the root digest of the OpenSSF Model Signing manifest (model_signing 1.1.1:
sha256, file serialization, no ignored paths, symbolic links refused), so the stock tool arrives at the same value.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from placet.canonical import canonical_json

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class UnusableArtifact(ValueError):
    """An artifact folder holds something without a digest: a symbolic link, a device, a name that is not Unicode."""


def sha256(data: bytes) -> str:
    """Return ``sha256:<64 hex>`` of ``data``."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return ``sha256:<64 hex>`` of a file's content, read a MiB at a time."""
    with Path(path).open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def is_digest(text: object) -> bool:
    """Return whether ``text`` is a digest as Placet writes it."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def hex_of(digest: str) -> str:
    """Return the 64 hex digits of a digest. Raises ValueError when it is not one."""
    if not is_digest(digest):
        raise ValueError(f"{digest!r} is not a digest: expected 'sha256:' and 64 lower-case hex digits.")
    return digest.removeprefix("sha256:")


@dataclass(frozen=True)
class ArtifactFile:
    """One file of an artifact: POSIX path below the root, size in bytes, digest of the content."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True)
class ArtifactManifest:
    """Every file of an artifact, in the order of the Model Signing manifest (by path components)."""

    files: tuple[ArtifactFile, ...]

    @property
    def root_digest(self) -> str:
        """The digest of record: SHA-256 over the files' raw digests in order.

        It binds contents and their order, not the names: a file renamed without changing its place keeps it. Compare
        ``digest`` as well where names matter.
        Source: model_signing 1.1.1, ``_signing.signing.Payload``.
        """
        return sha256(b"".join(bytes.fromhex(hex_of(f.digest)) for f in self.files))

    @property
    def digest(self) -> str:
        """The digest of the whole manifest, names and sizes included: SHA-256 of its canonical JSON."""
        return sha256(self.content)

    @property
    def content(self) -> bytes:
        """The manifest as canonical JSON: a list of ``{"path", "size", "digest"}``."""
        return canonical_json([{"path": f.path, "size": f.size, "digest": f.digest} for f in self.files])


def artifact_manifest(path: str | os.PathLike[str]) -> ArtifactManifest:
    """Digest every file below a folder (or one single file). Empty folders do not count.

    Raises:
        UnusableArtifact: it contains a symbolic link or a special file, or holds no file at all.
        OSError: a file cannot be read.
    """
    top = Path(path)
    files = []
    for file in walk(top):
        path = named(file, top)
        files.append((PurePosixPath(path).parts, ArtifactFile(path, file.stat().st_size, file_digest(file))))
    if not files:
        raise UnusableArtifact(f"{top} holds no file, so there is nothing to approve.")
    return ArtifactManifest(tuple(entry for _, entry in sorted(files, key=lambda item: item[0])))


def artifact_digest(path: str | os.PathLike[str]) -> str:
    """Return the digest of record of an artifact: the root digest of its manifest. Raises as ``artifact_manifest``."""
    return artifact_manifest(path).root_digest


def named(file: Path, top: Path) -> str:
    """Return a file's POSIX path below ``top``. Raises UnusableArtifact when it is not Unicode."""
    relative = file.relative_to(top).as_posix()
    try:
        relative.encode()
    except UnicodeEncodeError:
        raise UnusableArtifact(f"The name of {relative!r} is not Unicode; rename the file.") from None
    return relative


def walk(path: Path) -> Iterator[Path]:
    """Yield every file below a folder, or the one that it is.

    Raises:
        UnusableArtifact: there is a symbolic link or a special file.
    """
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode):
        for child in path.iterdir():
            yield from walk(child)
    elif stat.S_ISREG(mode):
        yield path
    else:
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "not a regular file"
        raise UnusableArtifact(f"{path} is {kind}; an approval binds only regular files. Log the file itself.")
