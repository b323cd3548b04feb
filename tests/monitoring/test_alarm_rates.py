"""How often the shipped policy alarms: hardly ever where nothing happened, nearly always where one column moved."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from governance.policy import shipped
from governance.policy.document import parse
from monitoring import drift
from monitoring.drift_settings import DriftSettings
from monitoring.profiles import ReferenceProfile
from monitoring.schema import RecordSchema
from tests.proving import PROVE, count, write_down

NUMBERS, TEXTS = [f"x{i}" for i in range(20)], [f"c{i}" for i in range(10)]
SCHEMA = RecordSchema({**dict.fromkeys(NUMBERS, "number"), **dict.fromkeys(TEXTS, "string")}, "x19")
START, END = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)
WEEKS = count(1000, 150)
RECORDS = 500
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


def alarms(policy, *, reference_n, shift, seed):
    """Return in what share of weeks the policy alarms; each has a reference of its own."""
    settings = DriftSettings.of(parse(shipped.text(policy)).monitoring, {})
    found = 0
    for week in range(WEEKS):
        rng = np.random.default_rng([seed, week])
        reference = ReferenceProfile.of(records(rng, reference_n), schema=SCHEMA)
        window = reference.profile(records(rng, RECORDS, shift=shift))
        facts = {"monitor": "m", "version": "v/1", "start": START, "end": END, "before": [500, 510, 480]}
        found += drift.compute(reference, window, settings, **facts)["severity"] != "none"
    return found / WEEKS


def test_the_shipped_policy_is_quiet_without_drift_and_sees_half_a_standard_deviation_in_one_of_thirty_columns():
    rows = ["| Reference rows | No drift: weeks that alarm | 0.5 sd in one column: weeks that alarm |", "|---|---|---|"]
    for reference_n in (300, 1000, 5000) if PROVE else (1000,):
        quiet = alarms("high-risk", reference_n=reference_n, shift=0.0, seed=1)
        seen = alarms("high-risk", reference_n=reference_n, shift=0.5, seed=2)
        rows.append(f"| {reference_n:,} | {quiet:.1%} | {seen:.1%} |")
        assert quiet <= 0.02, reference_n
        assert seen >= 0.95, reference_n
    write_down("alarm-rates", "\n".join(rows), page=PAGE)
