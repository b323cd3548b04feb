"""A half-told story is set aside whole, a told one is never touched."""

import socket
from pathlib import Path

import pytest

from examples.credit import state
from governance.common.embedded.layout import EmbeddedError, Layout
from governance.common.embedded.stack import Stack
from governance.common.embedded.state import only_supervisor


def a_folder(var: Path) -> Path:
    """A state folder as a demo leaves it, and beside it what belongs to others."""
    layout = Layout.at(var).create()
    for path in (layout.keys / "log.key", var / "postgres" / "PG_VERSION", var / "demo.json", var / "test" / "x"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    return var


def test_a_half_told_story_is_moved_whole_and_the_folder_is_fresh(var: Path) -> None:
    a_folder(var)
    assert not state.is_half_told(var), "nothing was begun: somebody else's folder stays as it is"
    state.begin(var)
    assert state.is_half_told(var)
    aside = state.set_aside(var)
    assert aside.parent == var
    for name in ("keys/log.key", "postgres/PG_VERSION", "demo.json", "demo-begun"):
        assert (aside / name).exists(), name
        assert not (var / name).exists(), name
    assert (var / "test" / "x").exists(), "the servers of a test run may be up"
    assert not state.is_half_told(var)
    state.begin(var)
    assert state.set_aside(var) != aside
    assert (aside / "demo.json").exists(), "an earlier one stays where it is"


def test_a_told_story_is_not_half_told(var: Path) -> None:
    a_folder(var)
    state.begin(var)
    state.finish(var)
    assert state.is_told(var)
    assert not state.is_half_told(var)


def test_a_folder_in_use_is_not_moved(var: Path) -> None:
    a_folder(var)
    state.begin(var)
    with only_supervisor(Layout.at(var)), pytest.raises(EmbeddedError, match="already runs"):
        state.set_aside(var)
    assert (var / "demo.json").exists()


def test_a_database_of_the_users_own_is_theirs_to_empty(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_folder(var)
    state.begin(var)
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_NOTARY_URL", "DATABASE_PRIVACY_URL"):
        monkeypatch.setenv(name, "postgresql://db.example/placet")
    with pytest.raises(EmbeddedError, match="empty database"):
        state.set_aside(var)
    assert (var / "demo.json").exists()


def test_what_people_must_know_is_said_without_log_lines(var: Path) -> None:
    said: list[str] = []
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        stack = Stack(
            var=var, processes=["valkey"], ports={"valkey": taken}, echo=None, notice=said.append, external={}
        )
        with stack:
            assert said == [f"port {taken} is taken: valkey uses {stack.addresses.ports['valkey']}"]
