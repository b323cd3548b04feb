"""The numbers of a payload as a flat table, and two such tables side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figure = int | float | None
FIELDS = ("path", "value", "low", "high", "n", "denominator", "reason")
NAMED_BY = ("id", "feature", "group", "name", "column", "title")
"""An item of a list is called by the first of these that it has, else by its place."""
MADE_WITH = frozenset({"libraries", "method", "reference_check", "seed"})


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a payload; ``interval`` says that it came with one, be it undefined."""

    path: str
    value: Figure
    low: Figure = None
    high: Figure = None
    n: int | None = None
    denominator: int | None = None
    reason: str = ""
    interval: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """The same number in two pieces of evidence; ``difference`` is None unless both are defined."""

    path: str
    one: Number | None
    other: Number | None
    difference: float | None


def numbers(payload: Mapping[str, Any], *, points: bool = True) -> list[Number]:
    """Return every number of a payload with its path (``metrics[auc].candidate``), in the payload's order.

    Args:
        points: also those of curves and clouds, which are lists of lists.
    """
    rest = {key: value for key, value in payload.items() if key not in MADE_WITH}
    return list(_numbers("", rest, points))


def side_by_side(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Pair]:
    """Return the numbers of two payloads of one type beside each other, without points, in the order of the first."""
    first = {row.path: row for row in numbers(one, points=False)}
    second = {row.path: row for row in numbers(other, points=False)}
    return [_pair(path, first.get(path), second.get(path)) for path in {**first, **second}]


def _pair(path: str, one: Number | None, other: Number | None) -> Pair:
    defined = one is not None and other is not None and one.value is not None and other.value is not None
    difference = float(one.value) - float(other.value) if defined else None  # type: ignore[union-attr, arg-type]
    return Pair(path, one, other, difference)


def _numbers(path: str, value: Any, points: bool) -> Iterator[Number]:
    if isinstance(value, dict):
        if "value" in value and "low" in value and "high" in value:
            known = {name: value.get(name) for name in ("value", "low", "high", "n", "denominator")}
            yield Number(path, **known, reason=str(value.get("reason") or ""), interval=True)
            return
        for key, inner in value.items():
            yield from _numbers(f"{path}.{key}" if path else str(key), inner, points)
    elif isinstance(value, list):
        yield from _items(path, value, points)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield Number(path, value)


def _items(path: str, items: Sequence[Any], points: bool) -> Iterator[Number]:
    if not points and path.rpartition(".")[2].startswith("point"):
        return
    for place, item in enumerate(items):
        if isinstance(item, list) and not points:
            continue
        name = _called(item) if isinstance(item, dict) else ""
        yield from _numbers(f"{path}[{name or place}]", item, points)


def _called(item: Mapping[str, Any]) -> str:
    if parts := item.get("slice"):  # of rows: one or two features with their values
        return " and ".join(f"{part['feature']} {part['value']}" for part in parts)
    return next((str(item[key]) for key in NAMED_BY if item.get(key)), "")
