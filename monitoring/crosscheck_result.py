"""What a comparison with Evidently comes to; apart from the comparison, which loads pandas and Evidently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Comparison:
    """One column: our formula on Evidently's bins, Evidently's own figure, and what separates them."""

    ours: float | None
    evidently: float | None
    difference: float | None
    note: str


@dataclass(frozen=True)
class CrossCheck:
    """What came of one comparison.

    Attributes:
        rows: sampled rows of the reference and of the window.
        max_difference: the largest absolute difference; None if no column could be compared.
        html: Evidently's own report, for download only; it brings its own scripts.
    """

    columns: Mapping[str, Comparison]
    version: str
    rows: tuple[int, int]
    max_difference: float | None
    tolerance: float = TOLERANCE
    html: bytes | None = None
