"""Programs that the servers' user cannot reach are copied to where it can, and only then."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from governance.common.embedded import unprivileged
from governance.common.embedded.layout import EmbeddedError
from governance.common.embedded.unprivileged import NOBODY, can_reach, reachable_copy, run_as

ENV = {"PATH": "/usr/bin:/bin"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs its servers as somebody else")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="state folder ") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def a_package(site: Path) -> tuple[list[Path], Path]:
    """A wheel's shape: a program, and its library in a folder beside."""
    program, library = site / "server" / "bin" / "tool", site / "server.libs" / "answer"
    for path in (program, library):
        path.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nid -u; cat "$(dirname "$0")/../../server.libs/answer"\n')
    program.chmod(0o700)
    library.write_text("found")
    library.chmod(0o600)
    return [site / "server", site / "server.libs"], program


@as_root
def test_a_program_below_a_private_home_is_copied_with_its_libraries_and_runs(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unprivileged, "_outside_root", lambda: open_folder)
    with tempfile.TemporaryDirectory() as private:
        roots, program = a_package(Path(private) / "site-packages")
        copy = reachable_copy(roots, program=program, version="1")
        assert copy == open_folder / "server-1" / "server" / "bin" / "tool"
        assert run_as([copy], uid=NOBODY, env=ENV) == f"{NOBODY}\nfound"
        assert copy.stat().st_uid == 0  # a server that is taken over cannot change its own program
        written = copy.stat().st_mtime_ns
        assert reachable_copy(roots, program=program, version="1") == copy
        assert copy.stat().st_mtime_ns == written  # made once


@as_root
def test_a_program_that_can_be_reached_is_used_where_it_is(open_folder: Path) -> None:
    roots, program = a_package(open_folder)
    for path in open_folder.rglob("*"):
        path.chmod(0o755)
    assert reachable_copy(roots, program=program, version="1") == program


@as_root
def test_reach_is_tried_as_that_user_not_read_from_modes(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    assert can_reach([open_folder], uid=NOBODY)
    assert not can_reach([open_folder, closed], uid=NOBODY)
    os.chown(closed, NOBODY, NOBODY)
    assert can_reach([closed], uid=NOBODY)


def test_a_failing_tool_is_named_with_what_it_said() -> None:
    with pytest.raises(EmbeddedError, match=r"sh failed \(3\): no space left"):
        run_as(["sh", "-c", "echo no space left; exit 3"], uid=None, env=ENV)
