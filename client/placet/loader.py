"""Load a model only if a permit covers its bytes. From MLflow it needs the extra ``placet[mlflow]``.

The order is the point: permit, its standing, the bytes, their digest; only then is anything loaded, and what is loaded
is the copy that was digested. While Placet can't be asked, the last permit and the last revocation list decide.
"""

import atexit
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from placet import permits
from placet.digests import UnusableArtifact
from placet.permit_cache import PermitCache
from placet.revocations import InvalidList, Withdrawn, permit_digest, verify_list
from placet.sdk import IssuedPermit, Placet, PlacetProblem
from placet.standing import VALID, Refused, by_list, check, try_to_keep
from placet.streamed import folder_manifest
from placet.trust import InvalidTrust, Trust, load_trust
from placet.uris import DEFAULT_WORKSPACE, refusal_of, split_alias, split_workspace

__all__ = [
    "LoadedModel",
    "Refused",
    "VerifiedModel",
    "check_standing",
    "load_model",
    "load_verified",
    "verify_folder",
    "verify_model",
]
_log = logging.getLogger("placet")
_ASKED_WITHIN_S = 10.0
_TO = {"rollback": "move an alias back", "stop": "take an alias off"}


@dataclass(frozen=True)
class VerifiedModel:
    """A model whose bytes a valid permit names. ``path`` is the copy that was digested; None if it was not kept.

    ``offline``: Placet could not be asked; what was kept of its word decided.
    """

    model: str
    version: str
    alias: str
    artifact_digest: str
    status: str
    permit: permits.Permit
    permit_digest: str
    path: Path | None
    offline: bool = False

    @property
    def decision_threshold(self) -> float | None:
        """Return the threshold that was approved with these bytes; decide by it, not by one of your own."""
        return self.permit.decision_threshold


@dataclass(frozen=True)
class LoadedModel:
    """A loaded model, and the verification that this very load rests on."""

    model: Any
    verified: VerifiedModel


def verify_model(
    uri: str,
    *,
    trust: Trust | Path | None = None,
    placet: Placet | None = None,
    workspace: str | None = None,
    keep_in: Path | None = None,
    refuse_suspended: bool = False,
    cache: Path | None = None,
    max_list_age: timedelta | None = None,
    now: datetime | None = None,
) -> VerifiedModel:
    """Check, without loading it, that a valid permit covers the bytes behind an alias.

    Args:
        uri: ``models:/<name>@<alias>``, in another workspace ``models:/<workspace>:<name>@<alias>``; whatever names no
            alias is refused, since permits speak for aliases.
        trust: the permit keys you trust, or the path of the trust file; ``PLACET_TRUST_FILE`` by default.
        placet: the connection; ``PLACET_URL`` and ``PLACET_TOKEN`` by default.
        workspace: the MLflow workspace that the permit must name; that of the URI, if it names one, when left out.
        keep_in: an empty folder to keep the verified copy in; by default it is deleted again.
        refuse_suspended: refuse every suspended approval. By default one serves on with a warning in the log, unless
            Placet says that nothing may be loaded on it meanwhile.
        cache: a folder for the last permit and revocation list, which decide when Placet can't be asked;
            ``PLACET_CACHE`` by default. Without one, a model is refused then.
        max_list_age: how old the list may be that decides; ``PLACET_MAX_LIST_AGE_HOURS`` by default, else 24 hours.
        now: the moment to judge by.
    Raises:
        Refused: no valid permit, a withdrawn one, other bytes, or nobody's word to decide by.
    """
    if refusal := refusal_of(uri):
        raise Refused(refusal)
    model, alias = split_alias(uri)
    keys, kept = _keys(trust), _cache(cache)
    issued, why = _ask(uri, placet, kept)
    if issued is not None:
        _forget_if_refused(uri, issued, kept, refuse_suspended=refuse_suspended)
    envelope = issued.envelope if issued else kept.permit(model, alias) if kept else None
    if envelope is None or (issued is None and kept is None):
        raise Refused(f"No permit for {uri}. {why}" + (f" None is kept in {kept.folder}." if kept else ""))
    space, name = split_workspace(model)
    named = None if space == DEFAULT_WORKSPACE else space
    with _within(named):
        version, created_at_ms, location = _behind(name, alias)
    about = {
        "workspace": workspace or named,
        "version": version,
        "created_at_ms": created_at_ms,
        "storage_location": location,
    }
    permit = _permit(uri, envelope, keys, now=now, model=name, alias=alias, **about)
    digest = permit_digest(envelope, permit)
    if issued is not None and kept is not None:
        _keep(uri, placet, kept, envelope, permit, keys)
    status = issued.status if issued else ""
    if issued is None and kept is not None:
        _log.warning("%s: %s Decided by what is kept in %s.", uri, why, kept.folder)
        listed = kept.revocation_list()
        said = by_list(uri, digest, listed, keys, kept=kept, max_age=max_list_age, now=now)
        status = _check_entry(uri, said, refuse_suspended=refuse_suspended)
    with nullcontext(str(keep_in)) if keep_in else tempfile.TemporaryDirectory() as folder:
        with _within(named):
            path = _download(uri, location, folder)
        _compare(uri, path, permit)
    return _verified(permit, digest, status, path if keep_in else None, offline=bool(why))


def verify_folder(
    path: Path,
    permit: Path | Mapping[str, Any],
    *,
    trust: Trust | Path | None = None,
    revocation_list: Path | Mapping[str, Any] | None = None,
    placet: Placet | None = None,
    cache: Path | None = None,
    max_list_age: timedelta | None = None,
    refuse_suspended: bool = False,
    now: datetime | None = None,
) -> VerifiedModel:
    """Check that a permit covers a folder which is here already; neither MLflow nor, with a list, Placet is asked.

    What the permit's alias points to now nobody is asked: name and version are the permit's own.

    Args:
        path: the model's folder.
        permit: the permit's envelope, or a file with it (also the whole answer of ``/api/v1/permits``).
        revocation_list: the list's envelope, or a file with it; by default Placet's newest, else the one in ``cache``.
        trust, placet, cache, max_list_age, refuse_suspended, now: as for ``verify_model``.
    Raises:
        Refused: the permit does not cover these bytes, is withdrawn, or no list says that it is not.
    """
    keys, kept, name = _keys(trust), _cache(cache), str(path)
    envelope = _envelope(permit)
    found = _permit(name, envelope, keys, now=now)
    digest = permit_digest(envelope, found)
    listed, asked = (_envelope(revocation_list), False) if revocation_list is not None else _listed(name, placet, kept)
    said = by_list(name, digest, listed, keys, kept=kept, max_age=max_list_age, now=now)
    status = _check_entry(name, said, refuse_suspended=refuse_suspended)
    _compare(name, Path(path), found)
    return _verified(found, digest, status, Path(path), offline=not asked)


def check_standing(
    verified: VerifiedModel,
    *,
    trust: Trust | Path | None = None,
    placet: Placet | None = None,
    cache: Path | None = None,
    max_list_age: timedelta | None = None,
    refuse_suspended: bool = False,
    now: datetime | None = None,
) -> str:
    """Return what the newest signed list says now of a model that was verified before: ``valid``, or its status.

    MLflow is not asked, and the alias may point elsewhere by now. For a service, which asks every so often about what
    it has loaded. Arguments are as for ``verify_model``.

    Raises:
        Refused: it must not be loaded any more; ``status`` says what became of its approval, empty if nobody knows.
    """
    keys, kept = _keys(trust), _cache(cache)
    name = f"models:/{verified.model}@{verified.alias} (version {verified.version})"
    listed, _ = _listed(name, placet, kept)
    said = by_list(name, verified.permit_digest, listed, keys, kept=kept, max_age=max_list_age, now=now)
    return _check_entry(name, said, refuse_suspended=refuse_suspended)


def load_model(uri: str, *, load: Callable[[str], Any] | None = None, **options: Any) -> Any:
    """Verify a model as ``verify_model`` does, load the copy that was verified, and return the model.

    Arguments and errors are those of ``load_verified``, which also says what was loaded.
    """
    return load_verified(uri, load=load, **options).model


def load_verified(uri: str, *, load: Callable[[str], Any] | None = None, **options: Any) -> LoadedModel:
    """Verify a model once and load the copy that was verified; version, digest and threshold are those of this load.

    An alias can move between two calls, so never report what ``verify_model`` said of a model that another call loaded.

    Args:
        uri: ``models:/<name>@<alias>``.
        load: how to load a model folder; ``mlflow.pyfunc.load_model`` by default.
        options: as for ``verify_model``.
    Raises:
        Refused: see ``verify_model``. Nothing of the model was executed then.
    """
    own = options.get("keep_in") is None
    if own:
        options["keep_in"] = Path(tempfile.mkdtemp(prefix="placet-model-"))
        atexit.register(shutil.rmtree, options["keep_in"], ignore_errors=True)  # some flavors read files later on
    try:
        verified = verify_model(uri, **options)
    except Refused:
        if own:  # a service that asks again and again must not fill its disk with what it refused
            shutil.rmtree(options["keep_in"], ignore_errors=True)
        raise
    if load is None:
        import mlflow.pyfunc

        load = mlflow.pyfunc.load_model
    return LoadedModel(model=load(str(verified.path)), verified=verified)


def _verified(permit: permits.Permit, digest: str, status: str, path: Path | None, *, offline: bool) -> VerifiedModel:
    return VerifiedModel(
        model=permit.model,
        version=permit.version,
        alias=permit.alias,
        artifact_digest=permit.artifact_digest,
        status=status,
        permit=permit,
        permit_digest=digest,
        path=path,
        offline=offline,
    )


def _keys(trust: Trust | Path | None) -> Trust:
    try:
        return trust if isinstance(trust, Trust) else load_trust(trust)
    except InvalidTrust as error:
        raise Refused(str(error)) from None


def _cache(folder: Path | None) -> PermitCache | None:
    named = folder or os.environ.get("PLACET_CACHE")
    return PermitCache(Path(named)) if named else None


def _ask(uri: str, placet: Placet | None, kept: PermitCache | None) -> tuple[IssuedPermit | None, str]:
    """Return what Placet says of an alias; None, and why, when it can't be asked.

    Raises:
        Refused: it was asked, and knows of no permit.
    """
    model, alias = split_alias(uri)
    try:
        with nullcontext(placet) if placet else Placet(timeout_s=_ASKED_WITHIN_S) as connection:
            return connection.current_permit(model, alias), ""
    except PlacetProblem as problem:
        if problem.status == 0 or problem.status >= 500:
            return None, str(problem)
        if kept is not None and problem.status == 404:  # another refusal may be some proxy's, and says nothing of it
            try_to_keep(uri, lambda: kept.forget_permit(model, alias))
        raise Refused(f"No permit for {uri}. {problem}") from None


def _forget_if_refused(uri: str, issued: IssuedPermit, kept: PermitCache | None, *, refuse_suspended: bool) -> None:
    try:
        refuses, reason = issued.refuse_new_loads, issued.reason
        check(uri, issued.status, refuses=refuses, reason=reason, refuse_suspended=refuse_suspended)
    except Refused:
        if kept is not None and issued.status != "suspended":  # a suspension passes, and the list says when
            try_to_keep(uri, lambda: kept.forget_permit(*split_alias(uri)))
        raise


def _listed(uri: str, placet: Placet | None, kept: PermitCache | None) -> tuple[Mapping[str, Any], bool]:
    """Return Placet's newest list and True, or the one that was kept and False. Raises Refused: there is neither."""
    try:
        with nullcontext(placet) if placet else Placet(timeout_s=_ASKED_WITHIN_S) as connection:
            return connection.revocation_list(), True
    except PlacetProblem as problem:
        listed = kept.revocation_list() if kept else None
        if listed is None:
            raise Refused(f"No revocation list says that the permit of {uri} still holds. {problem}") from None
        return listed, False


def _check_entry(uri: str, said: Withdrawn | None, *, refuse_suspended: bool) -> str:
    """Return a permit's status by its entry in the list; what the list does not name is valid. Raises Refused."""
    if said is None:
        return VALID
    reason = f"Since {said.since}."
    check(uri, said.status, refuses=said.refuse_new_loads, reason=reason, refuse_suspended=refuse_suspended)
    return said.status


def _permit(
    uri: str, envelope: Mapping[str, Any], keys: Trust, *, now: datetime | None, **expected: Any
) -> permits.Permit:
    try:
        permit = permits.verify(envelope, keys, now=now, **expected)
    except (permits.InvalidPermit, InvalidTrust) as error:
        raise Refused(f"{uri} is not covered by its permit. {error}") from None
    if permit.kind != "serve":  # the others move an alias, and no revocation list names them
        raise Refused(f"{uri} is not covered by its permit: it is one to {_TO[permit.kind]}, not to serve.")
    if permit.basis != "approval":
        _log.warning("%s serves on one person's word (%s), until %s.", uri, permit.basis, permit.expires_at.isoformat())
    return permit


def _keep(
    uri: str,
    placet: Placet | None,
    kept: PermitCache,
    envelope: Mapping[str, Any],
    permit: permits.Permit,
    keys: Trust,
) -> None:
    """Keep a permit that was verified, and the newest list with it.

    Raises:
        Refused: the signed list says that it is revoked, whatever the answer said.
    """
    model, _ = split_alias(uri)
    try:
        with nullcontext(placet) if placet else Placet(timeout_s=_ASKED_WITHIN_S) as connection:
            listed = connection.revocation_list()
        found = verify_list(listed, keys, at_least=kept.seen())
    except (PlacetProblem, InvalidList) as problem:
        _log.warning("%s: no newer revocation list is kept. %s", uri, problem)
    else:
        entry = found.entries.get(permit_digest(envelope, permit))
        if entry is not None and entry.status == "revoked":
            try_to_keep(uri, lambda: kept.forget_permit(model, permit.alias))
            why = f"The approval of {uri} is revoked, since {entry.since}. Ask its owner, or roll back."
            raise Refused(why, status="revoked")
        try_to_keep(uri, lambda: kept.keep_list(listed, found.number))
    try_to_keep(uri, lambda: kept.keep_permit(model, permit.alias, envelope))


def _envelope(source: Path | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an envelope: as it is, from a file, or out of the answer of the API that is in one."""
    value: Any = source
    if not isinstance(source, Mapping):
        try:
            value = json.loads(Path(source).read_text(encoding="utf-8"))
        except OSError as error:
            raise Refused(f"{source} cannot be read: {error.strerror}.") from None
        except (ValueError, RecursionError):
            raise Refused(f"{source} is not JSON.") from None
    if isinstance(value, Mapping) and isinstance(value.get("envelope"), Mapping):
        value = value["envelope"]
    if not isinstance(value, Mapping):
        raise Refused(f"{source} holds no envelope.")
    return value


def _within(workspace: str | None) -> AbstractContextManager[object]:
    """Let MLflow's client ask in a workspace, where one is named; else in that of its own settings."""
    if workspace is None:
        return nullcontext()
    from mlflow.utils.workspace_context import WorkspaceContext

    return WorkspaceContext(workspace)


def _behind(model: str, alias: str) -> tuple[str, int, str]:
    """Return version, creation time and storage location of what MLflow's alias points to."""
    import mlflow
    from mlflow.exceptions import MlflowException

    client = mlflow.MlflowClient()
    try:
        found = client.get_model_version_by_alias(model, alias)
        location = client.get_model_version_download_uri(model, found.version)
    except MlflowException as error:
        raise Refused(f"MLflow does not know {model}@{alias}: {_first_line(error)}") from None
    if location.startswith("models:"):
        raise Refused(f"MLflow gives {location} as the place of {model}@{alias}, which is no storage location.")
    return str(found.version), int(found.creation_timestamp), location


def _download(uri: str, location: str, folder: str) -> Path:
    import mlflow.artifacts
    from mlflow.exceptions import MlflowException

    try:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=location, dst_path=folder))
    except (MlflowException, OSError) as error:
        raise Refused(f"The artifacts of {uri} cannot be read: {_first_line(error)}") from None


def _compare(uri: str, path: Path, permit: permits.Permit) -> None:
    try:
        manifest = folder_manifest(path)
    except UnusableArtifact as error:
        raise Refused(f"{uri}: {error}") from None
    if manifest.root_digest != permit.artifact_digest:
        raise Refused(
            f"The files of {uri} are not the approved ones: their digest is {manifest.root_digest}, "
            f"the permit names {permit.artifact_digest}."
        )
    if permit.artifact_manifest not in (None, manifest.digest):
        raise Refused(f"The files of {uri} do not have the approved names.")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
