"""Load a model only if a permit covers its bytes. Needs the extra ``placet[mlflow]``.

The order is the point: permit, its standing, the bytes, their digest; only then is anything loaded, and what is loaded
is the copy that was digested.
"""

import atexit
import logging
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from placet import permits
from placet.digests import UnusableArtifact, artifact_manifest
from placet.sdk import IssuedPermit, Placet, PlacetProblem
from placet.trust import InvalidTrust, Trust, load_trust

_log = logging.getLogger("placet")
_URI = re.compile(r"models:/([^/@]+)@([^/@]+)")


class Refused(Exception):
    """The model must not be loaded; the message is the reason, in a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class VerifiedModel:
    """A model whose bytes a valid permit names. ``path`` is the copy that was digested; None if it was not kept."""

    model: str
    version: str
    alias: str
    artifact_digest: str
    status: str
    permit: permits.Permit
    path: Path | None

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
    now: datetime | None = None,
) -> VerifiedModel:
    """Check, without loading it, that a valid permit covers the bytes behind an alias.

    Args:
        uri: ``models:/<name>@<alias>``; a version number or ``latest`` is refused, since permits speak for aliases.
        trust: the permit keys you trust, or the path of the trust file; ``PLACET_TRUST_FILE`` by default.
        placet: the connection; ``PLACET_URL`` and ``PLACET_TOKEN`` by default.
        workspace: the MLflow workspace that the permit must name; not compared when left out.
        keep_in: an empty folder to keep the verified copy in; by default it is deleted again.
        refuse_suspended: refuse every suspended approval. By default one serves on with a warning in the log, unless
            Placet says that nothing may be loaded on it meanwhile.
        now: the moment to judge the permit by.
    Raises:
        Refused: no valid permit, a withdrawn one, other bytes, or Placet or MLflow cannot be asked.
    """
    named = _URI.fullmatch(uri)
    if named is None:
        raise Refused(f"{uri} names no alias: a permit speaks for an alias, as in models:/credit-risk@champion.")
    model, alias = named.groups()
    try:
        keys = trust if isinstance(trust, Trust) else load_trust(trust)
        with nullcontext(placet) if placet else Placet() as connection:
            issued = connection.current_permit(model, alias)
    except PlacetProblem as problem:
        raise Refused(f"No permit for {uri}. {problem}") from None
    except InvalidTrust as error:
        raise Refused(str(error)) from None
    _check_standing(uri, issued, refuse_suspended=refuse_suspended)
    version, created_at_ms, location = _behind(model, alias)
    try:
        permit = permits.verify(
            issued.envelope,
            keys,
            now=now,
            workspace=workspace,
            model=model,
            version=version,
            alias=alias,
            created_at_ms=created_at_ms,
            storage_location=location,
        )
    except (permits.InvalidPermit, InvalidTrust) as error:
        raise Refused(f"{uri} is not covered by its permit. {error}") from None
    if permit.kind == "stop":
        raise Refused(f"{uri} was stopped: its permit orders the alias off.")
    with nullcontext(str(keep_in)) if keep_in else tempfile.TemporaryDirectory() as folder:
        path = _download(uri, location, folder)
        _compare(uri, path, permit)
    return VerifiedModel(
        model=model,
        version=version,
        alias=alias,
        artifact_digest=permit.artifact_digest,
        status=issued.status,
        permit=permit,
        path=path if keep_in else None,
    )


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


def _check_standing(uri: str, issued: IssuedPermit, *, refuse_suspended: bool) -> None:
    if issued.status == "valid":
        return
    if issued.status == "suspended" and not (refuse_suspended or issued.refuse_new_loads):
        _log.warning("%s: its approval is suspended; it may go on serving until the review.", uri)
        return
    if issued.status == "lapsed" and not issued.refuse_new_loads:
        _log.warning("%s: its approval has lapsed; it may be loaded in the grace that its policy gives.", uri)
        return
    why = f" {issued.reason}" if issued.reason else ""
    raise Refused(f"The approval of {uri} is {issued.status}.{why} Ask its owner, or roll back.")


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
        manifest = artifact_manifest(path)
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
