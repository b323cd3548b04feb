"""Anybody's tlog client can read the log: tiles and entries at their C2SP addresses, under the signed checkpoint."""

import pytest
from django.test import Client

from governance.accounts.roles import Role
from governance.audit import selectors
from placet.merkle import consistency_proof_from_tiles, root_from_tiles, tile_path, tiles_of
from placet.verify import leaf_hash, root, verify_consistency
from tests.audit.entries import a_person, append, granted
from tests.roles import as_role

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def auditor(notary):
    with as_role("app"):
        person = a_person("auditor@bank.example")
        granted(person, Role.AUDITOR)
        append(300)
    notary.round()
    with as_role("app"):
        client = Client()
        client.force_login(person)
        yield client


def fetched(client: Client, path: str) -> bytes:
    answer = client.get(f"/api/v1/log/{path}")
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    return answer.content


def test_the_tree_and_the_entries_are_rebuilt_from_their_tiles_and_fit_the_checkpoint(auditor):
    head = selectors.newest_checkpoint()
    tiles = {
        (level, index): fetched(auditor, tile_path(level, index, width)) for level, index, width in tiles_of(head.size)
    }
    assert root_from_tiles(head.size, lambda level, index: tiles[level, index]) == bytes(head.root)
    bodies = []
    for index, width in ((0, 256), (1, head.size - 256)):
        data = fetched(auditor, tile_path("entries", index, width))
        while data:
            length = int.from_bytes(data[:2])
            bodies.append(data[2 : 2 + length])
            data = data[2 + length :]
    assert [leaf_hash(body) for body in bodies] == [tiles[0, i // 256][32 * (i % 256) :][:32] for i in range(head.size)]
    old = root([leaf_hash(body) for body in bodies[:100]])
    proof = consistency_proof_from_tiles(100, head.size, lambda level, index: tiles[level, index])
    verify_consistency(100, head.size, old, bytes(head.root), proof)


def test_a_partial_tile_keeps_its_bytes_when_the_log_has_grown(auditor, notary):
    before = fetched(auditor, "tile/0/001.p/7")
    append(20)
    with as_role("notary"):
        notary.round()
    assert fetched(auditor, "tile/0/001.p/7") == before
    assert fetched(auditor, "tile/0/001.p/8")[:-32] == before


@pytest.mark.parametrize(
    "path",
    ["0/0", "0/000.p/256", "0/000.p/0", "64/000", "entry/000", "0/x000/001", "0/001", "0/001.p/200", "9/000", "../x"],
)
def test_what_is_no_address_or_not_there_yet_says_so(auditor, path):
    answer = auditor.get(f"/api/v1/log/tile/{path}")
    assert answer.status_code == 404
    assert "tile" in answer.json()["detail"] or answer.json()["title"]


def test_who_may_not_export_the_log_may_not_read_its_tiles(auditor):
    engineer = a_person("engineer@bank.example")
    granted(engineer, Role.ENGINEER)
    client = Client()
    assert client.get("/api/v1/log/tile/0/000").status_code in {401, 403}
    client.force_login(engineer)
    assert client.get("/api/v1/log/tile/0/000").status_code == 403
