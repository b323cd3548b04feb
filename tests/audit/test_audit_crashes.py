"""Under eight writers, PostgreSQL, the notary and writers are killed in turn; nothing that was acknowledged is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from governance.common.embedded import Stack, environment
from placet.verify import parse_checkpoint, verify_consistency
from tests.arch.tree import ROOT
from tests.proving import count, write_down

CRASHES = count(100, 3)
WRITERS = 8
BETWEEN = 25  # acknowledged entries from one crash to the next, so that each meets work under way
pytestmark = pytest.mark.slow


class World:
    """A durable PostgreSQL of the test's own, with writers and a notary beside it."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def env(self, role: str) -> dict[str, str]:
        env = environment.compose(self.stack.layout, self.stack.addresses, role)
        return {**env, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}"}

    def manage(self, *command: str, role: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=self.env(role), check=True, stdout=subprocess.DEVNULL
        )

    def start(self, name: str) -> None:
        command = ["manage.py", "notary", "--interval", "0.05"]
        if name != "notary":
            command = ["tests/audit/crash_writer.py", str(self.folder / f"{name}.txt")]
        role = "notary" if name == "notary" else "app"
        arguments = [sys.executable, *command]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(arguments, cwd=ROOT, env=self.env(role), stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        if name == "postgres":
            self.stack.kill(
                "postgres", signal.SIGQUIT, keep_down=True
            )  # immediate: no checkpoint, recovery at the start
            time.sleep(0.1)
            self.stack.restart("postgres")
        else:
            self.processes[name].kill()
            self.processes[name].wait()
            self.start(name)

    def acknowledged(self) -> set[uuid.UUID]:
        lines = [line for file in self.folder.glob("writer*.txt") for line in file.read_text().split("\n")[:-1]]
        return {uuid.UUID(line) for line in lines}

    def database(self) -> psycopg.Connection:
        """Connect; as a context manager it closes at the end."""
        return psycopg.connect(self.env("owner")["DATABASE_OWNER_URL"])


@contextmanager
def a_world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="placet-crashes-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with Stack(var=folder / "var", processes=["postgres"], ports={"postgres": 0}, external={}) as stack:
            world = World(stack, folder)
            world.manage("bootstrap_roles", role="test")
            world.manage("migrate", role="owner")
            try:
                for writer in ["notary", *(f"writer{n}" for n in range(WRITERS))]:
                    world.start(writer)
                yield world
            finally:
                for process in world.processes.values():
                    process.kill()
                    process.wait()


def wait_for_acknowledged(world: World, more_than: int) -> int:
    deadline = time.monotonic() + 60
    while (done := len(world.acknowledged())) <= more_than:
        assert time.monotonic() < deadline, (
            "the writers do not get on: " + (world.folder / "writer0.log").read_text()[-500:]
        )
        time.sleep(0.05)
    return done


def settle(world: World) -> None:
    """Stop the writers, and wait until the notary has placed, signed and published what they left."""
    for name, process in world.processes.items():
        if name != "notary":
            process.kill()
            process.wait()
    deadline = time.monotonic() + 60
    with world.database() as database:
        while True:
            (pending,) = database.execute("SELECT count(*) FROM audit_pending").fetchone()
            size, signed = database.execute(
                "SELECT (SELECT count(*) FROM audit_leaf), (SELECT coalesce(max(position), 0) FROM audit_checkpoint)"
            ).fetchone()
            if not pending and size == signed and list(world.stack.layout.anchors.glob("**/*.note")):
                return
            assert time.monotonic() < deadline, (world.folder / "notary.log").read_text()[-1000:]
            time.sleep(0.1)
            database.rollback()


def test_no_acknowledged_entry_is_lost_and_the_tree_stays_gap_free_through_crashes():
    chance = random.Random(20261125)  # noqa: S311 (which writer is killed when)
    with a_world() as world:
        done = wait_for_acknowledged(world, WRITERS)
        for crash in range(CRASHES):
            victim = ("postgres", "notary", f"writer{chance.randrange(WRITERS)}")[crash % 3]
            time.sleep(chance.uniform(0.0, 0.3))
            world.kill(victim)
            done = wait_for_acknowledged(world, done + BETWEEN)
        settle(world)
        acknowledged = world.acknowledged()
        with world.database() as database:
            kept = {row[0] for row in database.execute("SELECT id FROM audit_entry")}
            leaves = dict(database.execute("SELECT position, entry_id FROM audit_leaf").fetchall())
            loose = database.execute(
                """SELECT g.id FROM registry_registeredmodel g LEFT JOIN audit_subject s
                     ON s.entry_id = g.log_entry AND s."table" = 'registry_registeredmodel' AND s.key = g.id::text
                   WHERE s.after IS DISTINCT FROM audit_digest_of_registry_registeredmodel(g.id)"""
            ).fetchall()
            notes = [bytes(note) for (note,) in database.execute("SELECT note FROM audit_checkpoint ORDER BY position")]
            nodes = _tiles(database)
        assert acknowledged - kept == set()
        assert sorted(leaves) == list(range(len(kept)))
        assert set(leaves.values()) == kept
        assert loose == []
        _check_consistent(world, notes, nodes)
        published = list((world.stack.layout.anchors).glob("**/*.note"))
        assert published
        assert {path.read_bytes() for path in published} <= set(notes)
        write_down(
            "crashes",
            f"{CRASHES} crashes (PostgreSQL stopped at once, notary killed, a writer killed, in turn) under {WRITERS} "
            f"writers: {len(acknowledged):,} entries acknowledged, 0 of them lost; {len(kept):,} in the tree, 0 gaps; "
            f"0 governed rows without their entry; {len(notes):,} checkpoints, each consistent with the one before.",
        )


def _tiles(database: psycopg.Connection) -> dict[int, list[bytes]]:
    leaves = [bytes(h) for (h,) in database.execute("SELECT leaf_hash FROM audit_leaf ORDER BY position")]
    levels = {0: leaves}
    for level, value in database.execute("SELECT level, hash FROM audit_node ORDER BY level, position"):
        levels.setdefault(level, []).append(bytes(value))
    return levels


def _check_consistent(world: World, notes: list[bytes], levels: dict[int, list[bytes]]) -> None:
    """Each signed checkpoint begins with the one before it, by proofs from the tiles that stand in the database."""
    from placet.merkle import consistency_proof_from_tiles

    def read(level: int, index: int) -> bytes:
        return b"".join(levels.get(level, [])[index * 256 : index * 256 + 256])

    trust = (world.stack.layout.keys / "policy.txt").read_text()
    vkeys = [line.split()[1] for line in trust.splitlines() if line.startswith("log ")]
    signed = [parse_checkpoint(note, vkeys) for note in notes]
    for old, new in pairwise(signed):
        proof = consistency_proof_from_tiles(old.size, new.size, read)
        verify_consistency(old.size, new.size, old.root, new.root, proof)
