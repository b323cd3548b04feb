"""Fetch a version's files from where MLflow keeps them, within limits of size, number and time."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import rfc8785
from django.conf import settings

from registry import fetch_child, mlflow
from registry.errors import ArtifactUnavailable, MlflowDown, UnknownModel, UnknownVersion

PROXIED = "mlflow-artifacts:/"
_OF_A_RUN = re.compile(r"runs:/([0-9A-Za-z_-]{1,64})/(.+)", re.DOTALL)
_OF_A_LOGGED_MODEL = re.compile(r"models:/(m-[0-9A-Za-z]{1,64})")
MOST_FILES = 10_000
DEEPEST = 32
NOTHING = sha256(rfc8785.dumps([])).hexdigest()
"""The listing digest of a location under which nothing lies."""
OURS = ("DATABASE_", "REDIS_", "PLACET_")


class _Budget:
    """What may still be fetched."""

    def __init__(self) -> None:
        self._bytes_left = _most_bytes()
        self._files_left = MOST_FILES
        self._ends = time.monotonic() + settings.ARTIFACT_TIMEOUT_S

    def take(self, size: int = 0, *, files: int = 0) -> None:
        """Count what was fetched.

        Raises:
            ArtifactUnavailable: it is more than may be fetched, or the time is over.
        """
        self._bytes_left -= size
        self._files_left -= files
        if self._bytes_left < 0:
            raise _too_large()
        if self._files_left < 0:
            raise ArtifactUnavailable(f"It has more than {MOST_FILES} files, so it is not fetched.")
        if time.monotonic() > self._ends:
            raise _too_slow()


def _most_bytes() -> int:
    return int(settings.MAX_ARTIFACT_MB) << 20


def _too_large() -> ArtifactUnavailable:
    return ArtifactUnavailable(
        f"It is larger than {settings.MAX_ARTIFACT_MB} MB (PLACET_MAX_ARTIFACT_MB), so it is not fetched."
    )


def _too_slow() -> ArtifactUnavailable:
    return ArtifactUnavailable(
        f"It was not fetched within {settings.ARTIFACT_TIMEOUT_S} s (PLACET_ARTIFACT_TIMEOUT_SECONDS)."
    )


def fetch(client: mlflow.Client, location: str, target: Path) -> None:
    """Fetch every file under an artifact location into an empty folder.

    Raises:
        MlflowDown: the tracking server does not answer at all.
        UnknownVersion: there is nothing at the location.
        ArtifactUnavailable: it can't be fetched, or not within the limits; the message says which.
    """
    location = _resolved(client, location)
    if not location.startswith(PROXIED):
        _check_scheme(location)
        _fetch_with_mlflow(location, target)
        return
    if not _is_plain(location):
        raise ArtifactUnavailable(f"MLflow's clients read {location[:200]} otherwise than it is written; log it anew.")
    try:
        budget = _Budget()
        listed = list(_listed(client, location, budget))
        if sum(size for _, size in listed) > _most_bytes():
            raise _too_large()
        for path, _ in listed:  # the list may lie about sizes; what comes is counted again
            _fetch_file(client, f"{_root(location)}/{path}", target / path, budget)
    except MlflowDown as down:
        raise _unavailable(down) from down
    except httpx.HTTPStatusError as error:
        raise ArtifactUnavailable(f"MLflow answers {error.response.status_code} for its files.") from error
    if not listed:
        raise UnknownVersion(f"There are no artifacts at {location}.")


def _resolved(client: mlflow.Client, location: str) -> str:
    """Return where the files lie that are named by their run or logged model, as tutorials have people write it.

    MLflow is asked once: what it names may be no such name again, or a location could lead from one to the next.

    Raises:
        MlflowDown: the tracking server does not answer at all.
        UnknownVersion: MLflow does not know the run or the logged model.
        ArtifactUnavailable: MLflow does not say where it lies, as one without logged models.
    """
    try:
        if (named := _OF_A_RUN.fullmatch(location)) and _is_plain(f"{PROXIED}{named[2]}"):
            return f"{client.run_artifacts(named[1]).rstrip('/')}/{named[2]}"
        if named := _OF_A_LOGGED_MODEL.fullmatch(location):
            return client.logged_model_artifacts(named[1])
    except UnknownModel as unknown:
        raise UnknownVersion(f"MLflow does not know what {location[:200]} names.") from unknown
    except (httpx.HTTPStatusError, ValueError, KeyError) as error:
        raise ArtifactUnavailable(f"MLflow does not say where {location[:200]} lies.") from error
    return location


def listing_digest(client: mlflow.Client, location: str) -> str:
    """Return a digest of the names and sizes under a location, a cheap hint that something changed there.

    Empty where the server does not proxy the store, or does not list it: then only the schedule counts.
    """
    try:
        location = _resolved(client, location)
        if not location.startswith(PROXIED) or not _is_plain(location):
            return ""
        rows: list[Any] = [[path, size] for path, size in sorted(_listed(client, location, _Budget()))]
    except (MlflowDown, UnknownVersion, ArtifactUnavailable, httpx.HTTPStatusError):
        return ""
    return sha256(rfc8785.dumps(rows)).hexdigest()


def _check_scheme(location: str) -> None:
    """Refuse to read a store that this deployment does not read.

    Whoever may register a version says where its files lie. With most schemes MLflow's library connects to whatever
    host that names, from the worker's place in the network. A bucket names none, and which local paths may be given is
    for MLflow's server to say.

    Raises:
        ArtifactUnavailable: the scheme is not among ``PLACET_ARTIFACT_SCHEMES``.
    """
    scheme = location.partition(":")[0].lower() if ":" in location.partition("/")[0] else "file"
    if scheme not in settings.ARTIFACT_SCHEMES:
        read = ", ".join(settings.ARTIFACT_SCHEMES)
        raise ArtifactUnavailable(
            f"The store at {location[:200]} can't be read: this deployment reads {read} besides what MLflow hands out "
            "itself. Log it to MLflow's own store, or have whoever runs Placet allow that (PLACET_ARTIFACT_SCHEMES)."
        )


def _is_plain(location: str) -> bool:
    """Return whether a proxied location means the same to whoever reads it.

    MLflow's clients drop what follows ``?`` or ``#``, decode ``%`` and go to a host that is named: what was digested
    here would not be what they load.
    """
    path = location.removeprefix(PROXIED)
    return not path.startswith("/") and not set("?#%\\") & set(path) and ".." not in path.split("/")


def _root(location: str) -> str:
    return location.removeprefix(PROXIED).strip("/")


def _listed(client: mlflow.Client, location: str, budget: _Budget) -> Iterator[tuple[str, int]]:
    """Yield path below the location and size of each file."""
    folders = [""]
    while folders:
        folder = folders.pop()
        for row in client.listed(f"{_root(location)}/{folder}".rstrip("/")):
            name = Path(str(row["path"])).name
            if name in {"", ".", ".."} or "\0" in name:  # what the store calls a file must stay below our folder
                raise ArtifactUnavailable(f"The store lists a file called {name!r}.")
            path = f"{folder}/{name}".lstrip("/")
            budget.take(files=1)
            if row.get("is_dir"):
                if path.count("/") >= DEEPEST:
                    raise ArtifactUnavailable(f"Its folders are more than {DEEPEST} deep.")
                folders.append(path)
            else:
                yield path, int(row.get("file_size") or 0)


def _fetch_file(client: mlflow.Client, path: str, target: Path, budget: _Budget) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with client.streamed(f"/api/2.0/mlflow-artifacts/artifacts/{quote(path)}") as response, target.open("wb") as file:
        try:
            for chunk in response.iter_bytes():
                budget.take(len(chunk))
                file.write(chunk)
        except httpx.HTTPError as error:
            raise MlflowDown(f"MLflow stopped in the middle of a file ({type(error).__name__}).") from error


def _fetch_with_mlflow(location: str, target: Path) -> None:
    """Fetch from a store that the server does not proxy, with MLflow's library and the worker's credentials."""
    command = [sys.executable, "-m", fetch_child.__name__, location, str(target), str(_most_bytes())]
    own = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    try:
        done = subprocess.run(  # noqa: S603  # our own module, arguments as a list
            command,
            env=own,
            cwd=settings.BASE_DIR,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=settings.ARTIFACT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_slow() from None
    if done.returncode == fetch_child.NOTHING_THERE:
        raise UnknownVersion(f"There are no artifacts at {location}.")
    if done.returncode == fetch_child.TOO_LARGE:
        raise _too_large()
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise ArtifactUnavailable(f"The store at {location[:200]} can't be read: {last[-1][:200]}")


def _unavailable(down: MlflowDown) -> Exception:
    """Tell a server that is down, which is nobody's fault here, from one that can't serve this artifact."""
    return ArtifactUnavailable(f"MLflow can't serve its files: {down.detail}") if mlflow.is_up() else down
