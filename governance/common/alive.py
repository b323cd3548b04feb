"""Signs of life: each process without an address says in the cache that it works, so that others see who fell silent.

A hint, never the truth: a wiped cache forgets all of them, and each is there again within ``EVERY_S``.
"""

import logging
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from governance.common import clock

log = logging.getLogger(__name__)
EVERY_S = 10.0
_KEPT_S = 7 * 86_400
_told: dict[str, float] = {}


@dataclass(frozen=True)
class Disk:
    """The disk that a folder lies on, in bytes."""

    free: int
    total: int

    @property
    def share_free(self) -> float:
        """From 0 to 1."""
        return self.free / self.total if self.total else 0.0


@dataclass(frozen=True)
class SignOfLife:
    """When a process last said that it works, and how full the disk is that it writes files to."""

    at: datetime
    disk: Disk | None


def tell(part: str) -> None:
    """Say that ``part`` works, at most once in ``EVERY_S``. A cache that does not answer costs nobody anything."""
    now = time.monotonic()
    if now - _told.get(part, -EVERY_S) < EVERY_S:
        return
    _told[part] = now
    disk = storage_disk()
    try:
        cache.set(_key(part), (clock.now(), disk and (disk.free, disk.total)), _KEPT_S)
    except RedisError as error:
        log.debug("no sign of life of %s could be left: %s", part, error)


def told(parts: Iterable[str]) -> dict[str, SignOfLife]:
    """Return the newest sign of each part that gave one in the last seven days.

    Raises:
        redis.exceptions.RedisError: the cache does not answer.
    """
    names = {_key(part): part for part in parts}
    found = cache.get_many(names)
    return {names[key]: SignOfLife(at, Disk(*disk) if disk else None) for key, (at, disk) in found.items()}


def storage_disk() -> Disk | None:
    """Return the disk of this machine that files are written to, None where the folder is not there yet."""
    try:
        usage = shutil.disk_usage(Path(settings.STORAGE_ROOT))
    except OSError:
        return None
    return Disk(usage.free, usage.total)


def _key(part: str) -> str:
    return f"placet:alive:{part}"
