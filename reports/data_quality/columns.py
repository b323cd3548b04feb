"""What one column holds, gathered piece by piece; and whether that is what the model's signature asks for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from placet.rows import text_digest

TINY = 1e-300  # below, a double has no two digits left
MOST_GROUPS = 1_000
"""Different values of a column that are counted one by one; beyond it only that there are more."""


def kind_of(kind: pa.DataType) -> str:
    """Return what an Arrow type holds, in the words of ``placet.rows``: ``number``, ``truth``, ``text``, ``other``."""
    if pa.types.is_dictionary(kind):
        return kind_of(kind.value_type)
    if pa.types.is_boolean(kind):
        return "truth"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    return "other"


def fits(expected: str, kind: pa.DataType) -> bool | None:
    """Return whether a column of an Arrow type can go where MLflow's signature says ``expected``; None if it can't say.

    Whole numbers fit where a double is asked for; a number never fits a string, nor text a number.
    """
    held = kind.value_type if pa.types.is_dictionary(kind) else kind
    match expected:
        case "long" | "integer":
            return bool(pa.types.is_integer(held))
        case "double" | "float":
            return kind_of(held) == "number"
        case "string":
            return kind_of(held) == "text"
        case "boolean":
            return kind_of(held) == "truth"
        case "datetime":
            return bool(pa.types.is_timestamp(held) or pa.types.is_date(held))
        case "binary":
            return bool(pa.types.is_binary(held) or pa.types.is_large_binary(held))
    return None


def outwards(low: float, high: float) -> tuple[float, float]:
    """Return a range rounded away from its middle to two significant digits, so that it shows no person's own value."""

    def rounded(value: float, direction: int) -> float:
        if abs(value) < TINY or not math.isfinite(value):
            return 0.0 if abs(value) < TINY else value
        step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
        return float(f"{(math.ceil if direction > 0 else math.floor)(round(value / step, 9)) * step:.3g}")

    return rounded(low, -1), rounded(high, +1)


@dataclass
class Column:
    """What was seen of one column so far.

    Attributes:
        trained: the column's profile in the training data, as ``placet.rows.profile`` writes it; None if unknown.
        different: how often each value occurs, missing ones left out; None once they are more than 1,000.
        outside: rows whose number is outside the training range; unseen: rows whose text no training row had.
    """

    name: str
    type: pa.DataType
    trained: Mapping[str, Any] | None = None
    rows: int = 0
    missing: int = 0
    infinite: int = 0
    low: float = math.inf
    high: float = -math.inf
    outside: int = 0
    unseen: int = 0
    unseen_texts: set[str] = field(default_factory=set)
    different: Counter[Any] | None = field(default_factory=Counter)
    _seen: frozenset[str] = frozenset()

    @property
    def kind(self) -> str:
        """Return what the column holds."""
        return kind_of(self.type)

    @property
    def constant(self) -> bool:
        """Whether there is one value at most; a column without any value is constant too."""
        if self.kind == "number":
            return self.infinite == 0 and self.low >= self.high
        return self.different is not None and len(self.different) <= 1

    def add(self, values: pa.Array) -> None:
        """Take in the next piece of the column."""
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        self.rows += len(values)
        if self.kind == "number":
            self._add_numbers(values)
        else:
            self.missing += values.null_count
        self._count(values)
        if self.kind == "text":
            self._look_up(values)

    def _add_numbers(self, values: pa.Array) -> None:
        numbers = pc.cast(values, pa.float64(), safe=False)
        lost = pc.is_null(numbers, nan_is_null=True)
        finite = pc.fill_null(pc.is_finite(numbers), False)
        here = numbers.filter(finite)
        gone = int(pc.sum(lost).as_py() or 0)
        self.missing += gone
        self.infinite += len(values) - gone - len(here)
        if not len(here):
            return
        ends = pc.min_max(here).as_py()
        self.low, self.high = min(self.low, ends["min"]), max(self.high, ends["max"])
        if self.range_known:
            low, high = self.trained["min"], self.trained["max"]  # type: ignore[index] # range_known
            beyond = pc.or_(pc.less(here, low), pc.greater(here, high))
            self.outside += int(pc.sum(beyond).as_py() or 0)

    @property
    def range_known(self) -> bool:
        """Whether the training data says within which range its numbers were."""
        return self.trained is not None and self.trained["kind"] == "number" and self.trained["min"] is not None

    @property
    def texts_known(self) -> bool:
        """Whether the training data says which texts it held."""
        return self.trained is not None and self.trained["kind"] == "text" and self.trained["seen"] is not None

    def _count(self, values: pa.Array) -> None:
        if self.different is None or pa.types.is_nested(values.type):
            self.different = None
            return
        for pair in values.drop_null().value_counts():
            value = pair["values"].as_py()
            if isinstance(value, float) and math.isnan(value):
                continue
            self.different[value] += pair["counts"].as_py()
            if len(self.different) > MOST_GROUPS:
                self.different = None
                return

    def _look_up(self, values: pa.Array) -> None:
        if not self.texts_known:
            return
        seen = self._seen = self._seen or frozenset(self.trained["seen"])  # type: ignore[index] # texts_known
        for pair in values.drop_null().value_counts():
            digest = text_digest(pair["values"].as_py())
            if digest not in seen:
                self.unseen += pair["counts"].as_py()
                self.unseen_texts.add(digest)
