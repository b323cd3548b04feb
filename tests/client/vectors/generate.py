"""Make ``trees.json``: proofs over a tree built by brute force, and spoilt ones, for sizes up to 300.

It imports nothing of Placet: the tree is RFC 9162's definition written down again, slowly. To make the file anew:
``python tests/client/vectors/generate.py > tests/client/vectors/trees.json``. Leaf ``i`` is the hash of the entry
``leaf <i>``. Every root up to 300 leaves is there; proofs of an index or older size are spread over all sizes. Hashes
in proofs are numbers in ``hashes``, which keeps the file small.
"""

import base64
import functools
import hashlib
import json
import sys

MOST = 300


@functools.cache
def leaf(index: int) -> bytes:
    return hashlib.sha256(b"\x00" + b"leaf %d" % index).digest()


@functools.cache
def mth(start: int, end: int) -> bytes:
    """MTH(D[start:end]) of RFC 9162, 2.1.1."""
    if start == end:
        return hashlib.sha256(b"").digest()
    if end - start == 1:
        return leaf(start)
    middle = start + split(end - start)
    return hashlib.sha256(b"\x01" + mth(start, middle) + mth(middle, end)).digest()


def split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def path(index: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D[n]) of RFC 9162, 2.1.3.1."""
    if end - start == 1:
        return []
    middle = start + split(end - start)
    if index < middle:
        return [*path(index, start, middle), mth(middle, end)]
    return [*path(index, middle, end), mth(start, middle)]


def subproof(old: int, start: int, end: int, complete: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 9162, 2.1.4.1."""
    if old == end:
        return [] if complete else [mth(start, end)]
    middle = start + split(end - start)
    if old <= middle:
        return [*subproof(old, start, middle, complete), mth(middle, end)]
    return [*subproof(old, middle, end, False), mth(start, middle)]


def spoilt(proof: list[bytes], turn: int) -> list[bytes]:
    """Return the proof with one thing wrong: cut, lengthened, a hash changed or two exchanged."""
    wrong = list(proof)
    kind = turn % 4
    if kind == 0 and wrong:
        wrong.pop(turn % len(wrong))
    elif kind == 1 and len(wrong) > 1 and wrong[0] != wrong[-1]:
        wrong[0], wrong[-1] = wrong[-1], wrong[0]
    elif kind == 2 and wrong:
        at = turn % len(wrong)
        wrong[at] = bytes([wrong[at][0] ^ 1]) + wrong[at][1:]
    else:
        wrong.append(leaf(turn % MOST))
    return wrong


def main() -> None:
    """Print the vectors as JSON."""
    hashes: dict[bytes, int] = {}

    def numbered(proof: list[bytes]) -> list[int]:
        return [hashes.setdefault(item, len(hashes)) for item in proof]

    inclusion, consistency = [], []
    for size in range(1, MOST + 1):
        for index in sorted({0, size - 1, size // 2, (size * 7) // 11, split(size) if size > 1 else 0}):
            proof = path(index, 0, size)
            inclusion.append([size, index, numbered(proof), 1])
            inclusion.append([size, index, numbered(spoilt(proof, size + index)), 0])
        for old in sorted({1, size, size // 2 or 1, (size * 5) // 7 or 1, split(size) if size > 1 else 1}):
            proof = subproof(old, 0, size, True)
            consistency.append([size, old, numbered(proof), 1])
            consistency.append([size, old, numbered(spoilt(proof, size + old)), 0])
    roots = b"".join(mth(0, size) for size in range(MOST + 1))
    value = {
        "roots": base64.b64encode(roots).decode(),
        "hashes": base64.b64encode(b"".join(hashes)).decode(),
        "inclusion": inclusion,
        "consistency": consistency,
    }
    json.dump(value, sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
