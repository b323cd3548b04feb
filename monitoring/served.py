"""What was read of a window's records for what a policy names besides columns; rows, no database. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from governance.common.clock import rfc3339

Json = dict[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Groups:
    """Rows by sensitive columns.

    Attributes:
        codes: by column, shape (n,), the place of each row's group in ``names``.
        names: by column; ``not stated`` is the group of rows without a value.
        references: by column, the place of the group that the others are held against.
    """

    codes: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    references: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """Scored rows; ``truth`` (1.0 where the event happened, or the observed number) where they have labels.

    Attributes:
        score, truth: shape (n,).
        of: predictions that could have had a label, with and without one.
        start, end: whose predictions these are by event time; None for reference rows.
    """

    score: Floats
    truth: Floats | None = None
    groups: Groups = field(default_factory=Groups)
    of: int = 0
    start: datetime | None = None
    end: datetime | None = None

    @property
    def labelled(self) -> int:
        """Rows with a label."""
        return 0 if self.truth is None else self.truth.size

    def said_of_labels(self) -> Json:
        """Return what is to be read with every figure of labelled rows: how many, which share, whose predictions."""
        facts: Json = {"labelled": self.labelled, "coverage": self.labelled / self.of if self.of else None}
        if self.start and self.end:
            facts["window"] = {"start": rfc3339(self.start), "end": rfc3339(self.end)}
        return facts


@dataclass(frozen=True)
class Served:
    """What a window's records show besides the shape of their columns. What they have no column for is None or absent.

    Attributes:
        task: of the reference data: ``binary``, ``multiclass`` or ``regression``.
        threshold: from which score on the event is predicted.
        event_is_favourable: what the model says then is good for the person.
        latency: milliseconds of the records that have one.
        kpis: values of the records that have one, by column.
        before: means of each KPI in earlier windows, newest first.
        window: all predictions of the window.
        labelled: the predictions with a label; of another window where labels come late.
        reference: scores and labels of the reference rows.
        no_reference: why there are none.
    """

    task: str = "binary"
    threshold: float = 0.5
    event_is_favourable: bool = True
    latency: Floats | None = None
    kpis: Mapping[str, Floats] = field(default_factory=dict)
    before: Mapping[str, Sequence[float]] = field(default_factory=dict)
    window: Rows | None = None
    labelled: Rows | None = None
    reference: Rows | None = None
    no_reference: str = ""
