"""The policies of a git folder: its ``*.yaml`` files, and the commit and repository that they are from."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LONGEST = 1_000_000  # bytes; a policy has a small part of it, and what is longer is not worth sending
_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?:[^/@]*@)?(?P<rest>[^\s/]+/\S*)")
_SCP = re.compile(r"[^\s/:]+:[^\s]+")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_GIT_WAITS_S = 30


@dataclass(frozen=True)
class PolicyFile:
    """One file: its name as given, its text, and why it can't be sent where it can't (then the text is empty)."""

    path: Path
    text: str
    unreadable: str = ""


@dataclass(frozen=True)
class Commit:
    """Where files are from: the commit (empty outside git), the repository's address, the files that differ from it."""

    commit: str
    repository: str
    dirty: frozenset[Path]


def policy_files(paths: Sequence[Path]) -> list[PolicyFile]:
    """Return the policies at ``paths``: a folder means its ``*.yaml`` files, not those below it.

    Raises:
        ValueError: there is nothing at a path, no policy in a folder, or a link that leads out of its folder.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.glob("*.yaml") if not file.name.startswith("."))
            if not inside:
                raise ValueError(f"{path} holds no *.yaml file.")
            found += inside
        elif os.path.lexists(path):
            found.append(path)
        else:
            raise ValueError(f"There is nothing at {path}.")
    return [_read(path) for path in dict.fromkeys(found)]


def commit_of(files: Sequence[PolicyFile]) -> Commit:
    """Return what git says of the files: nothing where they are in no repository, or git is not there."""
    folder = files[0].path.parent
    commit = _git(folder, "rev-parse", "--verify", "HEAD").strip()
    if not _COMMIT.fullmatch(commit):
        return Commit("", "", frozenset())
    dirty = {file.path for file in files if not _committed(file, commit)}
    return Commit(commit, _address(_git(folder, "remote", "get-url", "origin").strip()), frozenset(dirty))


def _read(path: Path) -> PolicyFile:
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise ValueError(f"{path} is a link that leads out of its folder; put the policy itself there.")
    if not path.is_file():
        raise ValueError(f"{path} is no file.")
    if path.stat().st_size > LONGEST:
        return PolicyFile(path, "", f"The file has {path.stat().st_size:,} bytes; no policy is that long.")
    try:
        text = path.read_bytes().decode()  # its line ends too: what is handed in is what the commit holds
    except UnicodeDecodeError:
        return PolicyFile(path, "", "The file is not UTF-8 text; save it as UTF-8.")
    if not text.strip() or "\0" in text:
        return PolicyFile(path, "", "The file holds a NUL." if text.strip() else "The file is empty.")
    return PolicyFile(path, text)


def _committed(file: PolicyFile, commit: str) -> bool:
    """Return whether the commit holds the file as it was read: bytes are compared, whatever git's index says."""
    return _git_bytes(file.path.parent, "cat-file", "blob", f"{commit}:./{file.path.name}") == file.text.encode()


def _address(remote: str) -> str:
    """Return a remote's address without a sign-in; nothing for a path on this machine."""
    if found := _ADDRESS.fullmatch(remote):
        address = found["scheme"] + found["rest"]
    else:
        address = remote if _SCP.fullmatch(remote) else ""
    return address if len(address) <= 300 and address.isprintable() and not address.startswith("file:") else ""


def _git(folder: Path, *arguments: str) -> str:
    return (_git_bytes(folder, *arguments) or b"").decode("utf-8", "replace")


def _git_bytes(folder: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(  # noqa: S603 (a fixed program, and arguments of ours)
            ["git", "-C", str(folder), *arguments],  # noqa: S607 (the git that the caller uses)
            capture_output=True,
            timeout=_GIT_WAITS_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
