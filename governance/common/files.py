"""Files under the storage root: in a folder, or in a bucket with the folder as the place of the copies that are read.

Callers name a file by its path under ``STORAGE_ROOT`` either way. With a bucket (``STORAGE_BUCKET``) the object of the
same name is what counts. A copy is good for as long as the object is the one that it was made of; :func:`fetch` sees to
that, and takes copies away that nobody has read for a day. What must not be done twice is a conditional write, so two
machines that share a bucket need no lock.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings

from governance.common.errors import DomainError, OutsideSystemDown
from governance.common.object_store import open_store, reason

DRAFT = ".draft-"
UNREAD_S = 86_400
_PRUNED_EVERY_S = 3_600
_pruned_at = 0.0

Seen = Mapping[Path, str | None]
"""What the store held under each path when it was looked at: the object's tag, None for nothing."""


class StorageUnavailable(OutsideSystemDown):
    """The bucket that holds Placet's files does not answer, or does not take what it is given."""

    title = "The file storage does not answer"


class Overtaken(DomainError):
    """A file is not what it was a moment ago, since somebody else wrote it meanwhile."""

    title = "Somebody else was writing the same"


def draft(content: Any, path: Path) -> Path:
    """Write bytes beside ``path``, on the disk for good, and return where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=DRAFT)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def exists(path: Path) -> bool:
    """Return whether there is such a file."""
    return path.exists() if not settings.STORAGE_BUCKET else _head(path) is not None


def fetch(paths: Iterable[Path]) -> None:
    """Make the local copies what the store holds; where it holds nothing there is no copy either."""
    if not settings.STORAGE_BUCKET:
        return
    _prune()
    for path in paths:
        _fetch(path)


def read(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        FileNotFoundError: there is none.
    """
    fetch([path])
    return path.read_bytes()


def seen(paths: Iterable[Path]) -> Seen:
    """Return what the store holds now, for a later :func:`place`; nothing where a lock does the same."""
    return {path: _head(path) for path in paths} if settings.STORAGE_BUCKET else {}


def place(made: Path, path: Path, *, before: Seen | None = None) -> None:
    """Let a draft become ``path``, as a whole or not at all, also when the machine loses power.

    Args:
        before: if given and a bucket is used, what must still be there for it to be replaced.
    Raises:
        Overtaken: something else is there; not if it is the same bytes.
    """
    if not settings.STORAGE_BUCKET:
        made.replace(path)
        sync_folder(path.parent)
        return
    try:
        if before is None:
            with _answers(writing=True):
                tag = _obstore().put(_store(), _key(path), made)["e_tag"]
        else:
            tag = _put_if(path, made.read_bytes(), before.get(path))
        if tag:  # then it is the copy as well
            os.utime(made, ns=(time.time_ns(), _mark(tag)))
            made.replace(path)
            return
        fetch([path])
        if not path.exists() or path.read_bytes() != made.read_bytes():
            raise Overtaken(f"{path.name} was written by somebody else at the same moment. Send it again.")
    finally:
        made.unlink(missing_ok=True)


def create(content: bytes, path: Path) -> None:
    """Put bytes at ``path`` unless something is there: of any number of callers exactly one gets through."""
    if settings.STORAGE_BUCKET:
        _put_if(path, content, None)
        return
    made = draft(content, path)
    try:
        os.link(made, path)
        sync_folder(path.parent)
    except FileExistsError:
        pass
    finally:
        made.unlink()


def share(made: Path) -> None:
    """Let other machines see a draft, too, so that any of them can :func:`settle` it."""
    if settings.STORAGE_BUCKET:
        with _answers(writing=True):
            _obstore().put(_store(), _key(made), made)


def settle(made: Path, path: Path) -> None:
    """Let a shared draft take ``path``'s place, also when the machine loses power thereafter.

    Raises:
        FileNotFoundError: there is no such draft (any more).
    """
    if not settings.STORAGE_BUCKET:
        made.replace(path)
        sync_folder(path.parent)
        return
    with _answers():
        try:
            _obstore().copy(_store(), _key(made), _key(path))
        except FileNotFoundError:
            raise FileNotFoundError(made) from None
    path.unlink(missing_ok=True)
    remove(made)


def remove(path: Path) -> None:
    """Delete a file, if it is there."""
    if settings.STORAGE_BUCKET:
        with _answers(), suppress(FileNotFoundError):
            _obstore().delete(_store(), _key(path))
    path.unlink(missing_ok=True)


def found(folder: Path, *patterns: str) -> Iterator[Path]:
    """Yield the files below ``folder`` whose path from there fits a pattern; in no order."""
    if settings.STORAGE_BUCKET:
        for path, _ in _listed(folder):
            below = PurePosixPath(path.relative_to(folder).as_posix())
            if any(len(below.parts) == pattern.count("/") + 1 and below.match(pattern) for pattern in patterns):
                yield path
        return
    for pattern in patterns:
        yield from folder.glob(pattern)


def old_drafts(folder: Path, *, older_than: float) -> Iterator[Path]:
    """Yield unfinished files that nobody has touched since ``older_than`` (seconds since 1970)."""
    if settings.STORAGE_BUCKET:
        for path, written_at in _listed(folder):
            if path.name.startswith(DRAFT) and written_at < older_than:
                yield path
    for path in folder.rglob(f"{DRAFT}*"):
        try:
            if path.stat().st_mtime < older_than:
                yield path
        except FileNotFoundError:
            continue


def try_out(*, timeout_s: float) -> None:
    """Write a file and delete it again, to see whether files can be written now; with a bucket, there too.

    Args:
        timeout_s: of each call to the bucket, which is tried once.
    Raises:
        OSError: the folder does not take it.
        StorageUnavailable: the bucket does not answer, or does not take it.
    """
    draft(b"placet\n", Path(settings.STORAGE_ROOT) / "probe").unlink()
    if settings.STORAGE_BUCKET:
        options = settings.STORAGE_OPTIONS
        store = open_store(settings.STORAGE_BUCKET, options=options, timeout_s=timeout_s, retries=0, who="web")
        with _answers(writing=True):
            _obstore().put(store, "probe", b"placet\n")
            with suppress(FileNotFoundError):  # another process tried it out at the same moment
                _obstore().delete(store, "probe")


def sync_folder(folder: Path) -> None:
    """See to it that a name that was written into a folder survives a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fetch(path: Path) -> None:
    """Copy an object unless the copy that is here was made of it.

    The tag is kept as the copy's time of change, which one rename brings into place together with the bytes.
    """
    tag = _head(path)
    if tag is None:
        path.unlink(missing_ok=True)
        return
    if path.exists() and path.stat().st_mtime_ns == _mark(tag):
        os.utime(path, ns=(time.time_ns(), _mark(tag)))  # read just now
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=DRAFT)
    copy = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, _answers():
            try:
                got = _obstore().get(_store(), _key(path))
                for piece in got.stream():
                    file.write(piece)
            except FileNotFoundError:  # deleted just now
                path.unlink(missing_ok=True)
                return
        os.utime(copy, ns=(time.time_ns(), _mark(got.meta["e_tag"])))
        copy.replace(path)
    finally:
        copy.unlink(missing_ok=True)


def _mark(tag: str) -> int:
    """Return a tag as a time, in nanoseconds, of the years 1970 to 2001; a whole number of seconds is one of none."""
    return int.from_bytes(sha256(tag.encode()).digest()[:8]) % 10**18


def _put_if(path: Path, content: bytes, tag: str | None) -> str:
    """Write an object if the store holds the one with this tag, or none; return the new tag, empty if it does not."""
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    with _answers(writing=True):
        try:
            mode: Any = "create" if tag is None else {"e_tag": tag}
            return str(_obstore().put(_store(), _key(path), content, mode=mode, use_multipart=False)["e_tag"])
        except (AlreadyExistsError, PreconditionError):
            return ""


def _head(path: Path) -> str | None:
    with _answers():
        try:
            return str(_obstore().head(_store(), _key(path))["e_tag"])
        except FileNotFoundError:
            return None


def _listed(folder: Path) -> Iterator[tuple[Path, float]]:
    with _answers():
        for page in _obstore().list(_store(), prefix=_key(folder)):
            for meta in page:
                yield settings.STORAGE_ROOT / meta["path"], meta["last_modified"].timestamp()


def _prune() -> None:
    """Take copies away that nobody has read for a day, so that what was erased elsewhere does not stay here."""
    global _pruned_at  # noqa: PLW0603 (once in a while in each process)
    now = time.time()
    if now - _pruned_at < _PRUNED_EVERY_S:
        return
    _pruned_at = now
    for path in Path(settings.STORAGE_ROOT).rglob("*"):
        try:
            if path.is_file() and path.stat().st_atime < now - UNREAD_S:
                path.unlink()
        except FileNotFoundError:
            continue


def _key(path: Path) -> str:
    return path.relative_to(settings.STORAGE_ROOT).as_posix()


def _store() -> Any:
    return _opened(settings.STORAGE_BUCKET, tuple(sorted(settings.STORAGE_OPTIONS.items())))


@lru_cache(maxsize=4)
def _opened(url: str, options: tuple[tuple[str, str], ...]) -> Any:
    return open_store(url, options=dict(options), timeout_s=120, retries=3, who="every process of Placet")


def _obstore() -> Any:
    import obstore  # that the web process needs only once a file is touched

    return obstore


@contextmanager
def _answers(*, writing: bool = False) -> Iterator[None]:
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError) as error:
        if isinstance(error, FileNotFoundError) and not writing:  # obstore raises Python's own for no such object
            raise
        raise StorageUnavailable(
            f"The file storage does not take the call: {reason(error)}. Check PLACET_STORAGE_URL, the bucket's region, "
            "and that Placet's identity may list, read, write and delete there."
        ) from error
