"""Refuses to change the artifacts of a frozen version, by whatever route the bytes come.

Every artifact repository that an MLflow server uses is made by one registry object, for each route: the artifact proxy
(FastAPI's and Flask's), multipart uploads, presigned ones, uploads by the UI, and what handlers write for a run or a
logged model. So the guard stands in what that object hands out, and no route has to be known or parsed.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from functools import cache
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from placet.mlflow_plugin.decisions import Detail, Question, deny
from placet.mlflow_plugin.freeze import Frozen, FrozenPlaces, artifacts_destination
from placet.mlflow_plugin.notices import send_notice
from placet.mlflow_plugin.places import Place, Places, parts_of, place_of

if TYPE_CHECKING:
    _Repository = Any  # MLflow's repository, whose methods carry no types
else:
    _Repository = object

GUARDED = frozenset(
    {
        "log_artifact",
        "log_artifacts",
        "log_artifact_from_stream",
        "log_artifact_from_async_stream",
        "delete_artifacts",
        "create_multipart_upload",
        "complete_multipart_upload",
        "abort_multipart_upload",
        "create_presigned_upload_url",
    }
)
INSTEAD = (
    "Log the change in a new run, register it as a new version and request its promotion; what was reviewed stays "
    "what it is."
)
NO_PRESIGNED = (
    "Placet refused a presigned upload: with it, a file can still be replaced after its version was approved, past "
    "this server. Upload through the server (`--serve-artifacts`), or with your own access to the store."
)
PATH_LIMIT = 500

_frozen_places: FrozenPlaces | None = None


def install(store: Any) -> None:
    """Guard every artifact repository that this process makes from now on, by the frozen versions of ``store``.

    Raises:
        AttributeError: this MLflow makes its repositories in another way; the server must not start then.
    """
    from mlflow.server import handlers
    from mlflow.store.artifact import artifact_repository_registry as module

    global _frozen_places  # noqa: PLW0603  (one registry for the process, as MLflow has it)
    _frozen_places = FrozenPlaces(store)
    registry: Any = module._artifact_repository_registry
    if not getattr(registry.get_artifact_repository, "guards", False):
        registry.get_artifact_repository = _guarding(registry.get_artifact_repository)
    handlers._artifact_repo = None  # one that was made before is not guarded


def is_installed() -> bool:
    """Tell whether this process guards the repositories that it makes."""
    from mlflow.store.artifact import artifact_repository_registry as module

    return bool(getattr(module._artifact_repository_registry.get_artifact_repository, "guards", False))


def _guarding(make: Callable[..., Any]) -> Callable[..., Any]:
    def get_artifact_repository(
        artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
    ) -> Any:
        return guarded(make(artifact_uri, tracking_uri, registry_uri))

    get_artifact_repository.guards = True  # type: ignore[attr-defined]
    return get_artifact_repository


def guarded(repository: Any) -> Any:
    """Return ``repository`` itself, with its writes guarded; it stays an instance of what it was."""
    if not isinstance(repository, GuardedWrites):
        kind: Any = type(repository)
        repository.__class__ = _guarded_class(kind)  # so that MLflow's isinstance checks hold
    return repository


@cache
def _guarded_class(plain: Any) -> type:
    return type(f"Guarded{plain.__name__}", (GuardedWrites, plain), {})


class GuardedWrites(_Repository):  # type: ignore[misc]
    """Stands before an MLflow artifact repository; each method takes what the repository's own takes.

    Each raises ``MlflowException``: with PERMISSION_DENIED where the write would touch a frozen version's artifacts.
    """

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> Any:
        """Write one file."""
        self._require_file(local_file, artifact_path)
        return super().log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> Any:
        """Write a folder's files."""
        self._require(_tree_owner, local_dir, artifact_path)
        return super().log_artifacts(local_dir, artifact_path)

    def log_artifact_from_stream(
        self, stream: BinaryIO, artifact_file_name: str, artifact_path: str | None = None
    ) -> Any:
        """Write one file from a stream, and look again when it ends: a version may be frozen while bytes trickle in."""
        self._require_file(artifact_file_name, artifact_path)
        checked = _CheckedStream(stream, lambda: self._require_file(artifact_file_name, artifact_path))
        return super().log_artifact_from_stream(checked, artifact_file_name, artifact_path)

    async def log_artifact_from_async_stream(
        self, chunks: AsyncIterable[bytes], artifact_file_name: str, artifact_path: str | None = None
    ) -> Any:
        """The same without blocking the server's event loop."""

        async def require() -> None:
            if frozen_places().fresh() is None:
                await asyncio.to_thread(frozen_places().current)
            self._require_file(artifact_file_name, artifact_path)

        async def checked() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                yield chunk
            await require()

        try:
            await require()
        except Exception:
            async for _chunk in chunks:
                pass  # a client that is cut off while it sends sees a broken connection, not the reason
            raise
        return await super().log_artifact_from_async_stream(checked(), artifact_file_name, artifact_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> Any:
        """Delete a file, or a folder with all that is in it."""
        self._require(lambda places, place: places.around(place) or places.below(place), None, artifact_path)
        return super().delete_artifacts(artifact_path)

    def create_multipart_upload(self, local_file: str, num_parts: int = 1, artifact_path: str | None = None) -> Any:
        """Begin an upload in parts, where an address for a part is good for that part alone (S3, GCS).

        Azure's would be good for an hour for the file itself; MLflow's client then uploads in one piece by itself.
        """
        from mlflow.exceptions import _UnsupportedMultipartUploadException
        from mlflow.store.artifact.gcs_artifact_repo import GCSArtifactRepository
        from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

        if not isinstance(self, (S3ArtifactRepository, GCSArtifactRepository)):
            raise _UnsupportedMultipartUploadException
        self._require_file(local_file, artifact_path)
        return super().create_multipart_upload(local_file, num_parts, artifact_path)

    def complete_multipart_upload(
        self, local_file: str, upload_id: str, parts: Any = None, artifact_path: str | None = None
    ) -> Any:
        """Put the parts together, which is when the file changes."""
        self._require_file(local_file, artifact_path)
        return super().complete_multipart_upload(local_file, upload_id, parts, artifact_path)

    def abort_multipart_upload(self, local_file: str, upload_id: str, artifact_path: str | None = None) -> Any:
        """Drop the parts; the file is not touched, but who began it before the freeze has nothing to do there."""
        self._require_file(local_file, artifact_path)
        return super().abort_multipart_upload(local_file, upload_id, artifact_path)

    def create_presigned_upload_url(self, artifact_path: str, expiration: int = 900) -> Any:
        """Refuse: who holds such an address writes past this server until it expires, and chose when that is."""
        deny(NO_PRESIGNED)

    def _require_file(self, name: str, artifact_path: str | None) -> None:
        self._require(_file_owner, Path(name).name, artifact_path)

    def _require(self, find: Callable[..., Frozen | None], what: str | None, artifact_path: str | None) -> None:
        """Refuse if ``find`` finds a frozen version whose artifacts the write would touch."""
        shown = "/".join(filter(None, (artifact_path, what)))[:PATH_LIMIT]
        if ".." in parts_of(artifact_path or "") or ".." in parts_of(what or ""):
            deny(f"Placet refused to write '{shown}': a path with '..' cannot be told from another.")
        places = frozen_places().current()
        if not places:
            return
        root = place_of(self.artifact_uri, destination=artifacts_destination())
        place = root / artifact_path
        frozen = find(places, place, what) if what is not None else find(places, place)
        if frozen is None and root.store == "file":
            place = _without_links(place)
            frozen = find(places, place, what) if what is not None else find(places, place)
        if frozen is not None:
            send_notice(Question(action="artifact.write", subject=frozen.subject, detail=Detail(path=shown)))
            whose = f"it belongs to {frozen.subject}, and {frozen.why}"
            deny(f"Placet refused to change '{shown or '/'}': {whose}. {INSTEAD}")


class _CheckedStream:
    """A stream that asks once more when it has been read to its end, before its reader keeps what it read."""

    def __init__(self, stream: BinaryIO, check: Callable[[], None]) -> None:
        self._stream, self._check = stream, check

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        if not chunk or size < 0:
            self._check()
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def frozen_places() -> FrozenPlaces:
    """Return what this process knows of the frozen versions.

    Raises:
        MlflowException: nothing, so nothing may be changed.
    """
    if _frozen_places is None:
        deny("Placet refused: this server does not know which versions are in production. Restart it.")
    return _frozen_places


def _file_owner(places: Places[Frozen], folder: Place, name: str) -> Frozen | None:
    return places.around(folder / name) or places.below(folder / name)


def _tree_owner(places: Places[Frozen], folder: Place, local_dir: str) -> Frozen | None:
    owner = places.around(folder)
    if owner is not None or places.below(folder) is None:
        return owner
    files = (path.relative_to(local_dir) for path in Path(local_dir).rglob("*") if not path.is_dir())
    return next((found for path in files if (found := places.around(folder / path.as_posix()))), None)


def _without_links(place: Place) -> Place:
    return Place(place.store, parts_of(realpath("/" + "/".join(place.parts))))
