"""Make two windows of live records for the demo's monitor: one like the reference, one honestly shifted."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from examples.credit import dataset

Kind = Literal["like_reference", "shifted"]
Scorer = Callable[[pd.DataFrame], npt.NDArray[np.float64]]

# The shifted window: a bank that starts to finance larger, longer loans, and more of them for cars and business.
AMOUNT_FACTOR = 1.6
DURATION_FACTOR = 1.4
PURPOSE_WEIGHTS = {"new car": 3.0, "used car": 3.0, "business": 3.0}  # all other purposes: 1


def records(
    score: Scorer, *, kind: Kind, start: datetime, days: int = 7, rows: int = 400, seed: int = 0
) -> pd.DataFrame:
    """Return ``rows`` records of live use, in order of event time. The same arguments give the same records.

    Args:
        score: takes a frame of the model's features and returns the probability of 'bad' for each row, shape (n,).
            Pass the live model's own, so that the scores are really its.
        kind: 'like_reference' draws applications from the data as they are; 'shifted' draws loans for cars and business
            three times as often and makes amounts 1.6 times as large and durations 1.4 times as long.
        start: of the window, time-zone aware; event times lie within ``days`` of it.
    Returns: columns ``prediction_id`` (UUID text), ``predicted_at`` (aware), the model's features, ``prediction``.
        There is no label: whether a loan went bad is not known yet.
    Raises:
        ValueError: ``start`` has no time zone, or more rows are asked for than the data has.
    """
    if start.tzinfo is None:
        msg = "start needs a time zone."
        raise ValueError(msg)
    applications = dataset.load()[dataset.FEATURES]
    if not 0 < rows <= len(applications):
        msg = f"rows is {rows}; the data has {len(applications)} applications to draw from, each at most once."
        raise ValueError(msg)
    rng = np.random.default_rng([seed, kind == "shifted"])
    weights = np.ones(len(applications))
    if kind == "shifted":
        weights = applications["purpose"].map(PURPOSE_WEIGHTS).fillna(1.0).to_numpy(dtype=float)
    drawn = rng.choice(len(applications), size=rows, replace=False, p=weights / weights.sum())
    frame = applications.iloc[drawn].reset_index(drop=True)
    if kind == "shifted":
        frame["credit_amount_dm"] = (frame["credit_amount_dm"] * AMOUNT_FACTOR).round()
        frame["duration_months"] = (frame["duration_months"] * DURATION_FACTOR).round()
    offsets = np.sort(rng.uniform(0, days * 86_400, size=rows))
    identifiers = [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(rows)]
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "prediction_id": identifiers,
                    "predicted_at": [start + timedelta(seconds=round(float(offset), 3)) for offset in offsets],
                }
            ),
            frame.assign(prediction=score(frame)),
        ],
        axis=1,
    )
