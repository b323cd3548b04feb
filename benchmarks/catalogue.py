"""The benchmarks by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from benchmarks.timing import Comparison


def _append() -> Iterator[Comparison]:
    yield import_module("benchmarks.log_append").measure()
    yield from import_module("benchmarks.log_writers").measure()


def _scale() -> Iterator[Comparison]:
    yield from import_module("benchmarks.log_at_scale").measure()


def _verify() -> Iterator[Comparison]:
    yield from import_module("benchmarks.verification").measure()


def _case() -> Iterator[Comparison]:
    yield import_module("benchmarks.case").measure()


def _fairness() -> Iterator[Comparison]:
    fairness = import_module("benchmarks.fairness")
    yield from (fairness.measure(rows) for rows in (10_000, 100_000, 1_000_000))


def _explanation() -> Iterator[Comparison]:
    explanation = import_module("benchmarks.explanation")
    yield from (explanation.measure(how) for how in ("path-dependent", "interventional"))


def _drift() -> Iterator[Comparison]:
    yield import_module("benchmarks.drift").measure()


def _windows() -> Iterator[Comparison]:
    yield from import_module("benchmarks.windows").measure()


def _ingest() -> Iterator[Comparison]:
    yield from import_module("benchmarks.ingest").measure()


def _documents() -> Iterator[Comparison]:
    yield from import_module("benchmarks.documents").measure()


def _policy() -> Iterator[Comparison]:
    yield import_module("benchmarks.policy").measure()


def _replay() -> Iterator[Comparison]:
    yield import_module("benchmarks.replay").measure()


def _inbox() -> Iterator[Comparison]:
    yield from import_module("benchmarks.inbox").measure()


def _reconciler() -> Iterator[Comparison]:
    yield from import_module("benchmarks.reconciler").measure()


def _digests() -> Iterator[Comparison]:
    yield import_module("benchmarks.digests").measure()


def _gate() -> Iterator[Comparison]:
    yield from import_module("benchmarks.gate").measure()


def _decisions() -> Iterator[Comparison]:
    yield import_module("benchmarks.decisions").measure()


def _web() -> Iterator[Comparison]:
    yield from import_module("benchmarks.web").measure()


def _evidence() -> Iterator[Comparison]:
    yield from import_module("benchmarks.evidence").measure()


def _sandbox() -> Iterator[Comparison]:
    yield import_module("benchmarks.sandbox").measure()


BENCHMARKS: dict[str, Callable[[], Iterator[Comparison]]] = {
    "append": _append,
    "scale": _scale,
    "verify": _verify,
    "case": _case,
    "fairness": _fairness,
    "explanation": _explanation,
    "drift": _drift,
    "windows": _windows,
    "ingest": _ingest,
    "documents": _documents,
    "policy": _policy,
    "replay": _replay,
    "inbox": _inbox,
    "reconciler": _reconciler,
    "digests": _digests,
    "gate": _gate,
    "decisions": _decisions,
    "web": _web,
    "evidence": _evidence,
    "sandbox": _sandbox,
}


def run(name: str) -> list[Comparison]:
    """Run one benchmark to its end."""
    return list(BENCHMARKS[name]())
