"""The parts that every evidence payload shares: numbers with intervals, and the common head."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import Any

Payload = dict[str, Any]

CONFIDENCE = 0.95


def number(
    value: float,
    low: float = math.nan,
    high: float = math.nan,
    *,
    n: int,
    denominator: int | None = None,
    reason: str | None = None,
) -> Payload:
    """Return one number with its 95 % interval, as evidence payloads write it.

    Args:
        value, low, high: the estimate and the ends of its interval; NaN or infinite means undefined.
        n: how many rows the number was computed over.
        denominator: how many of them the rate is a share of, when that differs in meaning from ``n``.
        reason: why something is undefined. Required when ``value`` is.
    Returns: ``{"value", "low", "high", "n"}`` and, where given, ``denominator``, ``reason``; undefined is None.
    Raises:
        ValueError: the value is undefined and no reason is given.
    """
    if not math.isfinite(value) and not reason:
        msg = "An undefined number needs a reason."
        raise ValueError(msg)
    out: Payload = {"value": _finite(value), "low": _finite(low), "high": _finite(high), "n": int(n)}
    if denominator is not None:
        out["denominator"] = int(denominator)
    if reason:
        out["reason"] = reason
    return out


def undefined(reason: str, *, n: int, denominator: int | None = None) -> Payload:
    """Return a number without a value, and why."""
    return number(math.nan, n=n, denominator=denominator, reason=reason)


def head(
    evidence_type: str,
    *,
    n: int,
    seed: int,
    method: dict[str, str],
    libraries: tuple[str, ...],
    reference_check: Payload,
) -> Payload:
    """Return the common head of a payload; ``libraries`` are distributions, whose installed versions are written."""
    return {
        "type": evidence_type,
        "n": int(n),
        "seed": int(seed),
        "method": method,
        "libraries": {name: version(name) for name in libraries},
        "reference_check": reference_check,
    }


def reference_check(library: str, *, max_difference: float, tolerance: float) -> Payload:
    """Return the largest absolute difference between our figures and those of ``library`` (a distribution name)."""
    return {
        "library": library,
        "version": version(library),
        "max_difference": float(max_difference),
        "tolerance": float(tolerance),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
