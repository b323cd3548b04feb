"""Hold two payloads of one type against each other, field by field. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two figures may lie apart and still be one: ``|then - now| <= absolute + relative * |then|``."""

    relative: float
    absolute: float


EXACT = Tolerance(0.0, 0.0)
DEFAULT = Tolerance(1e-9, 1e-12)
"""The last digits of a sum depend on the processor and on how many threads added it up."""
TOLERANCES: Mapping[str, Tolerance] = {
    "explanation/v1": Tolerance(1e-4, 1e-6),  # the fast engine on other processors; its own residual is of this size
    "robustness/v1": Tolerance(1e-6, 1e-9),
}
VOLATILE = frozenset({"timing"})
"""Fields at the top that no two runs share: what the machine took for it. The schemas describe them so."""
VERSIONS = frozenset({"libraries"})
"""Fields at the top that say with what it was made; they are told apart as reasons, not as figures."""
MOST = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs: ``then`` and ``now`` as text where they are no scalars, None where it was not there."""

    path: str
    then: Scalar
    now: Scalar
    within: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"path": self.path, "then": self.then, "now": self.now, "within": self.within}


def tolerance_of(evidence_type: str) -> Tolerance:
    """Return how far figures of a type may lie apart."""
    return TOLERANCES.get(evidence_type, DEFAULT)


def comparable(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload without what no two runs share."""
    return {key: value for key, value in payload.items() if key not in VOLATILE | VERSIONS}


def differences(then: Mapping[str, Any], now: Mapping[str, Any], tolerance: Tolerance) -> list[Difference]:
    """Return every field in which two payloads differ, in the order of their paths; empty when none does.

    A whole number and the same number as a fraction (1 and 1.0) are one. Lists are compared place by place.
    """
    return list(_differences("", comparable(then), comparable(now), tolerance))


def libraries_told(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each library that had another version, or was not there."""
    return [
        f"{name}: {then.get(name, 'not there')} then, {now.get(name, 'not there')} now."
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


def _differences(path: str, then: Any, now: Any, tolerance: Tolerance) -> Iterator[Difference]:
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted({*then, *now}):
            inner = f"{path}.{key}" if path else key
            if key in then and key in now:
                yield from _differences(inner, then[key], now[key], tolerance)
            else:
                yield Difference(inner, _shown(then.get(key)), _shown(now.get(key)), within=False)
    elif isinstance(then, list) and isinstance(now, list):
        for place in range(max(len(then), len(now))):
            inner = f"{path}[{place}]"
            if place < len(then) and place < len(now):
                yield from _differences(inner, then[place], now[place], tolerance)
            else:
                one = then[place] if place < len(then) else None
                other = now[place] if place < len(now) else None
                yield Difference(inner, _shown(one), _shown(other), within=False)
    elif _figures(then, now):
        if then != now:
            near = math.isclose(then, now, rel_tol=0.0, abs_tol=tolerance.absolute + tolerance.relative * abs(then))
            yield Difference(path, then, now, within=near)
    elif type(then) is not type(now) or then != now:
        yield Difference(path, _shown(then), _shown(now), within=False)


def _figures(then: Any, now: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in (then, now))


def _shown(value: Any) -> Scalar:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return f"{type(value).__name__} of {len(value)}"
