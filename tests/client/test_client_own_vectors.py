"""Our own committed vectors: a tree built by brute force for all sizes up to 300 agrees with verifier and prover."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from placet.merkle import Frontier, consistency_proof, inclusion_proof
from placet.verify import InvalidProof, leaf_hash, root, verify_consistency, verify_inclusion

FOLDER = Path(__file__).parent / "vectors"
LEAVES = [leaf_hash(b"leaf %d" % i) for i in range(300)]


def cut(text: str) -> list[bytes]:
    raw = base64.b64decode(text)
    return [raw[i : i + 32] for i in range(0, len(raw), 32)]


@pytest.fixture(scope="module")
def vectors():
    value = json.loads((FOLDER / "trees.json").read_text())
    return value | {"roots": cut(value["roots"]), "hashes": cut(value["hashes"])}


def holds(check, *arguments) -> bool:
    try:
        check(*arguments)
    except InvalidProof:
        return False
    return True


def test_the_generator_still_makes_the_committed_file():
    made = subprocess.run([sys.executable, "-I", FOLDER / "generate.py"], capture_output=True, check=True)
    assert made.stdout == (FOLDER / "trees.json").read_bytes()
    assert len(made.stdout) < 400_000


def test_every_root_up_to_300_leaves_is_the_brute_force_root(vectors):
    tree = Frontier()
    assert len(vectors["roots"]) == 301
    for size, expected in enumerate(vectors["roots"]):
        assert root(LEAVES[:size]) == expected
        assert tree.root() == expected
        tree.append(leaf_hash(b"leaf %d" % size))


def test_every_inclusion_case_is_judged_as_it_was_made_and_proved_alike(vectors):
    for size, index, numbers, right in vectors["inclusion"]:
        proof, top = [vectors["hashes"][n] for n in numbers], vectors["roots"][size]
        assert holds(verify_inclusion, index, size, LEAVES[index], proof, top) == bool(right), (size, index)
        if right:
            assert inclusion_proof(index, LEAVES[:size]) == proof


def test_every_consistency_case_is_judged_as_it_was_made_and_proved_alike(vectors):
    for size, old, numbers, right in vectors["consistency"]:
        proof, roots = [vectors["hashes"][n] for n in numbers], vectors["roots"]
        assert holds(verify_consistency, old, size, roots[old], roots[size], proof) == bool(right), (size, old)
        if right:
            assert consistency_proof(old, LEAVES[:size]) == proof


def test_there_are_as_many_cases_to_refuse_as_to_accept(vectors):
    for kind in ("inclusion", "consistency"):
        outcomes = [case[3] for case in vectors[kind]]
        assert len(outcomes) > 2000
        assert outcomes.count(0) == outcomes.count(1)
