"""How the figures of a drift payload are made, in the words that stand in each of them."""

from __future__ import annotations

from collections.abc import Iterable

from governance.policy.watching import BETWEEN_GROUPS

METHOD = {
    "psi": "Population stability index in nats; numeric columns cut at quantiles of the reference, categories "
    "counted exactly, categories with fewer than 5 reference rows together, missing values as a bin of their own. "
    "Interval: test inversion of a scaled non-central chi-square; the value itself is biased upward by about (bins - "
    "1) * (1/n + 1/m).",
    "jensen_shannon": "Jensen-Shannon distance over the same bins, 0 to 0.83. Interval: basic bootstrap.",
    "kolmogorov_smirnov": "Largest gap of the distribution functions at 100 quantiles of the reference; the exact "
    "gap is larger by the bound at most. Interval: bands of Dvoretzky, Kiefer and Wolfowitz.",
    "wasserstein": "First Wasserstein distance in standard deviations of the reference, from 100 bins. Interval: "
    "basic bootstrap.",
    "p_adjusted": "Chi-square test of homogeneity for psi and jensen_shannon, Kolmogorov-Smirnov test for the "
    "others; Benjamini-Hochberg over all columns and signals of the window that have a test.",
    "outcome": "drift: value at or above the limit and p_adjusted at or below fdr; watch: likewise from watch on. "
    "insufficient: too few rows, or at or above the limit without significance.",
    "signals": "watch and breach as for columns, from watch and limit on. insufficient: too few rows, or at or "
    "beyond watch without significance.",
    "missing": "Rise of the share of missing values; interval: Newcombe's method 10; p: two proportions.",
    "new_categories": "Share of records with a text that the reference has not, Wilson's interval; p: Wilson "
    "intervals of that share and of Good and Turing's estimate from the reference (texts seen once), both just not "
    "meeting.",
    "volume": "Records as a multiple of the median of up to 8 windows of the same length before it, at least 3; "
    "counted, so without a test, and never a breach.",
    "difference": "Our formula on Evidently's bins minus Evidently's figure.",
}
METHOD_OF = {
    "latency": "Quantile of latency_ms, milliseconds; interval: order statistics; p: binomial, that no more records "
    "take as long as watch than the quantile allows. Records are taken as independent.",
    "kpi": "By how much the mean is worse than the mean of up to 26 windows of the same version and length before "
    "it, at least 3, in the column's unit; interval and p: Student's prediction of one further window, whose spread "
    "is at least the standard error of this window's mean.",
    "performance": "By how much the metric of the labelled predictions is worse than on the reference rows, in its "
    "unit. Intervals: Wilson for shares, DeLong on the logit scale for roc_auc, normal for means, of differences by "
    "Zou and Donner; p: normal. Labelled predictions are no random sample of all: see their share.",
    "estimated_performance": "An estimate without labels: by how much the metric that the scores let expect (each "
    "score taken as the chance of the event) is worse than on the reference rows, estimated alike. It holds if scores "
    "are calibrated and what they predict has not changed (no concept drift), which it can't see. Not given where it "
    "misses the observed metric of the reference by watch or more. Intervals and p: normal, delta method.",
    "groups": "Favourable decisions at the version's threshold, each group against the reference group of its "
    "column: selection_ratio the smaller share over the larger (interval: Donner and Zou), the differences larger "
    "minus smaller (Newcombe's method 10), tpr_difference among those whose label is favourable; p: two proportions. "
    "Groups below 10 people are withheld, as are those that would give them away; below 5 % of the rows they are not "
    "compared.",
}
"""What is written only where it was measured."""


def method(signals: Iterable[str]) -> dict[str, str]:
    """Return how the figures of a payload with these signals were made."""
    measured = {"groups" if name in BETWEEN_GROUPS else name for name in signals}
    return METHOD | {name: text for name, text in METHOD_OF.items() if name in measured}
