"""How long the model takes to answer. The only figures of the evidence that another run does not give again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from reports import payload

FOR_P95, FOR_P99 = 20, 100
"""So many calls at least before a quantile is given: with fewer, it is the slowest call under another name."""


class Timed(Protocol):
    """A way to ask the model that says how long the answer took.

    Attributes:
        what: what lies within the seconds, in words: with or without the process's start, reading, checks.
        calls, batches: how many calls of one row, and of many, are worth their time; at least 1.
    """

    what: str
    calls: int
    batches: int

    def seconds(self, frame: pd.DataFrame) -> float:
        """Return how long the answer for these rows took, in seconds."""
        ...


def measure_timing(timed: Timed, frame: pd.DataFrame, *, batch: int = 1_000) -> payload.Payload:
    """Return latency of calls with one row, and throughput of calls with many.

    Args:
        frame: rows to ask about, at least one; they are used again where there are fewer than asked for.
        batch: rows of a call for throughput.
    """
    one = [timed.seconds(frame.iloc[[i % len(frame)]]) for i in range(timed.calls)]
    many = frame.iloc[np.arange(batch) % len(frame)]
    rates = [batch / max(timed.seconds(many), 1e-9) for _ in range(timed.batches)]
    return {
        "measured": True,
        "what": timed.what,
        "latency": {"rows": 1, "calls": len(one), **_quantiles(one)},
        "throughput": {"rows": batch, "calls": len(rates), "rows_per_s": float(np.median(rates))},
    }


def _quantiles(seconds: Sequence[float]) -> payload.Payload:
    out: payload.Payload = {"p50_ms": float(np.median(seconds)) * 1000}
    for name, share, least in (("p95_ms", 0.95, FOR_P95), ("p99_ms", 0.99, FOR_P99)):
        out[name] = float(np.quantile(seconds, share)) * 1000 if len(seconds) >= least else None
    if len(seconds) < FOR_P99:
        out["reason"] = f"{len(seconds)} calls: the 95th percentile needs {FOR_P95}, the 99th {FOR_P99}"
    return out
