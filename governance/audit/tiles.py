"""Serve the log as C2SP tlog-tiles: hashes of the tree and the entries, 256 at a time, each at its fixed address."""

import re
from dataclasses import dataclass

from governance.audit import selectors
from governance.audit.models import Leaf
from governance.common.errors import Unknown
from placet.merkle import entry_bundle, tile_path
from placet.verify import TILE

_PATH = re.compile(r"(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


@dataclass(frozen=True)
class Tile:
    """Which tile: a level of the tree or ``entries``, its number, how many of its 256 places are asked for."""

    level: int | None
    index: int
    width: int

    @property
    def covers(self) -> int:
        """How many entries the tree must have for the tile to be filled so far."""
        return (self.index * TILE + self.width) << (8 * (self.level or 0))


def parse(path: str) -> Tile:
    """Read the part of an address behind ``tile/``, such as ``0/x001/234.p/17`` or ``entries/000``.

    Raises:
        Unknown: it is not spelled as C2SP tlog-tiles spells it.
    """
    found = _PATH.fullmatch(path)
    if found:
        level = None if found[1] == "entries" else int(found[1])
        tile = Tile(level, int(found[2].replace("x", "").replace("/", "")), int(found[3] or TILE))
        if tile_path(found[1], tile.index, tile.width) == f"tile/{path}":
            return tile
    raise Unknown(f"{path} is not the address of a tile, such as 0/000, 0/x001/234.p/17 or entries/000.")


def read(tile: Tile) -> bytes:
    """Return a tile's bytes: hashes of 32 bytes each, or entries, each after its length in two bytes.

    Raises:
        Unknown: the newest signed checkpoint does not cover it yet.
    """
    checkpoint = selectors.newest_checkpoint()
    if checkpoint is None or checkpoint.size < tile.covers:
        size = checkpoint.size if checkpoint else 0
        raise Unknown(f"The tile needs {tile.covers} entries; the newest checkpoint covers {size}.")
    if tile.level is not None:
        return selectors.tiles()(tile.level, tile.index)[: 32 * tile.width]
    first = selectors.base() + tile.index * TILE
    rows = Leaf.objects.filter(position__gte=first, position__lt=first + tile.width).order_by("position")
    return entry_bundle(bytes(body) for body in rows.values_list("entry__body", flat=True))
