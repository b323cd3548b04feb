"""The notary: gap-free indexes, signed checkpoints, refusal of whatever contradicts what it signed before."""

import json

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.audit import selectors
from governance.audit.errors import LogInconsistent
from governance.audit.export import export_bundle
from governance.audit.models import Anchor, Checkpoint
from placet.verify import leaf_hash, parse_checkpoint, root, verify_bundle, verify_consistency, verify_inclusion
from tests.audit.entries import ME, append

pytestmark = pytest.mark.django_db(transaction=True)
HIGH_WATER = settings.LOG_ORIGIN.replace("/", "_") + ".high-water.json"


def test_entries_get_gap_free_indexes_and_a_signed_checkpoint(notary):
    append(300)  # more than one tile
    assert notary.round() == 300
    checkpoint = parse_checkpoint(bytes(selectors.newest_checkpoint().note), [notary.vkey])
    bodies = [body for _, body in selectors.integrated_bodies()]
    assert [index for index, _ in selectors.integrated_bodies()] == list(range(300))
    assert checkpoint.size == 300
    assert checkpoint.root == root([leaf_hash(body) for body in bodies])
    for index in (0, 255, 256, 299):
        verify_inclusion(index, 300, leaf_hash(bodies[index]), selectors.inclusion_proof(index, 300), checkpoint.root)


def test_a_proof_takes_two_queries_however_many_tiles_it_needs(notary):
    append(300)
    notary.round()
    for way in (lambda: selectors.inclusion_proof(3, 300), lambda: selectors.consistency_proof(100, 300)):
        with CaptureQueriesContext(connection) as queries:
            way()
        assert len(queries) == 2  # where the present tree begins, and all tiles at once


def test_later_checkpoints_extend_earlier_ones(notary):
    append(3)
    notary.round()
    first = selectors.newest_checkpoint()
    append(4)
    notary.round()
    second = selectors.newest_checkpoint()
    proof = selectors.consistency_proof(first.size, second.size)
    verify_consistency(first.size, second.size, bytes(first.root), bytes(second.root), proof)


def test_nothing_new_signs_nothing_new(notary):
    append()
    notary.round()
    assert notary.round() == 0
    assert Checkpoint.objects.count() == 1


def test_the_checkpoint_is_copied_once_outside_the_database(notary):
    append()
    notary.round()
    (path,) = notary.anchor_dir.glob("*.note")
    assert path.read_bytes() == bytes(selectors.newest_checkpoint().note)
    assert Anchor.objects.get().reference.startswith(path.name)
    assert not path.stat().st_mode & 0o222


def test_a_changed_entry_stops_the_notary_before_it_signs(notary, as_superuser):
    append(2)
    notary.round()
    as_superuser("UPDATE audit_leaf SET leaf_hash = sha256('other') WHERE position = 0")
    append()
    with pytest.raises(LogInconsistent, match="changed"):
        notary.round()
    assert Checkpoint.objects.count() == 1


def test_a_log_that_lost_its_tail_stops_the_notary(notary, as_superuser):
    append(3)
    notary.round()
    as_superuser("DELETE FROM audit_leaf WHERE position = 2; DELETE FROM audit_anchor; DELETE FROM audit_checkpoint")
    with pytest.raises(LogInconsistent, match="signed before"):
        notary.round()


def test_the_refusal_holds_also_when_the_high_water_file_is_lost(notary, as_superuser):
    append(3)
    notary.round()
    (notary.state_dir / HIGH_WATER).unlink()
    as_superuser("UPDATE audit_leaf SET leaf_hash = sha256('other') WHERE position = 1")
    append()
    with pytest.raises(LogInconsistent):
        notary.round()


def test_the_high_water_mark_is_what_was_signed(notary):
    append(2)
    notary.round()
    held = json.loads((notary.state_dir / HIGH_WATER).read_text())
    assert held == {"size": 2, "root": bytes(selectors.newest_checkpoint().root).hex()}


def test_the_bundle_verifies_offline_and_a_tampered_one_does_not(notary, tmp_path, as_superuser):
    append(5)
    notary.round()
    policy = f"log {notary.vkey}\n"
    seen = next(notary.anchor_dir.glob("*.note")).read_bytes()
    path = export_bundle(tmp_path / "bundle.zip", actor=ME, wait=notary.round)
    report = verify_bundle(path, policy=policy, checkpoints=[seen])
    assert {str(report.integrity), str(report.completeness), str(report.anchoring)} == {"holds"}, report.findings
    third = "(SELECT entry_id FROM audit_leaf WHERE position = 3)"
    as_superuser(f"UPDATE audit_payload SET payload = 'other' WHERE entry_id = {third}")
    report = verify_bundle(
        export_bundle(tmp_path / "tampered.zip", actor=ME, wait=notary.round), policy=policy, checkpoints=[seen]
    )
    assert str(report.integrity) == "fails"
    assert any("3" in str(finding) for finding in report.findings)
