"""After a legitimate restore the log begins anew under another name, committed to the old head, the gap in view."""

from __future__ import annotations

import dataclasses

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from governance.audit import forking, selectors
from governance.audit.errors import ForkRefused, LogInconsistent
from governance.audit.export import export_bundle
from governance.audit.models import Origin
from placet.verify import parse_checkpoint, verify_bundle
from tests.audit.entries import ME, a_person, append, granted
from tests.roles import as_role

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "Disk lost; restored the dump of the morning."
RESTORE = """
DELETE FROM audit_anchor WHERE position > {size}; DELETE FROM audit_checkpoint WHERE position > {size};
DELETE FROM audit_search WHERE position >= {size};
CREATE TEMP TABLE gone AS SELECT entry_id FROM audit_leaf WHERE position >= {size};
DELETE FROM audit_leaf WHERE position >= {size}; DELETE FROM audit_payload WHERE entry_id IN (TABLE gone);
DELETE FROM audit_subject WHERE entry_id IN (TABLE gone); DELETE FROM audit_entry WHERE id IN (TABLE gone);
DELETE FROM accounts_grant WHERE log_entry IN (TABLE gone);
DROP TABLE gone
"""


@pytest.fixture
def restored(notary, as_superuser):
    """A log of 300 entries, restored to the state when it had 260, with one entry that was never placed."""
    notary.open()
    with as_role("app"):
        granted(a_person())
    append(258)
    notary.round()
    kept = selectors.size()
    early = bytes(selectors.newest_checkpoint().note)
    append(40)
    notary.round()
    head = bytes(selectors.newest_checkpoint().note)
    as_superuser(RESTORE.format(size=kept))
    append()
    return notary, kept, early, head


def renamed(notary, settings):
    settings.LOG_ORIGIN = "placet.localhost/forked"
    return dataclasses.replace(notary, origin=settings.LOG_ORIGIN)


def test_without_a_fork_nothing_is_signed(restored):
    notary, *_ = restored
    with pytest.raises(LogInconsistent, match="was signed before: entries are missing"):
        notary.round()


def test_entry_0_commits_to_the_old_head_and_the_survivors_follow_in_their_order(restored, settings):
    notary, kept, _early, head = restored
    before = [body for _, body in selectors.integrated_bodies()]
    anew = renamed(notary, settings)
    done = forking.fork(anew, after=head, vkeys=[notary.vkey], reason=WHY)
    assert (done.kept, done.lost) == (kept, 40)
    anew.open()
    anew.round()
    told = selectors.entry_at(0).parsed
    assert (told["event"], told["log"]) == ("log.forked", "placet.localhost/forked")
    old = parse_checkpoint(head, [notary.vkey])
    assert told["data"] == {
        "previous": {
            "origin": old.origin,
            "size": old.size,
            "root": "sha256:" + old.root.hex(),
            "note": head.decode(),
        },
        "kept": kept,
        "carried": 1,
        "reason": WHY,
    }
    assert [body for _, body in selectors.integrated_bodies()][1 : kept + 1] == before
    assert [row.origin for row in Origin.objects.order_by("shard")] == [notary.origin, anew.origin]
    assert parse_checkpoint(bytes(selectors.newest_checkpoint().note), [anew.vkey]).size == selectors.size()


def test_an_old_checkpoint_holds_as_far_as_entries_survived_and_fails_beyond(restored, settings, tmp_path):
    notary, _kept, early, head = restored
    anew = renamed(notary, settings)
    forking.fork(anew, after=head, vkeys=[notary.vkey], reason=WHY)
    anew.open()
    anew.round()
    append(3)
    with as_role("app"):
        granted(a_person("later@bank.example"))
    anew.round()
    path = export_bundle(tmp_path / "bundle.zip", actor=ME, wait=anew.round)
    trust = f"log {notary.vkey}\nlog {anew.vkey}\n"
    report = verify_bundle(path, policy=trust, checkpoints=[early, bytes(selectors.newest_checkpoint().note)][:1])
    assert (str(report.integrity), str(report.completeness), str(report.anchoring)) == ("holds",) * 3, report.findings
    beyond = verify_bundle(path, policy=trust, checkpoints=[head])
    assert str(beyond.anchoring) == "fails"
    assert "gave up those from 260 on (entries 0 to 0 say why)" in beyond.findings[0].message


def test_entries_go_on_under_the_new_name_only(restored, settings):
    notary, _kept, _early, head = restored
    old_name = settings.LOG_ORIGIN
    anew = renamed(notary, settings)
    forking.fork(anew, after=head, vkeys=[notary.vkey], reason=WHY)
    append()
    settings.LOG_ORIGIN = old_name
    with pytest.raises(IntegrityError, match=r"keeps the log placet\.localhost/forked"):
        append()
    with pytest.raises(LogInconsistent, match=r"keeps the log placet\.localhost/forked"):
        notary.open()


def test_a_fork_can_be_forked(restored, settings, tmp_path):
    notary, _kept, early, head = restored
    second = renamed(notary, settings)
    forking.fork(second, after=head, vkeys=[notary.vkey], reason=WHY)
    second.round()
    newest = bytes(selectors.newest_checkpoint().note)
    settings.LOG_ORIGIN = "placet.localhost/third"
    third = dataclasses.replace(notary, origin=settings.LOG_ORIGIN)
    forking.fork(third, after=newest, vkeys=[second.vkey], reason="The disk was lost once more, nothing else with it.")
    third.open()
    third.round()
    path = export_bundle(tmp_path / "bundle.zip", actor=ME, wait=third.round)
    trust = "".join(f"log {one.vkey}\n" for one in (notary, second, third))
    for seen in (early, newest):
        report = verify_bundle(path, policy=trust, checkpoints=[seen])
        assert (report.exit_code, report.findings) == (0, ())


def refused(notary, after, reason=WHY, vkeys=None):
    with pytest.raises(ForkRefused) as refusal:
        forking.fork(notary, after=after, vkeys=vkeys or [notary.vkey], reason=reason)
    return refusal.value.detail


def test_what_contradicts_a_fork_is_named(restored, settings, as_superuser):
    notary, kept, early, head = restored
    assert "still says" in refused(notary, head)
    anew = renamed(notary, settings)
    old = [notary.vkey]
    assert "in a sentence" in refused(anew, head, reason="oops", vkeys=old)
    assert "can't be used: No key" in refused(anew, head, vkeys=[anew.vkey])
    assert "A later checkpoint was signed, of 300 entries" in refused(anew, early, vkeys=old)
    changed = f"(SELECT entry_id FROM audit_leaf WHERE position = {kept - 200})"
    as_superuser(
        f"UPDATE audit_entry SET body = body || ' '::bytea WHERE id = {changed};"
        f"UPDATE audit_entry SET leaf_hash = sha256('\\x00'::bytea || body) WHERE id = {changed}"
    )
    assert "no older state of the same log" in refused(anew, head, vkeys=old)
    assert Origin.objects.count() == 1


def test_the_command_forks_once_every_process_is_stopped(restored, settings, tmp_path, capsys):
    from cryptography.hazmat.primitives import serialization

    notary, kept, _early, head = restored
    forms = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for name, key in (("log.pem", notary.log_key), ("permit.pem", notary.permit_key)):
        (tmp_path / name).write_bytes(key.private_bytes(*forms))
    (tmp_path / "newest.note").write_bytes(head)
    (tmp_path / "policy.txt").write_text(f"log {notary.vkey}\n")
    settings.LOG_KEY_FILES, settings.PERMIT_KEY_FILE = [str(tmp_path / "log.pem")], str(tmp_path / "permit.pem")
    settings.NOTARY_STATE_DIR, settings.ANCHOR_DIR = str(notary.state_dir), str(notary.anchor_dir)
    fork = ["fork", "--after", str(tmp_path / "newest.note"), "--trust", str(tmp_path / "policy.txt"), "--reason", WHY]
    with pytest.raises(CommandError, match="still says"):
        call_command("notary", *fork)
    settings.LOG_ORIGIN = "placet.localhost/forked"
    call_command("notary", *fork)
    said = capsys.readouterr().out
    assert f"{kept} entries kept, 40 lost" in said
    assert "log placet.localhost/forked+" in said
