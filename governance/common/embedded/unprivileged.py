"""Run servers as an unprivileged user when the supervisor is root, without creating an account.

PostgreSQL refuses to run as root. The number 65534 (``nobody``) exists in every kernel, so no ``useradd`` is needed;
what it needs is that this number may enter each folder above the data and the binaries.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from governance.common.embedded.layout import EmbeddedError, Layout

NOBODY = 65534
LAUNCHER = Path(__file__).with_name("launch.py")


def server_uid() -> int | None:
    """Return the number the servers run as, or None to keep the invoking user (who is then not root)."""
    return NOBODY if os.geteuid() == 0 else None


def launcher_command(
    command: Sequence[str | os.PathLike[str]], *, uid: int | None = None, death_signal: int = 9
) -> list[str]:
    """Return ``command`` wrapped so that it runs as ``uid`` and dies with the calling process."""
    user = [] if uid is None else ["--user", str(uid)]
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), "--parent", str(os.getpid()), "--signal", str(death_signal)]
    return [*launcher, *user, "--", *(os.fspath(part) for part in command)]


def run_as(command: Sequence[str | os.PathLike[str]], *, uid: int | None, env: dict[str, str]) -> str:
    """Run ``command`` to its end as ``uid`` and return what it printed.

    Raises:
        EmbeddedError: it failed; the message carries its output.
    """
    finished = subprocess.run(  # noqa: S603  (our own argument list)
        launcher_command(command, uid=uid), env=env, cwd="/", capture_output=True, text=True, check=False
    )
    if finished.returncode != 0:
        output = (finished.stdout + finished.stderr).strip()
        raise EmbeddedError(f"{Path(command[0]).name} failed ({finished.returncode}): {output}")
    return finished.stdout


def can_reach(paths: Sequence[Path], *, uid: int | None) -> bool:
    """Return whether ``uid`` may enter all of ``paths``: tried as that user, since modes do not tell of ACLs."""
    if uid is None:
        return True
    probe = [sys.executable, "-I", "-S", str(LAUNCHER), "--user", str(uid), "--probe", *map(str, paths)]
    finished = subprocess.run(probe, capture_output=True, text=True, check=False, cwd="/")  # noqa: S603
    if finished.returncode != 0:
        raise EmbeddedError(
            f"Root cannot change to user {uid} here ({finished.stderr.strip().splitlines()[-1:]}), and PostgreSQL "
            "does not run as root: start as an ordinary user, or set DATABASE_URL and REDIS_URL to servers of yours."
        )
    return not finished.stdout.strip()


def _outside_root() -> Path:
    """Return a folder of root's that every user may enter, for what cannot stay in a private checkout."""
    for folder in (Path("/var/lib/placet"), Path(tempfile.gettempdir()) / "placet-servers"):
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError:
            continue  # a read-only root file system: /tmp is the next best
        status = folder.lstat()
        if status.st_uid == os.geteuid() and not folder.is_symlink() and os.access(folder, os.W_OK):
            folder.chmod(0o755)
            return folder
    raise EmbeddedError("Neither /var/lib nor /tmp is writable: set DATABASE_URL and REDIS_URL to servers of yours.")


def server_folder(layout: Layout, name: str) -> Path:
    """Return the folder that holds the data of server ``name``, owned by the user it runs as.

    Normally ``var/<name>``. When root runs a checkout below a private home (mode 0700) the servers' user cannot
    enter it, and opening somebody's home to everybody is not ours to do: then ``/var/lib/placet/<digest of var>/``.
    """
    uid = server_uid()
    parent = layout.var
    if not can_reach([parent], uid=uid):
        digest = hashlib.sha256(os.fsencode(layout.var)).hexdigest()[:16]
        parent = _outside_root() / digest
        parent.mkdir(mode=0o755, exist_ok=True)
    folder = parent / name
    folder.mkdir(mode=0o700, exist_ok=True)
    if uid is not None and folder.stat().st_uid != uid:
        os.chown(folder, uid, uid)
    return folder


def reachable_copy(roots: Sequence[Path], *, program: Path, version: str) -> Path:
    """Return ``program``, or its twin in a copy of ``roots`` that the servers' user can execute.

    Args:
        roots: sibling folders that must stay side by side (the program finds its libraries relative to itself).
        program: below the first of ``roots``.
        version: of the wheel; one copy a version serves every checkout.
    """
    uid = server_uid()
    if can_reach([*roots, program], uid=uid):
        return program
    site = roots[0].parent
    target = _outside_root() / f"{roots[0].name}-{version}"
    if not target.exists():
        # Root's, not the servers' user's: a server that is taken over must not be able to change its own program.
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        for root in roots:
            shutil.copytree(root, staging / root.name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        for path in [staging, *staging.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        try:
            staging.rename(target)
        except OSError:  # somebody else was first
            shutil.rmtree(staging)
    return target / program.relative_to(site)
