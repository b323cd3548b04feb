"""Where artifacts lie, in one spelling for each place, so that two addresses of the same bytes compare equal.

Too much may count as the same place, too little never: MLflow decodes a path until it stays what it is, stores drop
double slashes, a proxied address and a bucket's address name the same object, and a folder may be a symbolic link.
"""

import os
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote, urlsplit

PROXIED = "mlflow-artifacts"
PROXY_ROUTE = "/mlflow-artifacts/artifacts/"
_Owner = TypeVar("_Owner")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or file: the store that it is in, and the parts of its path there."""

    store: str
    parts: tuple[str, ...]

    def __truediv__(self, path: str | None) -> "Place":
        return Place(self.store, self.parts + parts_of(path or ""))


def parts_of(path: str) -> tuple[str, ...]:
    """Return a path's parts, decoded until nothing changes, without empty ones and ``.``; ``..`` is left standing."""
    while (decoded := unquote(path)) != path:
        path = decoded
    return tuple(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))


def place_of(uri: str, *, destination: str = "") -> Place:
    """Return the place of an artifact address.

    Args:
        uri: what MLflow calls an artifact URI or a storage location; a path without a scheme is a local one.
        destination: where this server keeps what it proxies (``--artifacts-destination``); an address of the scheme
            ``mlflow-artifacts`` is a path below it.
    """
    parts = urlsplit(uri)
    scheme = parts.scheme.lower()
    if destination and scheme == PROXIED:
        return place_of(destination) / parts.path
    if destination and scheme in ("http", "https") and PROXY_ROUTE in parts.path:
        # It may be another server's place; to freeze one too many costs little.
        return place_of(destination) / parts.path.partition(PROXY_ROUTE)[2]
    if scheme in ("", "file"):
        return Place("file", parts_of(os.path.realpath(_resolved(parts.path if scheme else uri))))
    return Place(_store(scheme, parts.netloc), parts_of(_resolved(parts.path)))


def _resolved(path: str) -> str:
    while (decoded := unquote(path)) != path:
        path = decoded
    return posixpath.normpath(path.replace("\\", "/")) if path else ""


def _store(scheme: str, netloc: str) -> str:
    host = netloc.lower()
    if scheme in ("ftp", "sftp"):
        host = host.rpartition("@")[2]  # who signs in does not change where the files are
    if scheme in ("abfss", "wasbs"):
        scheme, host = "wasbs", host.replace(".dfs.", ".blob.")  # two protocols of one Azure container
    return f"{scheme}://{host}"


class Places(Generic[_Owner]):
    """A set of folders, each somebody's, that answers whether a path would touch one."""

    def __init__(self, owned: Iterable[tuple[Place, _Owner]]) -> None:
        self._owners: dict[Place, _Owner] = {}
        self._above: dict[Place, _Owner] = {}
        for place, owner in owned:
            self._owners.setdefault(place, owner)
            for length in range(len(place.parts)):
                self._above.setdefault(Place(place.store, place.parts[:length]), owner)

    def __bool__(self) -> bool:
        return bool(self._owners)

    def owners(self) -> Iterable[_Owner]:
        """Return whose folders there are."""
        return self._owners.values()

    def around(self, place: Place) -> _Owner | None:
        """Return whose folder ``place`` is or lies in."""
        owners: Mapping[Place, _Owner] = self._owners
        lengths = range(len(place.parts), -1, -1)
        return next(
            (owners[above] for length in lengths if (above := Place(place.store, place.parts[:length])) in owners), None
        )

    def below(self, place: Place) -> _Owner | None:
        """Return whose folder lies somewhere under ``place``; one of them, when there are several."""
        return self._above.get(place)
