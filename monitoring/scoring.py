"""How the reference gets its scores. Running a model belongs to the layer above, which registers here by path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from governance.evidence.errors import CannotProduce

if TYPE_CHECKING:
    import pandas as pd

    from registry.models import DatasetSnapshot, ModelVersion


@dataclass(frozen=True)
class Scored:
    """Scores of some rows: shape (n,), probability of the dataset's positive label, and how the model was run."""

    score: NDArray[np.float64]
    isolation: str
    libraries: dict[str, str]


Scorer = Callable[["ModelVersion", "DatasetSnapshot", "pd.DataFrame"], Scored]
_path: list[str] = []


def register(path: str) -> None:
    """Say that ``package.module:function`` scores rows: ``(version, snapshot, features frame) -> Scored``."""
    _path[:] = [path]


def score(version: ModelVersion, snapshot: DatasetSnapshot, features: pd.DataFrame) -> Scored:
    """Return what ``version`` says about ``features``, run apart from this process.

    Raises:
        CannotProduce: nothing is registered, the model is refused or fails, or it gives another number of scores.
    """
    if not _path:
        raise CannotProduce("Nothing here runs models, so the reference has no scores to compare predictions with.")
    module, _, name = _path[0].partition(":")
    found: Any = getattr(import_module(module), name)(version, snapshot, features)
    if not isinstance(found, Scored) or found.score.shape != (len(features),) or not np.isfinite(found.score).all():
        raise CannotProduce(f"{version} did not give one finite score per reference row.")
    return found
