"""Reference and window of one column side by side, in the bins that its distance is taken over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from governance.common.errors import Unknown
from governance.evidence import storage
from monitoring import measures, runs
from monitoring.kept import CategoryCounts, NumericCounts
from monitoring.models import DriftRun, Monitor, ReferenceProfile
from monitoring.profiles import ReferenceColumn
from monitoring.profiles import ReferenceProfile as Reference
from monitoring.profiles import WindowProfile as Window

Row = dict[str, Any]
Pair = tuple[ReferenceColumn, NumericCounts | CategoryCounts]


class Windows:
    """The kept counts of some runs, each file read once, and all their references with one query."""

    def __init__(self, monitor: Monitor, shown: Sequence[DriftRun]) -> None:
        digests = {run.evidence.payload["reference"]["digest"] for run in shown}
        rows = ReferenceProfile.objects.filter(monitor=monitor, digest__in=digests).values_list("digest", "profile")
        self._references = {digest: Reference.from_json(profile) for digest, profile in rows} if digests else {}
        self._windows: dict[Any, Window | None] = {}

    def columns(self, run: DriftRun, name: str) -> Pair | None:
        """Return a column's counts in the reference and in the window; None where either is not kept."""
        reference = self._references.get(run.evidence.payload["reference"]["digest"])
        window = self._window(run) if reference else None
        if reference is None or window is None:
            return None
        pairs = zip(reference.columns, window.columns, strict=True)
        return next(((column, counts) for column, counts in pairs if column.name == name), None)

    def _window(self, run: DriftRun) -> Window | None:
        if run.pk not in self._windows:
            self._windows[run.pk] = None
            if runs.WINDOW_FILE in run.evidence.files:
                try:
                    kept = json.loads(storage.get(run.evidence.files[runs.WINDOW_FILE]))
                    self._windows[run.pk] = Window.from_json(kept)
                except Unknown:  # the file is gone from the store; the figures of the evidence stand all the same
                    pass
        return self._windows[run.pk]


def mean_of(column: ReferenceColumn, counts: NumericCounts | CategoryCounts) -> float | None:
    """Return the mean of a window's values, taking each for the middle of its bin; None for texts and for no value.

    The bins hold a hundredth of the reference's rows each; the outermost end where the reference does. How far beyond
    it values lie is kept in steps as wide as all of it, which would draw the mean of a few values far off.
    """
    total = sum(counts.counts) if isinstance(counts, NumericCounts) else 0
    if not isinstance(counts, NumericCounts) or not total or counts.low is None or counts.high is None:
        return None
    known = column.counts if isinstance(column.counts, NumericCounts) else counts
    low, high = (counts.low, counts.high) if known.low is None or known.high is None else (known.low, known.high)
    knots = [low, *(min(max(edge, low), high) for edge in column.edges), high]
    middles = [(left + right) / 2 for left, right in pairwise(knots)]
    return float(sum(n * middle for n, middle in zip(counts.counts, middles, strict=False)) / total)


def distribution(run: DriftRun, windows: Windows, column: str, names: Sequence[str]) -> Row | None:
    """Return what the page shows of one column in one window; None where its counts are not kept.

    ``{column, names, run, bins [{label, reference, current}], reference_n, current_n, facts, outcome}``.
    """
    measured = _measured(run.evidence.payload, column)
    pair = windows.columns(run, column)
    if measured is None or pair is None:
        return None
    labels, left, right = measures.bins_of(*pair)
    before, after = left.sum() or 1, right.sum() or 1
    return {
        "column": column,
        "title": column,
        "names": list(names),
        "run": {"pk": run.pk, "start": run.window_start, "end": run.window_end},
        "reference_n": run.evidence.payload["reference"]["n"],
        "current_n": run.rows,
        "measured": measured,
        "bins": [
            {"label": label, "reference": float(a / before), "current": float(b / after)}
            for label, a, b in zip(labels, left, right, strict=True)
        ],
    }


def moved_first(payload: Mapping[str, Any]) -> list[str]:
    """Return the columns of a window, the one nearest to its limit first."""
    rows = sorted(payload["columns"], key=lambda column: -(column["value"] or 0.0) / column["limit"])
    return [row["column"] for row in rows]


def _measured(payload: Mapping[str, Any], column: str) -> Row | None:
    found: Row | None = next((row for row in payload["columns"] if row["column"] == column), None)
    return found
