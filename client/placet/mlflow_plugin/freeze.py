"""Which artifacts may not change: those of versions that are in production, approved, or on the way there.

Read from the registry's own database, so it holds while Placet is down. A version is frozen while it has a protected
alias, stands in stage Production, or carries the tag ``gov.status`` with a status that is not one of the ended ones.
"""

import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from placet.mlflow_plugin import protection
from placet.mlflow_plugin.decisions import Subject
from placet.mlflow_plugin.places import PROXIED, Place, Places, place_of

STATUS_TAG = "gov.status"
ENDED = frozenset({"rejected", "withdrawn", "expired", "revoked"})
MAX_AGE_S = 1.0
DEFAULT_WORKSPACE = "default"

_changes = itertools.count(1)
_changed = 0


def note_change() -> None:
    """Say that this process has changed an alias, a stage or a status, so that the next question reads anew."""
    global _changed  # noqa: PLW0603  (one number for the process: every reader compares with it)
    _changed = next(_changes)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen version, and why it is."""

    subject: Subject
    why: str


class FrozenPlaces:
    """The frozen places of one registry, read at most once a second by each server process, and after its own writes.

    A write that another process of the server makes is therefore seen a second later at most.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._read: tuple[float, int, Places[Frozen]] | None = None

    def fresh(self) -> Places[Frozen] | None:
        """Return the places if what was read is still good, without asking the database."""
        if self._read is None:
            return None
        read_at, change, places = self._read
        return places if change == _changed and time.monotonic() - read_at < MAX_AGE_S else None

    def current(self) -> Places[Frozen]:
        """Return the places.

        Raises:
            MlflowException: the database did not answer; the caller must not write then.
        """
        if (places := self.fresh()) is not None:
            return places
        with self._lock:
            if (places := self.fresh()) is not None:
                return places
            read_at, change = time.monotonic(), _changed
            places = Places(_owned(self._store))
            self._read = (read_at, change, places)
            return places


def _owned(store: Any) -> Iterator[tuple[Place, Frozen]]:
    destination = artifacts_destination()
    with store.ManagedSessionMaker(read_only=True) as session:
        found = list(_frozen_versions(session))
    for frozen in found:
        for location in _locations(frozen.subject):
            yield place_of(location, destination=destination), frozen
            if location.lower().startswith(f"{PROXIED}:") and frozen.subject.workspace != DEFAULT_WORKSPACE:
                # The server puts what a workspace reads and writes below this folder, whatever the address says.
                scoped = place_of(f"{PROXIED}:/workspaces/{frozen.subject.workspace}", destination=destination)
                yield scoped / location.partition(":")[2], frozen


def artifacts_destination() -> str:
    """Return where this server keeps what it proxies, empty when it proxies nothing."""
    from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR

    return os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR, "")


def _frozen_versions(session: Any) -> Iterator[Frozen]:
    """Yield the frozen versions of all workspaces; a version with two reasons twice."""
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion as Version
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersionTag as Tag
    from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModelAlias as Alias
    from sqlalchemy import and_, func

    columns: Any = (
        Version.workspace,
        Version.name,
        Version.version,
        Version.creation_time,
        Version.source,
        Version.storage_location,
        Version.run_id,
    )

    def of(table: Any) -> Any:
        return and_(table.workspace == Version.workspace, table.name == Version.name, table.version == Version.version)

    aliases = [alias for (alias,) in session.query(Alias.alias).distinct() if protection.is_protected_alias(alias)]
    for *row, alias in session.query(*columns, Alias.alias).join(Alias, of(Alias)).filter(Alias.alias.in_(aliases)):
        yield Frozen(_subject(*row), f"it has the alias '{protection.fold(alias)}'")
    for row in session.query(*columns).filter(func.lower(Version.current_stage) == protection.PROTECTED_STAGE):
        yield Frozen(_subject(*row), "it stands in the stage Production")
    for *row, status in session.query(*columns, Tag.value).join(Tag, of(Tag)).filter(Tag.key == STATUS_TAG):
        if protection.fold(status) not in ENDED:
            yield Frozen(_subject(*row), f"its status in Placet is '{protection.fold(status)}'")


def _subject(
    workspace: str, name: str, version: int, created_at_ms: int, source: str, location: str | None, run_id: str | None
) -> Subject:
    return Subject(
        workspace=workspace,
        name=name,
        version=str(version),
        created_at_ms=created_at_ms,
        source=source,
        storage_location=location or source,
        run_id=run_id or None,
    )


def _locations(subject: Subject) -> Iterator[str]:
    """Yield where the version's files are said to be: its storage location, and its source if that is an address."""
    for location in filter(None, {subject.storage_location, subject.source}):
        if location.partition(":")[0].lower() == "runs":
            yield from _location_in_a_run(location, subject.workspace)
        elif not location.startswith("models:/"):
            yield location
        elif location == subject.storage_location:
            yield from _location_of_logged_model(location)


def _location_in_a_run(uri: str, workspace: str) -> Iterator[str]:
    """Yield where ``runs:/<id>/<path>`` is: MLflow's client resolves it when it registers, REST keeps it as it is.

    Raises:
        MlflowException: the tracking store does not answer.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.server.handlers import _get_tracking_store

    run_id, _, path = urlsplit(uri).path.lstrip("/").partition("/")
    try:
        with _within(workspace):
            root = _get_tracking_store().get_run(run_id).info.artifact_uri
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return  # there is no such run
    yield f"{root.rstrip('/')}/{path}"


def _within(workspace: str) -> AbstractContextManager[object]:
    if workspace == DEFAULT_WORKSPACE:
        return nullcontext()
    from mlflow.utils.workspace_context import ServerWorkspaceContext

    context: AbstractContextManager[object] = ServerWorkspaceContext(workspace)
    return context


def _location_of_logged_model(uri: str) -> Iterator[str]:
    """Yield where a logged model's files are; MLflow resolves ``models:/m-…`` when it registers, older ones did not."""
    from mlflow.exceptions import MlflowException
    from mlflow.server.handlers import _get_tracking_store
    from mlflow.store.artifact.utils.models import _parse_model_uri

    try:
        model_id = _parse_model_uri(uri).model_id
        if model_id:
            yield _get_tracking_store().get_logged_model(model_id).artifact_location
    except MlflowException:
        return  # it is gone, and with it what could be overwritten through this server
