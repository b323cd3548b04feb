"""Proofs made by placet.merkle are what placet.verify accepts, and nothing else is."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.merkle import (
    Frontier,
    MissingTile,
    consistency_proof,
    consistency_proof_from_tiles,
    extend_tiles,
    inclusion_proof,
    inclusion_proof_from_tiles,
    root_from_tiles,
    tile_path,
    tiles_of,
)
from placet.notes import encode_vkey, sign_checkpoint
from placet.receipts import encode_receipt, verify_receipt
from placet.verify import (
    EMPTY_ROOT,
    InvalidProof,
    InvalidSignature,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"entry %d" % i) for i in range(count)]


def tiles(hashes: list[bytes]) -> dict[tuple[int, int], bytes]:
    return extend_tiles(0, hashes, lambda level, index: b"")


def test_the_root_is_the_rfcs_recursive_definition():
    def mth(hashes):
        if len(hashes) < 2:
            return hashes[0] if hashes else hashlib.sha256(b"").digest()
        k = 1
        while k * 2 < len(hashes):
            k *= 2
        return node_hash(mth(hashes[:k]), mth(hashes[k:]))

    for size in [*range(20), 31, 33, 255, 256, 257]:
        assert root(leaves(size)) == mth(leaves(size))


def test_every_inclusion_proof_up_to_40_leaves_verifies_and_fails_for_any_other_leaf():
    for size in range(1, 41):
        hashes = leaves(size)
        for index in range(size):
            proof = inclusion_proof(index, hashes)
            verify_inclusion(index, size, hashes[index], proof, root(hashes))
            other = (index + 1) % size
            if other != index:
                with pytest.raises(InvalidProof):
                    verify_inclusion(index, size, hashes[other], proof, root(hashes))


def test_every_consistency_proof_up_to_40_leaves_verifies():
    hashes = leaves(40)
    for new in range(1, 41):
        for old in range(1, new + 1):
            proof = consistency_proof(old, hashes[:new])
            verify_consistency(old, new, root(hashes[:old]), root(hashes[:new]), proof)


@given(size=st.integers(2, 600), data=st.data())
@settings(deadline=None, max_examples=60)
def test_one_flipped_bit_in_an_inclusion_proof_is_refused(size, data):
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, hashes)
    which = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    flipped = bytearray(proof[which])
    flipped[bit // 8] ^= 1 << bit % 8
    proof[which] = bytes(flipped)
    with pytest.raises(InvalidProof):
        verify_inclusion(index, size, hashes[index], proof, root(hashes))


@given(old=st.integers(1, 400), more=st.integers(1, 400), data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_changed_history_has_no_consistency_proof(old, more, data):
    new = old + more
    hashes = leaves(new)
    changed = list(hashes)
    changed[data.draw(st.integers(0, old - 1))] = leaf_hash(b"forged")
    with pytest.raises(InvalidProof):
        verify_consistency(old, new, root(hashes[:old]), root(changed), consistency_proof(old, changed))


@given(old=st.integers(0, 700), more=st.integers(0, 700), data=st.data())
@settings(deadline=None, max_examples=25)
def test_proofs_from_tiles_are_the_proofs_from_leaves(old, more, data):
    hashes = leaves(old + more)
    stored = tiles(hashes[:old])
    stored |= extend_tiles(old, hashes[old:], lambda level, index: stored[level, index])
    assert stored == tiles(hashes)
    assert {(lv, i): len(h) // 32 for (lv, i), h in stored.items()} == {
        (lv, i): w for lv, i, w in tiles_of(len(hashes))
    }
    assert root_from_tiles(len(hashes), lambda level, index: stored[level, index]) == root(hashes)
    if hashes:
        size = data.draw(st.integers(1, len(hashes)))
        index = data.draw(st.integers(0, size - 1))
        proof = inclusion_proof_from_tiles(index, size, lambda level, at: stored[level, at])
        assert proof == inclusion_proof(index, hashes[:size])
        proof = consistency_proof_from_tiles(size, len(hashes), lambda level, at: stored[level, at])
        assert proof == consistency_proof(size, hashes)


def test_a_tree_above_two_tile_levels_has_the_same_root_from_tiles():
    hashes = [leaf_hash(i.to_bytes(4, "big")) for i in range(66_000)]
    stored = tiles(hashes)
    assert max(level for level, _ in stored) == 2
    assert root_from_tiles(66_000, lambda level, index: stored[level, index]) == root(hashes)
    proof = inclusion_proof_from_tiles(65_535, 66_000, lambda level, index: stored[level, index])
    verify_inclusion(65_535, 66_000, hashes[65_535], proof, root(hashes))


def test_a_stored_tile_that_is_too_short_is_named():
    with pytest.raises(MissingTile, match="Tile 0/0 holds 2 hashes; the tree needs 3"):
        root_from_tiles(3, lambda level, index: b"".join(leaves(2)))


def test_a_frontier_grows_to_the_same_roots_and_can_be_continued():
    tree, hashes = Frontier(), leaves(300)
    assert tree.root() == EMPTY_ROOT
    for count, item in enumerate(hashes, start=1):
        tree.append(item)
        tree = Frontier(tree.size, tree.hashes)
        if count in {1, 2, 3, 7, 255, 256, 257, 300}:
            assert tree.root() == root(hashes[:count])
    with pytest.raises(ValueError, match="complete subtrees"):
        Frontier(3, [bytes(32)])


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [(0, 256, "000"), (1234067, 256, "x001/x234/067"), (5, 17, "005.p/17"), (1000, 1, "x001/000.p/1")],
)
def test_tile_paths_are_spelled_as_c2sp_spells_them(index, width, path):
    assert tile_path(0, index, width) == f"tile/0/{path}"
    assert tile_path("entries", index, width) == f"tile/entries/{path}"


def test_the_specifications_example_of_70000_leaves():
    found = list(tiles_of(70_000))
    assert sum(1 for level, _, width in found if level == 0 and width == 256) == 273
    assert [t for t in found if t[2] != 256] == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert list(tiles_of(256)) == [(0, 0, 256), (1, 0, 1)]


@pytest.mark.parametrize(
    "bad", [lambda h: inclusion_proof(3, h), lambda h: consistency_proof(0, h), lambda h: consistency_proof(4, h)]
)
def test_a_proof_of_what_is_not_in_the_tree_is_refused(bad):
    with pytest.raises(ValueError, match=r"not in a tree|no consistency proof"):
        bad(leaves(3))


def test_a_receipt_proves_one_entry_and_no_other(log):
    hashes = [leaf_hash(body) for body in log.bodies]
    receipt = encode_receipt(index=4, proof=inclusion_proof(4, hashes), checkpoint_note=log.checkpoint(), extra=b"hi")
    assert receipt.startswith(b"c2sp.org/tlog-proof@v1\nextra aGk=\nindex 4\n")
    found = verify_receipt(receipt, entry=log.bodies[4], vkeys=[log.vkey])
    assert (found.index, found.checkpoint.size, found.extra) == (4, 7, b"hi")
    with pytest.raises(InvalidProof):
        verify_receipt(receipt, entry=log.bodies[3], vkeys=[log.vkey])
    with pytest.raises(InvalidProof):
        verify_receipt(receipt.replace(b"index 4", b"index 5"), entry=log.bodies[4], vkeys=[log.vkey])
    with pytest.raises(InvalidProof, match="not a C2SP tlog-proof"):
        verify_receipt(b"hello", entry=log.bodies[4], vkeys=[log.vkey])
    with pytest.raises(InvalidSignature):
        verify_receipt(receipt, entry=log.bodies[4], vkeys=[encode_vkey("other.example", log.key.public_key())])


def test_a_receipt_of_the_only_entry_has_an_empty_proof(log):
    note = sign_checkpoint(origin="bank.example/audit/1", size=1, root=leaf_hash(log.bodies[0]), private_key=log.key)
    receipt = encode_receipt(index=0, proof=[], checkpoint_note=note)
    assert verify_receipt(receipt, entry=log.bodies[0], vkeys=[log.vkey]).index == 0
