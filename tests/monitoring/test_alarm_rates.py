"""How often the shipped policy alarms: hardly ever where nothing happened, nearly always where one column moved."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from governance.policy import shipped
from governance.policy.document import parse
from governance.policy.watching import Kpi, Latency, Limits, Performance
from monitoring import drift
from monitoring.drift_settings import DriftSettings
from monitoring.profiles import ReferenceProfile
from monitoring.schema import RecordSchema
from monitoring.served import Groups, Rows, Served
from tests.proving import PROVE, count, write_down

NUMBERS, TEXTS = [f"x{i}" for i in range(20)], [f"c{i}" for i in range(10)]
SCHEMA = RecordSchema({**dict.fromkeys(NUMBERS, "number"), **dict.fromkeys(TEXTS, "string")}, "x19")
START, END = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)
WEEKS = count(1000, 60)
RECORDS = 500
NAMED = DriftSettings(
    latency=Latency(130, 200, 0.95),
    kpis=(Kpi(1, 3, "margin", "higher"),),
    performance=Performance(0.02, 0.05, "roc_auc", 100),
    estimated_performance=Performance(0.02, 0.05, "accuracy", 100),
    selection_ratio=Limits(0.9, 0.8),
    selection_difference=Limits(0.1, 0.2),
    tpr_difference=Limits(0.1, 0.2),
)
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "monitoring.md"


def records(rng, n, *, shift=0.0):
    """Thirty columns: bell-shaped, skewed, whole numbers, with gaps; texts of 2 to 11 kinds, some of them rare."""
    columns = {}
    for place, name in enumerate(NUMBERS):
        drawn = rng.normal(shift if place == 0 else 0.0, 1.0, n)
        drawn = np.exp(drawn) if place % 4 == 1 else np.round(drawn * 3) if place % 4 == 2 else drawn
        columns[name] = np.where(rng.random(n) < 0.1, np.nan, drawn) if place % 4 == 3 else drawn
    for place, name in enumerate(TEXTS):
        shares = 0.6 ** np.arange(2 + place)
        columns[name] = rng.choice([f"kind {i}" for i in range(2 + place)], n, p=shares / shares.sum()).tolist()
    return columns


def served(rng, reference_n, *, slow=1.0, flipped=0.0):
    """What else a week shows: quick answers, a steady margin, calibrated scores, two groups treated alike."""

    def scored(n, flipped=0.0):
        score = rng.beta(2, 2, n)
        truth = np.where(rng.random(n) < flipped, rng.integers(0, 2, n), rng.random(n) < score).astype(float)
        names = {"sex": ("female", "male")}
        return Rows(score, truth, Groups({"sex": rng.integers(0, 2, n)}, names, {"sex": 1}), of=n)

    week, means = scored(RECORDS, flipped), rng.normal(30, 1, 9)
    return Served(
        latency=rng.lognormal(4, 0.5, RECORDS) * slow,  # 95 % of them below 124 ms
        kpis={"margin": rng.normal(means[0], 8, RECORDS)},
        before={"margin": means[1:].tolist()},
        window=week,
        labelled=week,
        reference=scored(reference_n),
    )


def alarms(settings, *, reference_n, shift, seed, also=None):
    """Return in what share of weeks a window alarms; each has a reference of its own."""
    found = 0
    for week in range(WEEKS):
        rng = np.random.default_rng([seed, week])
        reference = ReferenceProfile.of(records(rng, reference_n), schema=SCHEMA)
        window = reference.profile(records(rng, RECORDS, shift=shift))
        facts = {"monitor": "m", "version": "v/1", "start": START, "end": END, "before": [500, 510, 480]}
        facts["served"] = also(rng, reference_n) if also else None
        found += drift.compute(reference, window, settings, **facts)["severity"] != "none"
    return found / WEEKS


def test_the_shipped_policy_is_quiet_without_drift_and_sees_half_a_standard_deviation_in_one_of_thirty_columns():
    rows = ["| Reference rows | No drift: weeks that alarm | 0.5 sd in one column: weeks that alarm |", "|---|---|---|"]
    settings = DriftSettings.of(parse(shipped.text("high-risk")).monitoring, {})
    for reference_n in (300, 1000, 5000) if PROVE else (1000,):
        quiet = alarms(settings, reference_n=reference_n, shift=0.0, seed=1)
        seen = alarms(settings, reference_n=reference_n, shift=0.5, seed=2)
        rows.append(f"| {reference_n:,} | {quiet:.1%} | {seen:.1%} |")
        assert quiet <= 0.02, reference_n
        assert seen >= 0.95, reference_n
    write_down("alarm-rates", "\n".join(rows), page=PAGE)


def test_thirty_columns_and_every_signal_together_are_quiet_without_change_and_see_one():
    rows = ["| What changed | Weeks that alarm |", "|---|---|"]
    changes = {
        "nothing": {},
        "answers take twice as long": {"slow": 2.0},
        "four of five labels are thrown like a coin": {"flipped": 0.8},
    }
    for what, change in changes.items():
        rate = alarms(NAMED, reference_n=1000, shift=0.0, seed=3, also=partial(served, **change))
        rows.append(f"| {what} | {rate:.1%} |")
        assert rate >= 0.95 if change else rate <= 0.02, what
    write_down("signal-rates", "\n".join(rows), page=PAGE)
