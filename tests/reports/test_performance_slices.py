"""The worst slices: found where they were planted, and not in noise."""

import numpy as np
import pandas as pd
import pytest

from reports.performance import slices
from tests.proving import count


def noise(n, rng):
    return pd.DataFrame(
        {
            "age": rng.normal(40, 12, n),
            "income": rng.lognormal(8, 1, n),
            "region": rng.choice(["north", "south", "east", "west"], n),
            "job": pd.Series(rng.choice(["a", "b", None], n), dtype=object),
            "owner": rng.random(n) < 0.5,
        }
    )


def worst(frame, loss):
    return slices.worst(frame, loss, metric="log loss", unit="nats per row")


def test_a_planted_slice_comes_first_with_its_rows_and_interval():
    rng = np.random.default_rng(0)
    frame = noise(3000, rng)
    loss = rng.exponential(0.4, 3000)
    planted = (frame["region"] == "south").to_numpy()
    loss[planted] += 0.3
    found = worst(frame, loss)
    first = found["rows"][0]
    assert first["slice"] == [{"feature": "region", "value": "south"}]
    assert first["n"] == planted.sum()
    assert first["difference"]["value"] == pytest.approx(loss[planted].mean() - loss[~planted].mean())
    assert first["difference"]["low"] < first["difference"]["value"] < first["difference"]["high"]
    assert first["p_adjusted"] < 1e-6
    assert len(found["rows"]) == 10


def test_a_planted_pair_is_found():
    rng = np.random.default_rng(1)
    frame = noise(6000, rng)
    loss = rng.exponential(0.4, 6000)
    planted = ((frame["region"] == "east") & frame["owner"]).to_numpy()
    loss[planted] += 0.5
    first = worst(frame, loss)["rows"][0]
    assert {part["feature"]: part["value"] for part in first["slice"]} == {"region": "east", "owner": "True"}
    assert first["n"] == planted.sum()


def test_a_numeric_bin_and_missing_values_are_slices():
    rng = np.random.default_rng(2)
    frame = noise(4000, rng)
    loss = rng.exponential(0.4, 4000)
    oldest = (frame["age"] > np.quantile(frame["age"], 0.8)).to_numpy()
    loss[oldest] += 0.4
    first = worst(frame[["age", "income"]], loss)["rows"][0]
    assert first["slice"][0]["feature"] == "age"
    assert first["slice"][0]["value"].startswith("above ")
    assert first["n"] == oldest.sum()
    frame.loc[frame.index[:400], "income"] = np.nan
    loss = rng.exponential(0.4, 4000)
    loss[:400] += 0.5
    assert worst(frame[["age", "income"]], loss)["rows"][0]["slice"] == [{"feature": "income", "value": "not stated"}]


def test_a_slice_below_the_minimum_is_neither_tested_nor_shown():
    rng = np.random.default_rng(3)
    n = 5000
    frame = pd.DataFrame({"code": ["rare"] * 40 + ["usual"] * 2480 + ["other"] * 2480})
    loss = rng.exponential(0.4, n)
    loss[:40] += 10
    found = worst(frame, loss)
    assert found["minimum"] == 50
    assert all(row["n"] >= 50 for row in found["rows"])
    assert (found["tested"], found["too_small"]) == (2, 1)
    assert "rare" not in str(found)


def test_a_feature_that_names_each_row_is_no_slice():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"id": [f"person {i}" for i in range(400)], "empty": [None] * 400, "same": [1.0] * 400})
    found = worst(frame, rng.exponential(0.4, 400))
    assert found["rows"] == []
    assert found["tested"] == 0
    assert "person" not in str(found)


def test_in_noise_a_slice_is_called_worse_no_more_often_than_stated():
    """Holm keeps the chance of any false alarm at 5 %; both directions are tested, so worse ones are half of that."""
    runs, alarms = count(2000, 120), 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        loss = rng.exponential(0.4, 600) if seed % 2 else (rng.random(600) < 0.2).astype(float)
        alarms += any(row["p_adjusted"] < 0.05 for row in worst(noise(600, rng), loss)["rows"])
    assert alarms <= 0.05 * runs + 2 * np.sqrt(0.05 * 0.95 * runs)


def test_constant_loss_has_no_worst_slice():
    assert worst(noise(500, np.random.default_rng(0)), np.zeros(500))["rows"] == []
