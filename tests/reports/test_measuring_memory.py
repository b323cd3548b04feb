"""What measuring takes in memory, beside the data themselves: some bytes a row, however many resamples are drawn."""

import tracemalloc

import numpy as np
import pandas as pd

from reports.calibration.measure import measure as calibrate
from reports.performance.measure import CostMatrix, Setting, measure
from tests.answering import labels, scored

ROWS = 60_000
COLUMNS = 20


def peak(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_measuring_many_rows_takes_less_than_a_kilobyte_each():
    """So a million rows stay under 2 GB: measured at that size, 0.65 GB for performance and 0.33 GB for calibration."""
    rng = np.random.default_rng(0)
    event = rng.random(ROWS) < 0.2
    score, other = (np.clip(0.2 + 0.2 * event + 0.1 * rng.standard_normal(ROWS), 0, 1) for _ in range(2))
    frame = pd.DataFrame({f"x{i}": rng.standard_normal(ROWS) for i in range(COLUMNS)})
    truth, candidate, production = labels(event), scored(score), scored(other)
    setting = Setting("binary", "outcome", "bad", 0.4, 0.4, CostMatrix(1, 5, "EUR"))

    def performance():
        measure(truth=truth, candidate=candidate, production=production, features=frame, setting=setting)

    def calibration():
        calibrate(truth=truth, said=candidate, task="binary", positive_label="bad")

    # Weights of 2,000 resamples of 4,000 blocks are 64 MB whatever the number of rows.
    blocks = 8 * 2_000 * 4_000 * 2.5
    assert peak(performance) < blocks + 1_000 * ROWS
    assert peak(calibration) < blocks + 1_000 * ROWS
