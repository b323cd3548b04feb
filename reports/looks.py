"""Looks at one record: asked for by a person, worked out by the evidence worker, read by that person alone.

A look holds a person's data, so it is no row and no evidence: it lives in the cache for ten minutes. What stays is the
entry in the log that somebody looked. A worker that was killed leaves nothing behind; whoever needs it asks again.
"""

import uuid
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from django.core.cache import cache
from redis.exceptions import RedisError

from governance.accounts.models import User
from governance.common.errors import Unknown
from governance.evidence import selectors as evidence
from governance.evidence.errors import CannotProduce
from governance.evidence.models import Evidence
from registry.models import DatasetSnapshot, ModelVersion

LIVES_S = 600
Look = dict[str, Any]


class CannotLook(Exception):
    """A record can't be explained now; the message says why and what to do.

    ``versions``: numbers of the versions to ask instead.
    """

    def __init__(self, message: str, versions: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.versions = tuple(versions)


def evidence_of(version: ModelVersion) -> Evidence | None:
    """Return the newest explanation of a version, whose data and background a look uses."""
    return evidence.newest_evidence(subject_id=version.pk, evidence_type="explanation/v1")


def ask(
    *, viewer: User, version: ModelVersion, record: Mapping[str, Any], mutable: Sequence[str] = (), most: int = 0
) -> uuid.UUID:
    """Ask for a look at one record; the id is for :func:`look_for`.

    Args:
        record: {"row": place in the evaluation data, from 1}, {"features": {name: value}} or {"prediction": id of one
            that was logged, "day": its day as YYYY-MM-DD or ""}.
        mutable, most: features that may change in a counterfactual, and how many at once; 0 for none.
    Raises:
        CannotLook: the cache does not answer.
    """
    pk = uuid.uuid4()
    look = {"state": "queued", "viewer": str(viewer.pk), "version": str(version.pk), "record": dict(record)}
    _keep(pk, look | {"mutable": list(mutable), "most": int(most)})
    return pk


def look_for(viewer: User, version: ModelVersion, pk: uuid.UUID) -> Look:
    """Return a look that this person asked for, at this version.

    Raises:
        Unknown: there is none, it is somebody else's, or its ten minutes are over.
    """
    look = _look(pk)
    if look is None or look["viewer"] != str(viewer.pk) or look["version"] != str(version.pk):
        raise Unknown("That look is over or was never asked for. Ask again.")
    return look


def work(pk: uuid.UUID) -> None:
    """Work out one look. Safe twice: only a queued one is worked on. Whatever goes wrong is told with the look."""
    look = _look(pk)
    if look is None or look["state"] != "queued":
        return
    _keep(pk, look | {"state": "running"})
    try:
        found = import_module("reports.producers.record").worked_out(look)
    except (CannotProduce, CannotLook, Unknown, ValueError) as error:
        elsewhere = list(getattr(error, "versions", ()))
        _keep(pk, look | {"state": "failed", "error": str(error)[:800], "elsewhere": elsewhere, "record": {}})
    except Exception:
        _keep(
            pk, look | {"state": "failed", "error": "It failed for a reason that the worker's log has.", "record": {}}
        )
        raise
    else:
        _keep(pk, look | {"state": "done", "result": found, "record": {}})


def changeable(data: DatasetSnapshot) -> list[str]:
    """Return the features that a counterfactual may change: never one that states a protected characteristic."""
    return [name for name in data.features if name not in data.sensitive_features]


def _look(pk: uuid.UUID) -> Look | None:
    try:
        look: Look | None = cache.get(f"look:{pk}")
    except RedisError:
        return None
    return look


def _keep(pk: uuid.UUID, look: Look) -> None:
    try:
        cache.set(f"look:{pk}", look, timeout=LIVES_S)
    except RedisError as error:
        raise CannotLook("A look can't be kept, because the cache does not answer. Try again in a minute.") from error
