"""Somebody who owns the database alters the log with each trigger off: what shows it, and what only an outside copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from governance.audit import erasure, guards, selectors
from governance.audit.errors import DomainError
from governance.audit.export import export_bundle
from governance.audit.integration import integrate
from governance.audit.notary import Notary
from governance.common.postgres.base import as_owner
from placet.bundle import BrokenLog
from placet.verify import Report, verify_bundle
from tests.audit.entries import ME, a_person, an_entry_with_a_text, append, granted
from tests.proving import PROVE, write_down
from tests.roles import as_role

pytestmark = pytest.mark.django_db(transaction=True)
Superuser = Callable[[str], None]
REMAKE = "DELETE FROM audit_anchor; DELETE FROM audit_checkpoint; DELETE FROM audit_node; DELETE FROM audit_search; "


@dataclass
class Scene:
    """A log of twelve entries, half of them under a checkpoint that somebody outside has kept."""

    notary: Notary
    folder: Path
    alter: Superuser
    outside: bytes
    newest: bytes

    def remade(self, statement: str, *, notary: Notary | None = None) -> None:
        """Alter the entries, then have all of them placed and signed anew, as if nothing had been signed before."""
        self.alter(
            f"{REMAKE} DELETE FROM audit_leaf; {statement}; "
            "INSERT INTO audit_pending SELECT seq, id FROM audit_entry ORDER BY seq"
        )
        for file in self.notary.state_dir.iterdir():
            file.unlink()
        (self.folder / "elsewhere").mkdir()
        anew = replace(notary or self.notary, anchor_dir=self.folder / "elsewhere")
        integrate()
        anew.round()


@pytest.fixture
def scene(notary, as_superuser, tmp_path) -> Scene:
    """The set-up of every attack."""
    with as_role("app"):
        person = a_person()
        granted(person)
        an_entry_with_a_text()
        append(4)
    notary.round()
    outside = bytes(selectors.newest_checkpoint().note)
    with as_role("app"):
        granted(a_person("other@bank.example"))
        append(5)
    notary.round()
    return Scene(notary, tmp_path, as_superuser, outside, bytes(selectors.newest_checkpoint().note))


NAMES = "\"table\" = 'accounts_grant'"
SWAP = "convert_to(replace(convert_from(body, 'UTF8'), '\"n\":2', '\"n\":3'), 'UTF8')"


def edit(scene: Scene) -> None:
    scene.alter(f"UPDATE audit_entry SET body = {SWAP} WHERE position('\"n\":2' in convert_from(body, 'UTF8')) > 0")


def edit_with_hashes(scene: Scene) -> None:
    scene.alter(
        f"UPDATE audit_entry SET body = {SWAP}; UPDATE audit_entry SET leaf_hash = sha256('\\x00'::bytea || body);"
        "UPDATE audit_leaf l SET leaf_hash = e.leaf_hash FROM audit_entry e WHERE e.id = l.entry_id"
    )


def delete_an_entry(scene: Scene) -> None:
    scene.alter(
        "CREATE TEMP TABLE gone AS SELECT entry_id FROM audit_leaf WHERE position = 3;"
        "DELETE FROM audit_leaf WHERE position = 3; DELETE FROM audit_payload WHERE entry_id IN (TABLE gone);"
        "DELETE FROM audit_search WHERE position = 3; DELETE FROM audit_entry WHERE id IN (TABLE gone); DROP TABLE gone"
    )


def delete_an_entry_and_close_the_gap(scene: Scene) -> None:
    delete_an_entry(scene)
    scene.alter(
        "CREATE TEMP TABLE rest AS SELECT position - 1 AS position, entry_id, leaf_hash FROM audit_leaf"
        " WHERE position > 3;"
        "DELETE FROM audit_leaf WHERE position >= 3; INSERT INTO audit_leaf TABLE rest; DROP TABLE rest"
    )


def swap_two_entries(scene: Scene) -> None:
    scene.alter(
        "UPDATE audit_leaf SET position = position + 1000 WHERE position IN (2, 3);"
        "UPDATE audit_leaf SET position = 2 WHERE position = 1003;"
        "UPDATE audit_leaf SET position = 3 WHERE position = 1002"
    )


def edit_the_checkpoint(scene: Scene) -> None:
    scene.alter(
        "UPDATE audit_checkpoint SET note = convert_to(replace(convert_from(note, 'UTF8'), "
        "E'\\n' || position || E'\\n', E'\\n' || position - 1 || E'\\n'), 'UTF8')"
    )


def rewrite_with_another_key(scene: Scene) -> None:
    other = replace(scene.notary, log_key=Ed25519PrivateKey.generate())
    scene.remade(f"UPDATE audit_entry SET body = {SWAP}, leaf_hash = sha256('\\x00'::bytea || {SWAP})", notary=other)


def rewrite_with_the_stolen_key(scene: Scene) -> None:
    scene.remade(f"UPDATE audit_entry SET body = {SWAP}, leaf_hash = sha256('\\x00'::bytea || {SWAP})")


def roll_back_to_an_old_state(scene: Scene) -> None:
    """As a restore of the state before the outside checkpoint would, with everything of that time."""
    scene.remade(
        "DELETE FROM audit_payload WHERE entry_id IN (SELECT id FROM audit_entry ORDER BY seq OFFSET 3);"
        "DELETE FROM accounts_grant WHERE log_entry NOT IN (SELECT id FROM audit_entry ORDER BY seq LIMIT 3);"
        "DELETE FROM audit_subject WHERE entry_id NOT IN (SELECT id FROM audit_entry ORDER BY seq LIMIT 3);"
        "DELETE FROM audit_entry WHERE id NOT IN (SELECT id FROM audit_entry ORDER BY seq LIMIT 3)"
    )


def take_an_entry_out_of_the_queue(scene: Scene) -> None:
    with as_role("app"):
        granted(a_person("third@bank.example"))
    scene.alter("DELETE FROM audit_pending")


def swap_a_text(scene: Scene) -> None:
    scene.alter('UPDATE audit_payload SET payload = \'{"rationale":"another"}\'')


def drop_a_text(scene: Scene) -> None:
    scene.alter("DELETE FROM audit_payload WHERE entry_id = (SELECT min(entry_id::text)::uuid FROM audit_payload)")


GRANTS_GUARDED = "; ".join(
    f"ALTER TABLE accounts_grant ENABLE ALWAYS TRIGGER {name}"
    for name in ("audit_entry_required", "audit_no_truncate", "grant_rules", "grant_only_ends")
)


def change_a_governed_row(scene: Scene) -> None:
    scene.alter(
        f"ALTER TABLE accounts_grant DISABLE TRIGGER USER; UPDATE accounts_grant SET role = 'owner'; {GRANTS_GUARDED}"
    )


def delete_a_governed_row(scene: Scene) -> None:
    scene.alter(
        f"ALTER TABLE accounts_grant DISABLE TRIGGER USER; DELETE FROM accounts_grant; "
        f"SET CONSTRAINTS ALL IMMEDIATE; {GRANTS_GUARDED}"
    )


@dataclass(frozen=True)
class Attack:
    """What is done, what shows it in a bundle alone, and what with a checkpoint from outside."""

    act: Callable[[Scene], None]
    alone: str
    outside: str


REFUSED, INTEGRITY, COMPLETENESS, ANCHORING = "no bundle", "integrity", "completeness", "anchoring"
ATTACKS = {
    "an entry edited": Attack(edit, REFUSED, REFUSED),
    "entries edited, their hashes too": Attack(edit_with_hashes, REFUSED, REFUSED),
    "an entry deleted": Attack(delete_an_entry, REFUSED, REFUSED),
    "an entry deleted and the gap closed": Attack(delete_an_entry_and_close_the_gap, REFUSED, REFUSED),
    "two entries swapped": Attack(swap_two_entries, REFUSED, REFUSED),
    "a checkpoint edited": Attack(edit_the_checkpoint, REFUSED, REFUSED),
    "everything rewritten, signed with another key": Attack(rewrite_with_another_key, INTEGRITY, INTEGRITY),
    "everything rewritten, signed with the stolen key": Attack(rewrite_with_the_stolen_key, "nothing", ANCHORING),
    "rolled back to an old state, signed with the key": Attack(roll_back_to_an_old_state, "nothing", ANCHORING),
    "an entry taken out of the notary's queue": Attack(take_an_entry_out_of_the_queue, REFUSED, REFUSED),
    "a text swapped": Attack(swap_a_text, INTEGRITY, INTEGRITY),
    "a text deleted without an entry": Attack(drop_a_text, COMPLETENESS, COMPLETENESS),
    "a governed row changed": Attack(change_a_governed_row, COMPLETENESS, COMPLETENESS),
    "a governed row deleted": Attack(delete_a_governed_row, COMPLETENESS, COMPLETENESS),
}
shown: dict[str, tuple[str, str]] = {}


def what_shows_it(scene: Scene, seen: list[bytes]) -> str:
    """Export and verify, as an auditor would; return the part that fails, or that there is no bundle to be had."""
    path = scene.folder / f"bundle-{len(seen)}.zip"
    try:
        exported(scene, path)
    except (BrokenLog, DomainError):
        return REFUSED
    report = verify_bundle(path, policy=f"log {scene.notary.vkey}\n", checkpoints=seen)
    parts = (INTEGRITY, ANCHORING, COMPLETENESS)
    return next((part for part in parts if str(getattr(report, part)) == "fails"), "nothing")


def exported(scene: Scene, path: Path) -> Path:
    with as_role("app"):
        return export_bundle(path, actor=ME, wait=lambda: _round(scene))


def _round(scene: Scene) -> None:
    with as_role("notary"):
        scene.notary.round()


@pytest.mark.parametrize("name", ATTACKS)
def test_tampering_shows(scene, name):
    attack = ATTACKS[name]
    assert what_shows_it(scene, []) == "nothing"
    attack.act(scene)
    found = what_shows_it(scene, []), what_shows_it(scene, [scene.outside])
    shown[name] = found
    assert found == (attack.alone, attack.outside)


def test_an_erasure_raises_no_alarm(scene, tmp_path):
    about = next(row.entry_id for row in selectors.Payload.objects.all())
    with as_role("privacy"):
        erasure.redact(entry_id=about, actor=ME, reason="Asked for by the data subject.")
    scene.notary.round()
    path = exported(scene, tmp_path / "erased.zip")
    report: Report = verify_bundle(path, policy=f"log {scene.notary.vkey}\n", checkpoints=[scene.outside])
    assert (report.exit_code, report.findings) == (0, ())
    assert any("was erased" in note for note in report.notes)


def test_a_split_view_shows_to_whoever_compares(scene, tmp_path):
    """Two signed checkpoints of one size: each bundle verifies alone, and neither with the other's checkpoint."""
    seen = scene.newest
    rewrite_with_the_stolen_key(scene)
    assert what_shows_it(scene, [seen]) == ANCHORING


def test_a_trigger_that_is_off_is_noticed_while_it_is_off(scene):
    def as_the_owner(statement: str) -> None:
        with as_owner(connection), connection.cursor() as cursor:
            cursor.execute(statement)

    as_the_owner("ALTER TABLE audit_leaf DISABLE TRIGGER audit_deny_row")
    try:
        with as_role("app"):
            assert any("audit_leaf lacks its guards" in problem for problem in guards.problems())
    finally:
        as_the_owner("ALTER TABLE audit_leaf ENABLE ALWAYS TRIGGER audit_deny_row")


@pytest.mark.skipif(not PROVE, reason="make prove writes the table, from the attacks above in one process")
def test_the_table_is_written_where_people_read_it():
    """Under make prove: what was shown above goes into the threat model's page."""
    lines = [
        "| Somebody with the database's superuser | shown by the bundle alone | with a checkpoint from outside |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {alone} | {outside} |" for name, (alone, outside) in shown.items()]
    assert shown.keys() == ATTACKS.keys()
    write_down("attacks", "\n".join(lines))
