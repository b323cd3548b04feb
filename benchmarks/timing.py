"""Time two or more ways of doing a thing side by side, so that a busy machine slows all of them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Seconds = float


@dataclass(frozen=True)
class Row:
    """One way of doing it: median seconds a run, and that median over the baseline's."""

    name: str
    median_s: Seconds
    ratio: float
    runs: int


@dataclass(frozen=True)
class Comparison:
    """A question, how it was put, and its rows; the first one is the baseline, of ratio 1.

    Attributes:
        claim: the machine-independent sentence, with its ratio filled in.
    """

    title: str
    setup: str
    rows: tuple[Row, ...]
    claim: str


def interleaved(
    ways: Mapping[str, Callable[[], object]], *, rounds: int, runs_per_round: int = 1, warm_up: int = 1
) -> tuple[Row, ...]:
    """Run every way once per round, in turn, and return a row for each.

    Args:
        ways: name -> what to run; the first is the baseline.
        rounds: how many times each is timed.
        runs_per_round: repeats inside one timing, for what takes microseconds.
        warm_up: rounds that are thrown away.
    """
    taken: dict[str, list[Seconds]] = {name: [] for name in ways}
    for number in range(warm_up + rounds):
        for name, run in ways.items():
            gc.collect()
            began = time.perf_counter()
            for _ in range(runs_per_round):
                run()
            if number >= warm_up:
                taken[name].append((time.perf_counter() - began) / runs_per_round)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    baseline = next(iter(medians.values()))
    return tuple(Row(name, medians[name], medians[name] / baseline, rounds * runs_per_round) for name in ways)


def seconds(value: Seconds) -> str:
    """Return a time as people read it: ``1.23 s``, ``4.56 ms``, ``78.9 µs``."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"


def times(ratio: float) -> str:
    """Return a ratio with two or three digits: ``1.4``, ``320``."""
    return f"{ratio:.2g}" if ratio < 100 else f"{round(ratio, -1):,.0f}"


def within(value: float, limit: float, unit: str) -> str:
    """Return whether a figure keeps its limit, in words: ``0.85 s of the 1 s that it may take``."""
    said = "of" if value <= limit else "more than"
    return f"{value:.3g} {unit} {said} the {limit:g} {unit} that it may take"
