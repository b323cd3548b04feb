"""Figures of one group and of a group beside its reference group, each with the interval that its counts allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from monitoring import intervals
from reports import payload
from reports.fairness import tensor
from reports.fairness.tensor import RATES, Counts, Floats

BOOTSTRAP_TRIALS = 100
BOOTSTRAP_EVENTS = 30
QUANTILES = [(1 - payload.CONFIDENCE) / 2, (1 + payload.CONFIDENCE) / 2]
LARGE = 1_000_000  # rows of both groups from which Fisher's test and the normal one are the same in every digit shown
# The pair's figure -> the rate it compares, and how.
PAIRS = {
    "selection_ratio": ("selection_rate", "ratio"),
    "tpr_difference": ("tpr", "difference"),
    "fpr_difference": ("fpr", "difference"),
    "fnr_difference": ("fnr", "difference"),
    "precision_difference": ("precision", "difference"),
}
_WHY = {
    "tpr": "no row whose true outcome is favourable",
    "fnr": "no row whose true outcome is favourable",
    "fpr": "no row whose true outcome is unfavourable",
    "precision": "no favourable decision",
}


@dataclass(frozen=True)
class Table:
    """Counts of some groups of people, shape (groups, 2, 2), and bootstrap replicates of them."""

    counts: Counts
    resamples: int
    seed: int

    @cached_property
    def _drawn(self) -> dict[str, Floats]:
        return tensor.rates(tensor.resample(self.counts, resamples=self.resamples, seed=self.seed))

    @cached_property
    def _cells(self) -> dict[str, tuple[Floats, Floats]]:
        return tensor.events_and_trials(self.counts)

    def n(self, group: int) -> int:
        """Rows of a group."""
        return int(self.counts[group].sum())

    def cell(self, rate: str, group: int) -> tuple[int, int]:
        """Return (events, trials) of one rate in one group."""
        events, trials = self._cells[rate]
        return int(events[group]), int(trials[group])

    def rate(self, rate: str, group: int) -> payload.Payload:
        """Return one of ``tensor.RATES`` of a group, with its interval."""
        events, trials = self.cell(rate, group)
        n = self.n(group)
        if trials == 0:
            return payload.undefined(_WHY.get(rate, "no row"), n=n, denominator=0)
        if not _bootstrappable(events, trials):
            low, high = intervals.wilson(events, trials)
            found = payload.number(events / trials, low, high, n=n, denominator=trials)
            return found | {"interval": "Wilson"}
        return self._with_bootstrap(events / trials, self._drawn[rate][:, group], n=n, denominator=trials)

    def pair(self, pair: str, group: int, reference: int, *, comparisons: int) -> payload.Payload:
        """Return one of ``PAIRS`` of a group to the reference group.

        ``simultaneous`` is the interval that holds for all ``comparisons`` at once; it holds the single one.
        """
        rate, kind = PAIRS[pair]
        own, other = self.cell(rate, group), self.cell(rate, reference)
        n = self.n(group)
        if own[1] == 0 or other[1] == 0:
            who = "the group" if own[1] == 0 else "the reference group"
            return payload.undefined(f"in {who}, {_WHY.get(rate, 'no row')}", n=n, denominator=own[1])
        if kind == "ratio" and other[0] == 0:
            return payload.undefined("nobody in the reference group was selected", n=n, denominator=own[1])
        p, q = own[0] / own[1], other[0] / other[1]
        value = p / q if kind == "ratio" else p - q
        limits = intervals.ratio if kind == "ratio" else intervals.newcombe
        if _bootstrappable(*own) and _bootstrappable(*other):
            one, two = self._drawn[rate][:, group], self._drawn[rate][:, reference]
            drawn = tensor.divide(one, two) if kind == "ratio" else one - two
            found = self._with_bootstrap(value, drawn, n=n, denominator=own[1])
        else:
            low, high = limits(*own, *other)
            found = payload.number(value, low, high, n=n, denominator=own[1])
            found["interval"] = "MOVER-R" if kind == "ratio" else "Newcombe"
        low, high = limits(*own, *other, z=intervals.simultaneous_z(comparisons))
        if found["low"] is not None and math.isfinite(high):
            single = [found["low"], found["high"]]
            found["simultaneous"] = single if comparisons == 1 else [min(low, single[0]), max(high, single[1])]
        return found

    def selection_p(self, group: int, reference: int) -> float:
        """Return the p-value of equal selection rates: Fisher's exact test."""
        from scipy.stats import fisher_exact

        (events, trials), (of_events, of_trials) = (self.cell("selection_rate", g) for g in (group, reference))
        if trials + of_trials < LARGE:
            return float(fisher_exact([[events, trials - events], [of_events, of_trials - of_events]]).pvalue)
        pooled = (events + of_events) / (trials + of_trials)
        spread = math.sqrt(pooled * (1 - pooled) * (1 / trials + 1 / of_trials))
        gap = abs(events / trials - of_events / of_trials)
        return math.erfc(gap / spread / math.sqrt(2)) if spread else 1.0

    def _with_bootstrap(self, value: float, drawn: Floats, *, n: int, denominator: int) -> payload.Payload:
        undefined = int(np.isnan(drawn).sum())
        low, high = np.nanquantile(drawn, QUANTILES) if undefined else np.quantile(drawn, QUANTILES)
        found = payload.number(value, float(low), float(high), n=n, denominator=denominator)
        return found | {"interval": "bootstrap", "undefined_replicates": undefined}


def suppressed(reason: str) -> payload.Payload:
    """Return a figure that may not be published: without value, interval or count."""
    return {"value": None, "low": None, "high": None, "n": None, "suppressed": True, "reason": reason}


def rates_of(table: Table, group: int) -> dict[str, payload.Payload]:
    """Return every rate of one group."""
    return {rate: table.rate(rate, group) for rate in RATES}


def adjust(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted by Holm over those that there are."""
    adjusted = iter(intervals.holm([p for p in p_values if p is not None]))
    return [None if p is None else next(adjusted) for p in p_values]


def _bootstrappable(events: int, trials: int) -> bool:
    return trials >= BOOTSTRAP_TRIALS and min(events, trials - events) >= BOOTSTRAP_EVENTS
