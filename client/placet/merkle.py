"""Make what ``placet.verify`` checks: inclusion and consistency proofs, tiles, and a growing tree.

Proofs follow RFC 9162 (2.1.3 and 2.1.4), tiles C2SP tlog-tiles: 256 hashes wide, 32 bytes each, concatenated.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from placet.verify import EMPTY_ROOT, TILE, InvalidProof, node_hash, root, verify_consistency, verify_inclusion

ReadTile = Callable[[int, int], bytes]
"""``read_tile(level, index)``: the stored hashes of a tile, concatenated; more than needed is fine."""

_Range = Callable[[int, int], bytes]


class MissingTile(LookupError):
    """A stored tile is shorter than the tree's size says."""


def tile_path(level: int | str, index: int, width: int = TILE) -> str:
    """Return the path of a tile (``level`` 0 to 63, or ``entries``) as C2SP tlog-tiles spells it."""
    text = f"{index % 1000:03d}"
    while index := index // 1000:
        text = f"x{index % 1000:03d}/{text}"
    return f"tile/{level}/{text}" + ("" if width == TILE else f".p/{width}")


def entry_bundle(entries: Iterable[bytes]) -> bytes:
    """Return up to 256 entries as C2SP tlog-tiles keeps them beside a tile: each after its length in two bytes."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def inclusion_proof(index: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Return the proof that leaf ``index`` is in the tree over ``leaf_hashes``, sibling first.

    Raises:
        ValueError: ``index`` is not in the tree.
    """
    return _inclusion(index, len(leaf_hashes), lambda low, high: root(leaf_hashes[low:high]))


def consistency_proof(old_size: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Return the proof that the tree over ``leaf_hashes`` begins with its first ``old_size`` leaves.

    Raises:
        ValueError: ``old_size`` is 0 or larger than the tree.
    """
    return _consistency(old_size, len(leaf_hashes), lambda low, high: root(leaf_hashes[low:high]))


def root_from_tiles(size: int, read_tile: ReadTile) -> bytes:
    """Return the root of the first ``size`` leaves, read from tiles; the empty root for size 0."""
    return _over_tiles(read_tile)(0, size) if size else EMPTY_ROOT


def inclusion_proof_from_tiles(index: int, size: int, read_tile: ReadTile) -> list[bytes]:
    """Return the inclusion proof of leaf ``index`` in the tree of ``size`` leaves, read from tiles.

    Raises:
        ValueError: ``index`` is not in the tree.
        MissingTile: a tile that the tree needs is shorter than it should be.
    """
    return _inclusion(index, size, _over_tiles(read_tile))


def consistency_proof_from_tiles(old_size: int, new_size: int, read_tile: ReadTile) -> list[bytes]:
    """Return the consistency proof from ``old_size`` to ``new_size``, read from tiles.

    Raises:
        ValueError: ``old_size`` is 0 or larger than ``new_size``.
        MissingTile: a tile that the tree needs is shorter than it should be.
    """
    return _consistency(old_size, new_size, _over_tiles(read_tile))


def extend_tiles(size: int, leaf_hashes: Iterable[bytes], read_tile: ReadTile) -> dict[tuple[int, int], bytes]:
    """Append leaves to a tree of ``size`` leaves and return every tile that changed, whole: (level, index) to hashes.

    Args:
        size: the leaves already in the tree; only its last, partial tiles are read.
        leaf_hashes: the new leaves' hashes, 32 bytes each, in order.
        read_tile: how to read the tiles that exist now; not called for tiles that would be empty.
    """
    changed: dict[tuple[int, int], bytes] = {}
    level, hashes = 0, list(leaf_hashes)
    while hashes:
        index, filled = divmod(size >> (8 * level), TILE)
        data = bytearray(_hashes(read_tile(level, index), filled, level, index) if filled else b"")
        above: list[bytes] = []
        for item in hashes:
            data += item
            if len(data) == TILE * 32:
                changed[level, index] = bytes(data)
                above.append(root([bytes(data[i : i + 32]) for i in range(0, TILE * 32, 32)]))
                index, data = index + 1, bytearray()
        if data:
            changed[level, index] = bytes(data)
        level, hashes = level + 1, above
    return changed


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield (level, index, width) of every tile that a tree of ``size`` leaves has."""
    level = 0
    while count := size >> (8 * level):
        yield from ((level, index, TILE) for index in range(count >> 8))
        if count & 255:
            yield level, count >> 8, count & 255
        level += 1


def verify_subtree_inclusion(
    index: int, start: int, end: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that ``leaf_hash`` is leaf ``index`` of a log whose leaves [start, end) have this ``root``.

    Raises:
        InvalidProof: it is not; or [start, end) is no subtree: ``start`` must be a multiple of the smallest power of
            two that is at least ``end - start``.
    Source: draft-ietf-plants-merkle-tree-certs, 4.3.2.
    """
    _subtree(start, end)
    if not start <= index < end:
        raise InvalidProof(f"Index {index} is not inside the subtree from {start} to {end}.")
    verify_inclusion(index - start, end - start, leaf_hash, proof, root)


def verify_subtree_consistency(  # noqa: C901 the draft's algorithm in one piece
    start: int, end: int, size: int, subtree_root: bytes, root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of ``size`` leaves with this ``root`` holds the subtree over its leaves [start, end).

    Raises:
        InvalidProof: it does not, the proof has the wrong length, or [start, end) is no subtree of such a tree.
    Source: draft-ietf-plants-merkle-tree-certs, 4.4.3.
    """
    if start == end <= size and not proof and subtree_root == EMPTY_ROOT:
        return  # the draft's empty subtree is in every tree, and says nothing
    _subtree(start, end)
    if end > size:
        raise InvalidProof(f"A tree of size {size} has no leaf {end - 1}.")
    if start == 0:
        verify_consistency(end, size, subtree_root, root, proof)
        return
    if any(len(item) != 32 for item in (subtree_root, root, *proof)):
        raise InvalidProof("Every hash in a proof is 32 bytes long.")
    fn, sn, tn = start, end - 1, size - 1
    at_the_end = sn == tn
    while fn != sn and (at_the_end or sn & 1):  # to the level of the node from which the proof climbs
        fn, sn, tn = fn >> 1, sn >> 1, tn >> 1
    rest = list(proof)
    old = new = subtree_root if fn == sn else (rest.pop(0) if rest else b"")
    for sibling in rest:
        if tn == 0:
            raise InvalidProof("The proof is too long.")
        if sn & 1 or sn == tn:
            if fn < sn:
                old = node_hash(sibling, old)
            new = node_hash(sibling, new)
            while sn and not sn & 1:
                fn, sn, tn = fn >> 1, sn >> 1, tn >> 1
        else:
            new = node_hash(new, sibling)
        fn, sn, tn = fn >> 1, sn >> 1, tn >> 1
    if tn:
        raise InvalidProof("The proof is too short.")
    if old != subtree_root or new != root:
        raise InvalidProof(f"The tree of size {size} does not hold this subtree over leaves {start} to {end - 1}.")


def _subtree(start: int, end: int) -> None:
    if not 0 <= start < end or start % (1 << (end - start - 1).bit_length()):
        raise InvalidProof(f"The leaves from {start} to before {end} are no subtree.")


class Frontier:
    """A tree that grows: keeps one hash per complete subtree, so an append costs two hashes on average.

    >>> tree = Frontier()
    >>> tree.append(bytes(32))
    >>> (tree.size, tree.root() == bytes(32))
    (1, True)
    """

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Continue a tree from its stored ``size`` and ``hashes`` (largest subtree first); a new one by default.

        Raises:
            ValueError: the number of hashes is not the number of complete subtrees of ``size``.
        """
        if size < 0 or len(hashes) != size.bit_count():
            raise ValueError(
                f"A tree of size {size} has {max(size, 0).bit_count()} complete subtrees, not {len(hashes)}."
            )
        self.size = size
        self.hashes = list(hashes)

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf."""
        carry, size = leaf_hash, self.size
        while size & 1:
            carry, size = node_hash(self.hashes.pop(), carry), size >> 1
        self.hashes.append(carry)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far; SHA-256 of nothing when there is none."""
        if not self.hashes:
            return EMPTY_ROOT
        *rest, result = self.hashes
        for left in reversed(rest):
            result = node_hash(left, result)
        return result


def _split(count: int) -> int:
    """Return the largest power of two below ``count`` (at least 2)."""
    return 1 << ((count - 1).bit_length() - 1)


def _inclusion(index: int, size: int, over: _Range) -> list[bytes]:
    if not 0 <= index < size:
        raise ValueError(f"Entry {index} is not in a tree of size {size}.")
    low, high, proof = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(over(middle, high))
            high = middle
        else:
            proof.append(over(low, middle))
            low = middle
    return proof[::-1]


def _consistency(old_size: int, new_size: int, over: _Range) -> list[bytes]:
    if not 0 < old_size <= new_size:
        raise ValueError(f"There is no consistency proof from size {old_size} to size {new_size}.")
    low, high, proof = 0, new_size, []
    while high > old_size:
        middle = low + _split(high - low)
        if old_size <= middle:
            proof.append(over(middle, high))
            high = middle
        else:
            proof.append(over(low, middle))
            low = middle
    if low:  # the old tree is not one complete subtree, so the proof begins with its last part
        proof.append(over(low, high))
    return proof[::-1]


def _over_tiles(read_tile: ReadTile) -> _Range:
    cached = lru_cache(maxsize=64)(read_tile)

    def over(low: int, high: int) -> bytes:
        count = high - low
        if count & (count - 1) == 0 and (count.bit_length() - 1) % 8 == 0:
            level = (count.bit_length() - 1) // 8
            index, at = divmod(low >> (8 * level), TILE)
            return _hashes(cached(level, index), at + 1, level, index)[-32:]
        middle = low + _split(count)
        return node_hash(over(low, middle), over(middle, high))

    return over


def _hashes(tile: bytes, width: int, level: int, index: int) -> bytes:
    if len(tile) < width * 32:
        raise MissingTile(f"Tile {level}/{index} holds {len(tile) // 32} hashes; the tree needs {width}.")
    return bytes(tile[: width * 32])
