"""How rows are changed: noise, missing values, other categories, and small changes that happen to honest data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import pandas as pd

from placet.rows import kind_of

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Change = Callable[[np.random.Generator], pd.DataFrame]

NOISE = (0.1, 0.25, 0.5)  # in robust standard deviations
CELLS = (0.05, 0.2)  # shares of all cells
BY_YEARS = 150  # whole numbers up to here are years, months, counts: they change by one
RELATIVE = 0.05
NAMES = {
    "noise:0.1": "noise_small",
    "noise:0.25": "noise_medium",
    "noise:0.5": "noise_large",
    "missing:0.05": "missing_few",
    "missing:0.2": "missing_many",
    "category:0.05": "category_few",
    "category:0.2": "category_many",
    "unseen:0.05": "unseen_few",
    "unseen:0.2": "unseen_many",
    "plausible:rounded": "rounded",
    "plausible:last-digit": "last_digit",
    "plausible:small": "small_change",
}
"""What policies call the changes of all columns."""
UNSEEN = "a category that the model has not seen"


@dataclass(frozen=True)
class Variant:
    """One way in which all rows are changed at once.

    Attributes:
        kind: noise, missing, category, unseen or plausible.
        column: the one column that is changed; None for all.
        level: standard deviations of noise, or the share of cells; None where neither applies.
    """

    id: str
    kind: str
    title: str
    column: str | None
    level: float | None
    change: Change

    def rows(self, seed: int) -> pd.DataFrame:
        """Return the changed rows; the same for the same seed, whatever other variants there are."""
        own = int.from_bytes(sha256(self.id.encode()).digest()[:8], "big")
        return self.change(np.random.default_rng([seed, own]))


def prepared(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows so that each variant can have the same types: a category type also knows the unseen category."""
    out = frame.reset_index(drop=True)
    for name in out.columns:
        if isinstance(out[name].dtype, pd.CategoricalDtype) and kind_of(out[name]) == "text":
            out[name] = out[name].cat.add_categories([UNSEEN])
    return out


def left_out(frame: pd.DataFrame) -> list[str]:
    """Return the columns that are not changed: they hold neither numbers nor texts nor truth values."""
    return [name for name in frame.columns if kind_of(frame[name]) == "other"]


def variants(frame: pd.DataFrame) -> list[Variant]:
    """Return every variant of these rows, those with all columns first.

    A column without spread has no noise, and one with a single category none to be swapped with.
    """
    numbers = {
        name: spread for name in frame.columns if kind_of(frame[name]) == "number" and (spread := _spread(frame[name]))
    }
    named = [name for name in frame.columns if kind_of(frame[name]) in {"text", "truth"}]
    texts = [name for name in named if kind_of(frame[name]) == "text"]
    swapped = [name for name in named if frame[name].nunique() > 1]
    known = [name for name in frame.columns if kind_of(frame[name]) != "other"]
    return [
        *_noise(frame, numbers),
        *_cells("missing", "Missing", frame, known, partial(_missing, frame)),
        *_cells("category", "Another category", frame, swapped, partial(_swapped, frame)),
        *_cells("unseen", "An unseen category", frame, texts, partial(_unseen, frame)),
        *_plausible(frame, list(numbers)),
    ]


def _noise(frame: pd.DataFrame, spreads: dict[str, float]) -> Iterator[Variant]:
    def of(names: Sequence[str], level: float, rng: np.random.Generator) -> pd.DataFrame:
        moved = {}
        for name in names:
            noise = rng.normal(0.0, level * spreads[name], len(frame))
            moved[name] = _moved(frame[name], noise)
        return frame.assign(**moved)

    if not spreads:
        return
    for level in NOISE:
        title = f"Noise of {level:g} standard deviations on every number"
        yield Variant(f"noise:{level:g}", "noise", title, None, level, partial(of, list(spreads), level))
    for name in spreads:
        level = NOISE[-1]
        title = f"Noise of {level:g} standard deviations on {name}"
        yield Variant(f"noise:{level:g}:{name}", "noise", title, name, level, partial(of, [name], level))


def _cells(
    kind: str,
    word: str,
    frame: pd.DataFrame,
    names: Sequence[str],
    change: Callable[[str, Bools, np.random.Generator], pd.Series],
) -> Iterator[Variant]:
    """Yield the variants that change a share of all cells, and each column in every row."""

    def of(chosen: Sequence[str], share: float, rng: np.random.Generator) -> pd.DataFrame:
        return frame.assign(**{name: change(name, rng.random(len(frame)) < share, rng) for name in chosen})

    if not names:
        return
    for share in CELLS:
        title = f"{word} in {share:.0%} of the cells".replace("%", " %")
        yield Variant(f"{kind}:{share:g}", kind, title, None, share, partial(of, names, share))
    for name in names:
        title = f"{word} in every row: {name}"
        yield Variant(f"{kind}:1:{name}", kind, title, name, 1.0, partial(of, [name], 1.0))


def _plausible(frame: pd.DataFrame, names: Sequence[str]) -> Iterator[Variant]:
    if not names:
        return

    def rounded(_: np.random.Generator) -> pd.DataFrame:
        return frame.assign(**{name: _replaced(frame[name], _two_digits(_values(frame[name]))) for name in names})

    def last_digit(rng: np.random.Generator) -> pd.DataFrame:
        step = {name: _last_digit(_values(frame[name])) for name in names}
        return frame.assign(
            **{name: _moved(frame[name], rng.choice([-1.0, 1.0], len(frame)) * step[name]) for name in names}
        )

    def small(rng: np.random.Generator) -> pd.DataFrame:
        return frame.assign(**{name: _small_change(frame[name], rng) for name in names})

    yield Variant("plausible:rounded", "plausible", "Every number rounded to two digits", None, None, rounded)
    title = "Every number one unit of its last digit up or down"
    yield Variant("plausible:last-digit", "plausible", title, None, None, last_digit)
    title = f"Whole numbers to {BY_YEARS} by one, other numbers by up to 5 %, all at once"
    yield Variant("plausible:small", "plausible", title, None, RELATIVE, small)


def _missing(frame: pd.DataFrame, name: str, where: Bools, rng: np.random.Generator) -> pd.Series:
    column = frame[name]
    if kind_of(column) == "number":
        values = _values(column)
        values[where] = np.nan
        return pd.Series(values, index=column.index)
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    return column.mask(where, None)


def _swapped(frame: pd.DataFrame, name: str, where: Bools, rng: np.random.Generator) -> pd.Series:
    """Give the chosen rows another of the values that the column has, each as often as it occurs."""
    column = frame[name]
    codes, values = pd.factorize(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(values)).astype(np.float64)
    out = codes.copy()
    for code in range(len(values)):
        here = where & (codes == code)
        odds = counts.copy()
        odds[code] = 0
        out[here] = rng.choice(len(values), size=int(here.sum()), p=odds / odds.sum())
    found = pd.Series(values.take(np.maximum(out, 0)), index=column.index).astype(column.dtype)
    return found.mask(out < 0)


def _unseen(frame: pd.DataFrame, name: str, where: Bools, rng: np.random.Generator) -> pd.Series:
    return frame[name].mask(where, UNSEEN)


def _spread(column: pd.Series) -> float:
    """Return 1.4826 times the median absolute deviation, the robust standard deviation; the plain one if that is 0."""
    values = _values(column)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0
    robust = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    return robust or float(values.std())


def _values(column: pd.Series) -> Floats:
    return np.array(column.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def _whole(values: Floats) -> bool:
    finite = values[np.isfinite(values)]
    return bool(np.all(finite == np.rint(finite)))


def _moved(column: pd.Series, by: Floats) -> pd.Series:
    return _replaced(column, _values(column) + by)


def _replaced(column: pd.Series, values: Floats) -> pd.Series:
    """Return new numbers as the column could hold them: whole where it is whole, within its own range and type."""
    before = _values(column)
    finite = before[np.isfinite(before)]
    if _whole(before):
        values = np.rint(values)
    values = np.where(np.isfinite(before), np.clip(values, finite.min(), finite.max()), before)
    if pd.api.types.is_integer_dtype(column.dtype):
        return pd.Series(pd.array(values, dtype="Float64"), index=column.index).astype(column.dtype)
    if column.dtype == object:
        return pd.Series(values, index=column.index)
    return pd.Series(values, index=column.index).astype(column.dtype)


def _two_digits(values: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        step = 10.0 ** (np.floor(np.log10(np.abs(values))) - 1)
        return np.where((values == 0) | ~np.isfinite(values), values, np.rint(values / step) * step)


def _last_digit(values: Floats) -> float:
    """Return the unit of the last digit that the column uses: 1, 0.1, … down to 0.000001."""
    finite = values[np.isfinite(values)]
    for digits in range(7):
        if np.allclose(finite, np.round(finite, digits), rtol=0, atol=1e-9):
            break
    return float(10.0**-digits)


def _small_change(column: pd.Series, rng: np.random.Generator) -> pd.Series:
    values = _values(column)
    finite = values[np.isfinite(values)]
    if _whole(values) and finite.min() >= 0 and finite.max() <= BY_YEARS:
        return _moved(column, rng.choice([-1.0, 0.0, 1.0], len(values)))
    return _moved(column, values * rng.uniform(-RELATIVE, RELATIVE, len(values)))
