"""Let Evidently compute the same columns on a sample, and see whether our arithmetic gives its numbers.

Its index is not ours: it cuts numeric columns into equal widths over both windows (Sturges' rule) and gives an empty
bin a share of 0.0001. So two things are kept apart: ``evidently`` is its own figure, shown beside ours; ``difference``
is what is left when our formula is fed with its bins, and must be rounding only.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from monitoring import binning, statistics
from monitoring.crosscheck_result import Comparison, CrossCheck
from monitoring.kept import NAMED_FROM, OTHER
from monitoring.schema import Kind

FEW_VALUES = 20
"""Up to so many distinct reference values, Evidently counts a numeric column value by value."""


def compare(
    reference: pd.DataFrame, window: pd.DataFrame, *, kinds: Mapping[str, Kind], html: bool = False
) -> CrossCheck:
    """Compute the population stability index of each column with Evidently and with our formula on its bins.

    Takes about twenty seconds in a fresh process, most of it import. Opens no connection.

    Args:
        reference, window: samples with at least the columns of ``kinds``; bound them first, a few thousand rows do.
        kinds: which columns, and how each is compared.
        html: keep Evidently's report too (3 to 5 MB).
    Raises:
        KeyError: a column is absent.
    """
    left, right = _prepared(reference, kinds), _prepared(window, kinds)
    usable = [name for name in kinds if left[name].notna().any() and right[name].notna().any()]
    version, figures, page = _evidently(left, right, {name: kinds[name] for name in usable}, html=html)
    columns: dict[str, Comparison] = {}
    for name, kind in kinds.items():
        if name not in usable:
            columns[name] = Comparison(None, None, None, "One window has no value in this column.")
            continue
        ours, note = _on_its_bins(left[name].dropna(), right[name].dropna(), kind)
        columns[name] = Comparison(ours, figures[name], ours - figures[name], note)
    differences = [abs(c.difference) for c in columns.values() if c.difference is not None]
    return CrossCheck(columns, version, (len(left), len(right)), max(differences, default=None), html=page)


def shareable(
    window: pd.DataFrame, reference: pd.DataFrame, *, numeric: Collection[str], named: Mapping[str, Collection[str]]
) -> pd.DataFrame:
    """Return a window's sample as Evidently may have it, whose report is kept longer than the records.

    Args:
        reference: its sample; what it holds stays as it is.
        numeric: columns of numbers. Those beyond the reference's are moved to its ends; where Evidently counts value by
            value, those that few rows have become one number above the reference's.
        named: by column of texts, those that stay; all others become one.
    """
    made = window.copy()
    for name in numeric:
        known = _numbers(reference[name]).dropna()
        if known.empty:
            continue
        values = _numbers(window[name])
        if known.nunique() <= FEW_VALUES:
            rare = values.map(values.value_counts()) < NAMED_FROM
            made[name] = values.mask(rare & ~values.isin(known), known.max() + max(abs(known.max()), 1.0))
        else:
            made[name] = values.clip(known.min(), known.max())
    for name, texts in named.items():
        made[name] = window[name].where(window[name].isna() | window[name].isin([*texts]), OTHER)
    return made


def _numbers(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values).astype("float64").replace([np.inf, -np.inf], np.nan)


def _prepared(frame: pd.DataFrame, kinds: Mapping[str, Kind]) -> pd.DataFrame:
    made = {}
    for name, kind in kinds.items():
        if kind == "numeric":
            made[name] = _numbers(frame[name])
        else:
            texts = frame[name].astype(object)
            made[name] = texts.where(texts.isna(), texts.map(str))
    return pd.DataFrame(made).reset_index(drop=True)


def _evidently(
    reference: pd.DataFrame, window: pd.DataFrame, kinds: Mapping[str, Kind], *, html: bool
) -> tuple[str, dict[str, float], bytes | None]:
    with warnings.catch_warnings():
        # Its imports and its plots use what numpy and plotly have deprecated; nothing of it reaches the figures.
        warnings.simplefilter("ignore")
        import evidently
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import ValueDrift

        if not kinds:
            return evidently.__version__, {}, None
        definition = DataDefinition(
            numerical_columns=[name for name, kind in kinds.items() if kind == "numeric"],
            categorical_columns=[name for name, kind in kinds.items() if kind == "categorical"],
        )
        names = list(kinds)
        report = Report([ValueDrift(column=name, method="psi") for name in names])
        # The current window comes first in its signature.
        snapshot = report.run(
            Dataset.from_pandas(window[names], data_definition=definition),
            Dataset.from_pandas(reference[names], data_definition=definition),
        )
        metrics: list[dict[str, Any]] = snapshot.dict()["metrics"]
        page = snapshot.get_html_str(as_iframe=False).encode() if html else None
    return evidently.__version__, {m["config"]["column"]: float(m["value"]) for m in metrics}, page


def _on_its_bins(reference: pd.Series, window: pd.Series, kind: Kind) -> tuple[float, str]:
    if kind == "numeric" and reference.nunique() > FEW_VALUES:
        edges = np.histogram_bin_edges(np.concatenate([reference, window]), bins="sturges")
        left, right = np.histogram(reference, edges)[0], np.histogram(window, edges)[0]
        how = f"{len(edges) - 1} bins of equal width over both windows"
    else:
        values = sorted({*reference.unique(), *window.unique()})
        left = reference.value_counts().reindex(values, fill_value=0).to_numpy()
        right = window.value_counts().reindex(values, fill_value=0).to_numpy()
        how = f"{len(values)} values counted one by one"
    empty = int(((left == 0) | (right == 0)).sum())
    note = f"Evidently: {how}"
    if empty:
        ours = statistics.psi_of_counts(left, right)
        note += f"; {empty} of them are empty on one side. With half an observation there: {ours:.4f}"
    return statistics.jeffreys(_its_shares(left), _its_shares(right)), f"{note}."


def _its_shares(counts: np.ndarray[Any, Any]) -> binning.Floats:
    shares: binning.Floats = counts / counts.sum()
    smallest = float(shares[shares > 0].min())
    shares[shares == 0] = smallest / 1e6 if smallest <= 1e-4 else 1e-4
    return shares
