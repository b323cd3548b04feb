"""What a policy asks of the fairness figures: its parameters, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

SUPPRESS_BELOW = 10
MIN_SHARE = 0.05
KNOWN = ("sensitive_features", "min_share", "suppress_below", "bins", "intersections")


@dataclass(frozen=True)
class Asked:
    """``min_share``: groups with a smaller share of the rows are shown and not compared; 0 to under 1.

    ``suppress_below``: cells of fewer people are not shown; 1 shows all. ``bins``: edges by numeric feature.
    ``intersections``: pairs of features to cross; None crosses all of them.

    Raises:
        ValueError: a share or count out of range.
    """

    min_share: float = MIN_SHARE
    suppress_below: int = SUPPRESS_BELOW
    bins: Mapping[str, Sequence[float]] = field(default_factory=dict)
    intersections: tuple[tuple[str, str], ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_share < 1:
            msg = f"min_share is {self.min_share}, expected a share from 0 to under 1."
            raise ValueError(msg)
        if self.suppress_below < 1:
            msg = f"suppress_below is {self.suppress_below}, expected a whole number of people, 1 or more."
            raise ValueError(msg)

    def pairs(self, features: Sequence[str]) -> list[tuple[int, int]]:
        """Return the pairs to cross, as indexes into ``features``.

        Raises:
            ValueError: a pair names something else.
        """
        if self.intersections is None:
            return list(combinations(range(len(features)), 2))
        unknown = sorted({name for pair in self.intersections for name in pair if name not in features})
        if unknown:
            msg = f"intersections names {', '.join(unknown)}; the sensitive features are {list(features)}."
            raise ValueError(msg)
        places = [sorted((features.index(a), features.index(b))) for a, b in self.intersections]
        return [(a, b) for a, b in dict.fromkeys(map(tuple, places)) if a != b]


def read(parameters: Mapping[str, Any]) -> Asked:
    """Return what the ``parameters`` of a policy's ``fairness/v1`` ask for.

    ``bins: {age: [25, 40, 60]}``; ``intersections: ["sex, age_group"]``, an empty list for none.

    Raises:
        ValueError: a parameter that there is not, or one of the wrong shape.
    """
    unknown = sorted(set(parameters) - set(KNOWN))
    if unknown:
        msg = f"fairness/v1 has no parameter {', '.join(unknown)}; there are {', '.join(KNOWN)}."
        raise ValueError(msg)
    bins = parameters.get("bins", {})
    if not isinstance(bins, Mapping) or not all(isinstance(edges, list | tuple) for edges in bins.values()):
        msg = f"bins is {bins!r}; give the edges by feature, such as {{age: [25, 40, 60]}}."
        raise ValueError(msg)
    crossed = parameters.get("intersections")
    return Asked(
        min_share=_number(parameters, "min_share", MIN_SHARE),
        suppress_below=_whole(_number(parameters, "suppress_below", SUPPRESS_BELOW)),
        bins={str(name): tuple(edges) for name, edges in bins.items()},
        intersections=None if crossed is None else tuple(_pair(text) for text in _list(crossed)),
    )


def _number(parameters: Mapping[str, Any], name: str, default: float) -> float:
    value = parameters.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        msg = f"{name} is {value!r}, expected a number."
        raise ValueError(msg)  # noqa: TRY004  # a value of the policy, not of our code
    return float(value)


def _whole(value: float) -> int:
    if not value.is_integer():
        msg = f"suppress_below is {value}, expected a whole number of people, 1 or more."
        raise ValueError(msg)
    return int(value)


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]


def _pair(text: object) -> tuple[str, str]:
    names = [name.strip() for name in str(text).split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        msg = f"An intersection is {text!r}; name two features, such as 'sex, age_group'."
        raise ValueError(msg)
    return names[0], names[1]
