"""Digest an artifact where it lies, one file at a time: a folder here, or any artifact store that MLflow reads.

The result equals ``placet.digests.artifact_manifest`` of a whole copy, and no whole copy is ever on the disk. Stores
other than a folder need the extra ``placet[mlflow]``.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from placet.digests import ArtifactFile, ArtifactManifest, UnusableArtifact, named, walk

Progress = Callable[[str, int], object]
"""Told the path of a file and how many more of its bytes were digested."""
DEEPEST = 32
MOST_FILES = 100_000
_PIECE = 1 << 18  # small enough to stay in a processor's cache, as in hashlib.file_digest


def folder_manifest(top: Path, *, progress: Progress = lambda path, size: None, threads: int = 0) -> ArtifactManifest:
    """Digest every file below a folder (or one file), several at a time.

    Args:
        threads: how many files at a time; by default one for each processor, at most 8. Hashing leaves Python's lock.
    Raises:
        UnusableArtifact, OSError: as ``artifact_manifest``.
    """
    paths = [(file, named(file, top)) for file in walk(top)]

    def digest(item: tuple[Path, str]) -> ArtifactFile:
        file, path = item
        return _digested(file, path, progress)

    with ThreadPoolExecutor(threads or min(8, os.cpu_count() or 1)) as pool:
        return _manifest(pool.map(digest, sorted(paths, key=lambda item: -item[0].stat().st_size)), str(top))


def store_manifest(uri: str, *, progress: Progress = lambda path, size: None, threads: int = 4) -> ArtifactManifest:
    """Digest every file under an artifact location (``s3://``, ``mlflow-artifacts:``, ``models:/``, ``runs:/``, …).

    A file is fetched into a temporary folder, digested and deleted before the next of its thread is. A location in a
    folder of this machine is digested where it is.

    Args:
        threads: how many files at a time; so many are on the disk at once.
    Raises:
        UnusableArtifact: nothing lies there, or the store lists what can't be a file below its root.
        MlflowException, OSError: the store can't be read.
    """
    location = _location(uri)
    if here := _local(location):
        return folder_manifest(here, progress=progress)
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    store = get_artifact_repository(location)
    with tempfile.TemporaryDirectory(prefix="placet-digest-") as folder:

        def digest(item: tuple[int, str]) -> ArtifactFile:
            number, path = item
            target = Path(folder) / str(number)  # never a name that the store chose
            try:
                store._download_file(path, str(target))
                return _digested(target, path, progress)
            finally:
                target.unlink(missing_ok=True)

        with ThreadPoolExecutor(threads) as pool:
            return _manifest(pool.map(digest, enumerate(_listed(store))), uri)


def _location(uri: str) -> str:
    """Return where the files of a model or of a run lie; any other location is itself."""
    if uri.startswith("models:"):
        from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository

        return str(ModelsArtifactRepository.get_underlying_uri(uri))
    if uri.startswith("runs:"):
        from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository

        return str(RunsArtifactRepository.get_underlying_uri(uri))
    return uri


def _local(location: str) -> Path | None:
    parts = urlsplit(location)
    if parts.scheme not in {"", "file"}:
        return None
    return Path(unquote(parts.path) if parts.scheme else location)


def _listed(store: Any) -> Iterator[str]:
    """Yield the path below the location of each file."""
    folders: list[str | None] = [None]
    count = 0
    while folders:
        for row in store.list_artifacts(folders.pop()):
            path = PurePosixPath(row.path)
            if ".." in path.parts or path.is_absolute() or "\0" in row.path or not path.parts:
                raise UnusableArtifact(f"The store lists a file called {row.path!r}.")
            count += 1
            if len(path.parts) > DEEPEST or count > MOST_FILES:
                raise UnusableArtifact(f"The store lists more than {MOST_FILES} files or {DEEPEST} folders deep.")
            if row.is_dir:
                folders.append(row.path)
            else:
                yield str(path)


def _digested(file: Path, path: str, progress: Progress) -> ArtifactFile:
    digest, size = sha256(), 0
    with file.open("rb", buffering=0) as opened:
        piece = bytearray(_PIECE)
        view = memoryview(piece)
        while read := opened.readinto(piece):
            digest.update(view[:read])
            size += read
            progress(path, read)
    return ArtifactFile(path, size, f"sha256:{digest.hexdigest()}")


def _manifest(files: Iterator[ArtifactFile], where: str) -> ArtifactManifest:
    found = sorted(files, key=lambda file: PurePosixPath(file.path).parts)
    if not found:
        raise UnusableArtifact(f"{where} holds no file, so there is nothing to approve.")
    return ArtifactManifest(tuple(found))
