"""What the platform tests share: a state folder whose path has a space, and a look at the process table."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.common.embedded import Stack, servers
from governance.common.embedded.environment import DATABASE_ROLES
from governance.common.embedded.layout import REPOSITORY

UP = ("-m", "governance.common.embedded", "up")


@pytest.fixture(scope="module", autouse=True)
def _no_servers_of_the_test_run() -> Iterator[None]:
    """Hide the servers of the test run itself: these tests start their own, and do rough things to them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (*DATABASE_ROLES, "REDIS_URL", "PLACET_BOOTSTRAP_URL", "PLACET_MLFLOW_DATABASE_URL"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def var() -> Iterator[Path]:
    """A state folder below /tmp (pytest's own folders are closed to the servers' user), with a space in its path."""
    with tempfile.TemporaryDirectory(prefix="state folder ") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "var"


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    """PostgreSQL and Valkey, up for one module."""
    with tempfile.TemporaryDirectory(prefix="state folder ") as folder:
        Path(folder).chmod(0o755)
        with servers(Path(folder) / "var") as stack:
            yield stack


@pytest.fixture
def processes_naming() -> Callable[[Path], list[str]]:
    """Command lines of the live processes that mention a path."""

    def find(path: Path) -> list[str]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if str(path) in command:
                    found.append(command)
        return found

    return find


@pytest.fixture
def repository() -> Path:
    """The checkout."""
    return REPOSITORY
