"""Which permits to go back lead nowhere any more: what Placet named in its last answer to a check-in, kept on disk.

A permit lies ready for thirty days, and whoever copied it has it, also once the approval of the version that it goes
back to was revoked. While Placet is away nobody revokes, so what it named last is all there is to know.
"""

import json
import logging
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from placet.mlflow_plugin.journal import journal_of_this_server

LIMIT = 10_000

_logger = logging.getLogger(__name__)
_known: frozenset[str] | None = None
_kept: frozenset[str] | None = None


def keep(digests: Collection[str]) -> None:
    """Know these, and no others, from now on, also after a restart of the server."""
    global _known, _kept  # noqa: PLW0603  (one list for the process)
    _known = frozenset(digests)
    if _known == _kept:
        return
    try:
        _write(_known)
    except OSError as problem:  # tried again at the next check-in
        _logger.warning("The list of withdrawn permits can't be kept at %s: %s", _path(), problem.strerror)
    else:
        _kept = _known


def is_withdrawn(digest: str) -> bool:
    """Return whether Placet named a permit as withdrawn when it was last heard, by this process or one before it."""
    return digest in (_known if _known is not None else _read())


def read(said: object) -> tuple[str, ...] | None:
    """Return the digests that an answer names, None where it names none, as that of an older Placet."""
    if not isinstance(said, list) or len(said) > LIMIT or not all(isinstance(digest, str) for digest in said):
        return None
    return tuple(said)


def _path() -> Path:
    return Path(f"{journal_of_this_server().path}.withdrawn")


def _read() -> frozenset[str]:
    try:
        return frozenset(read(json.loads(_path().read_bytes())) or ())
    except (OSError, ValueError):
        return frozenset()


def _write(digests: frozenset[str]) -> None:
    """Put the list in place of the last one, whole; several processes of a server write the same."""
    path = _path()
    if not digests and not path.exists():
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(sorted(digests), file)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
