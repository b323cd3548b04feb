"""A drift payload is quiet on the same population, alerts on a shifted one, and agrees with Evidently."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rfc8785

from governance.evidence.schemas import first_problem
from governance.policy.watching import Measure, Monitoring, Volume
from monitoring import crosscheck, drift, measures, statistics
from monitoring.crosscheck_result import Comparison, CrossCheck
from monitoring.drift_settings import DriftSettings, Sampling
from monitoring.errors import InvalidProfile, InvalidSettings
from monitoring.profiles import ReferenceProfile
from monitoring.schema import RecordSchema, kind_of

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC)
DATA = Path(__file__).parents[2] / "examples" / "credit" / "data" / "german.data"
AMOUNT, MONTHS, AGE, STATUS = "a5", "a2", "a13", "a1"


@cache
def german_credit():
    if not DATA.exists():
        pytest.skip(f"{DATA} is not there")
    frame = pd.read_csv(DATA, sep=" ", header=None, names=[f"a{i}" for i in range(1, 22)]).drop(columns="a21")
    margin = (frame[MONTHS] - 20) / 12 - frame[AGE] / 30 + (frame[STATUS] == "A11")
    return frame.assign(prediction=1 / (1 + np.exp(-margin)))


def schema_of(frame):
    kinds = {"i": "integer", "f": "number"}
    return RecordSchema({name: kinds.get(frame[name].dtype.kind, "string") for name in frame}, "prediction")


def payload(reference, window, settings=None, **more):
    profile = ReferenceProfile.of(dict(reference.items()), schema=schema_of(reference), bins=10)
    counted = profile.profile(dict(window.items()))
    facts = {"monitor": "m", "version": "credit-risk/2", "start": START, "end": END}
    return drift.compute(profile, counted, settings or DriftSettings(), **(facts | more))


def windows(seed, *, reference=300, window=400):
    order = np.random.default_rng(seed).permutation(1000)
    frame = german_credit()
    return frame.iloc[order[:reference]], frame.iloc[order[reference : reference + window]]


def shifted(window):
    return window.assign(**{MONTHS: (window[MONTHS] * 1.6).round().astype(int)})


def by_column(found):
    return {column["column"]: column for column in found["columns"]}


def test_four_hundred_rows_of_the_same_population_are_quiet():
    for seed in range(40):
        found = payload(*windows(seed))
        assert {column["outcome"] for column in found["columns"]} == {"stable"}
        assert (found["drifted"], found["dataset_drift"], found["severity"]) == (0, False, "none")


def test_four_hundred_shifted_rows_alert_on_the_shifted_column_alone():
    for seed in range(40):
        reference, window = windows(seed)
        found = payload(reference, shifted(window))
        assert [c["column"] for c in found["columns"] if c["outcome"] == "drift"] == [MONTHS]
        assert found["dataset_drift"]


def test_every_column_carries_interval_limit_and_adjusted_p_inside_their_ranges():
    reference, window = windows(0)
    found = payload(reference, shifted(window))
    assert found["n"] == found["window"]["n"] == 400
    assert found["window"]["start"] == "2026-11-01T00:00:00.000000Z"
    assert found["reference"]["n"] == 300
    for column in found["columns"]:
        assert 0 <= column["low"] <= column["value"] <= column["high"]
        assert 0 <= column["p_adjusted"] <= 1
        assert (column["method"], column["watch"], column["limit"]) == ("psi", 0.1, 0.25)
        assert column["evidently"] is column["difference"] is None


def test_the_payload_fits_its_published_schema():
    reference, window = windows(0)
    for found in (payload(reference, window), payload(reference, window.head(0)), payload(reference, window.head(9))):
        assert first_problem("drift/v1", found) is None


def test_the_index_equals_the_one_of_the_values_themselves():
    reference, window = windows(1)
    found = by_column(payload(reference, window))
    for name in (MONTHS, AMOUNT, "prediction"):
        assert found[name]["value"] == statistics.population_stability_index(reference[name], window[name])


def test_too_few_rows_are_insufficient_and_never_an_alert():
    reference, window = windows(2)
    found = payload(reference, shifted(window).head(99))
    assert {c["outcome"] for c in found["columns"]} == {"insufficient"}
    assert all(c["p_adjusted"] is None and "Fewer than 100 rows" in c["reason"] for c in found["columns"])
    assert not found["dataset_drift"]


def test_an_empty_window_has_no_distance_and_says_why():
    reference, window = windows(2)
    found = payload(reference, window.head(0))
    assert {c["value"] for c in found["columns"]} == {None}
    assert all(c["reason"] for c in found["columns"])


def test_a_column_that_goes_missing_drifts():
    reference, window = windows(3)
    gone = window.assign(**{AMOUNT: np.where(np.arange(400) % 2, window[AMOUNT], np.nan)})
    column = by_column(payload(reference, gone))[AMOUNT]
    assert column["outcome"] == "drift"
    (signal,) = [row for row in payload(reference, gone)["signals"] if row["signal"] == "missing"]
    assert (signal["column"], signal["value"], signal["outcome"]) == (AMOUNT, 0.5, "breach")
    assert signal["low"] < 0.5 < signal["high"]


def test_a_new_category_drifts():
    reference, window = windows(4)
    found = by_column(payload(reference, window.assign(a4=np.where(np.arange(400) % 3, window["a4"], "A4new"))))
    assert found["a4"]["outcome"] == "drift"


def test_texts_that_the_reference_has_not_are_named_and_few_of_them_are_no_news():
    reference, window = windows(4)
    many = window.assign(a4=np.where(np.arange(400) % 3, window["a4"], "A4new"))
    (signal,) = [row for row in payload(reference, many)["signals"] if row["signal"] == "new_categories"]
    assert (signal["column"], signal["outcome"], signal["categories"]) == ("a4", "breach", ["A4new"])
    one = window.assign(a4=[*window["a4"][:-1], "A4new"])
    (signal,) = [row for row in payload(reference, one)["signals"] if row["signal"] == "new_categories"]
    assert (signal["outcome"], signal["value"]) == ("stable", 1 / 400)


@pytest.mark.parametrize(
    ("before", "outcome", "ratio"),
    [([400, 410], "insufficient", None), ([400, 380, 420], "stable", 1.0), ([900, 1000, 950], "watch", 400 / 950)],
)
def test_volume_is_held_against_the_windows_before(before, outcome, ratio):
    found = payload(*windows(4), before=before)
    (signal,) = [row for row in found["signals"] if row["signal"] == "volume"]
    assert (signal["outcome"], signal["value"]) == (outcome, ratio)
    assert found["severity"] == ("watch" if outcome == "watch" else "none")


@pytest.mark.parametrize("method", ["psi", "jensen_shannon", "kolmogorov_smirnov", "wasserstein"])
def test_the_policy_names_the_measure_and_all_others_stand_beside_it(method):
    reference, window = windows(0)
    settings = DriftSettings(numeric=Measure(0.08, 0.2, method))
    found = payload(reference, shifted(window), settings)
    assert first_problem("drift/v1", found) is None
    column = by_column(found)[MONTHS]
    assert (column["method"], column["value"]) == (method, column["distances"][method])
    assert column["low"] <= column["value"] <= column["high"]
    assert column["outcome"] == "drift"
    assert set(column["distances"]) == {
        "psi", "jensen_shannon", "kolmogorov_smirnov", "kolmogorov_smirnov_bound", "wasserstein",
    }  # fmt: skip
    assert by_column(found)["a4"]["method"] == "psi"
    assert {row["outcome"] for row in payload(reference, window, settings)["columns"]} <= {"stable", "insufficient"}


def test_a_value_that_is_too_large_for_a_distance_leaves_the_others_standing():
    reference = pd.DataFrame({"a": np.full(300, 5.0), "prediction": np.linspace(0, 1, 300)})
    window = pd.DataFrame({"a": [1.7e308, -1.7e308, *np.full(298, 5.0)], "prediction": np.linspace(0, 1, 300)})
    found = payload(reference, window)
    assert by_column(found)["a"]["distances"]["wasserstein"] is None
    assert by_column(found)["a"]["value"] is not None
    assert first_problem("drift/v1", found) is None
    rfc8785.dumps(found)


def test_between_watch_and_limit_a_window_is_watched():
    reference, window = windows(0)
    found = payload(reference, shifted(window), DriftSettings(numeric=Measure(0.1, 30.0, "psi")))
    assert (by_column(found)[MONTHS]["outcome"], found["watched"], found["severity"]) == ("watch", 1, "watch")
    assert not found["dataset_drift"]


def test_a_share_of_columns_can_be_asked_for():
    reference, window = windows(5)
    one = payload(reference, shifted(window), DriftSettings(share=0.5))
    assert (one["drifted"], one["dataset_drift"]) == (1, False)


def test_an_effect_that_chance_may_have_made_is_insufficient():
    rng = np.random.default_rng(0)
    reference = pd.DataFrame({"prediction": rng.normal(size=110)})
    window = pd.DataFrame({"prediction": rng.normal(0.6, size=110)})
    (column,) = payload(reference, window, DriftSettings(fdr=1e-9))["columns"]
    assert column["value"] > 0.25
    assert column["outcome"] == "insufficient"
    assert "chance" in column["reason"]


def test_a_window_of_another_reference_is_refused():
    reference, window = windows(0)
    one = ReferenceProfile.of(dict(reference.items()), schema=schema_of(reference))
    other = ReferenceProfile.of(dict(window.items()), schema=schema_of(window))
    with pytest.raises(InvalidProfile, match="another reference"):
        drift.compute(one, other.empty, DriftSettings(), monitor="m", version="v", start=START, end=END)


@pytest.mark.parametrize(
    "bad", [{"bins": 9}, {"bins": True}, {"bins": 101}, {"sample": 0}, {"sample": "all"}, {"limit": 9}, {"fdr": 0.9}]
)
def test_a_monitor_adds_its_sample_and_bins_and_can_not_loosen_a_limit(bad):
    with pytest.raises(InvalidSettings, match="can not be used"):
        Sampling.from_json(bad)


def test_settings_survive_json():
    terms = Monitoring(numeric=Measure(0.1, 0.3, "wasserstein"), volume=Volume(0.9, 1.1, same_weekday=True), share=0.2)
    settings = DriftSettings.of(terms, {"bins": 20})
    assert (settings.numeric.method, settings.sampling.bins, settings.share) == ("wasserstein", 20, 0.2)
    assert DriftSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_bins_name_their_intervals_rest_and_missing():
    frame = pd.DataFrame({"c": ["a"] * 10 + ["b"] * 2, "prediction": np.arange(12) / 12})
    profile = ReferenceProfile.of(dict(frame.items()), schema=schema_of(frame), bins=2)
    window = profile.profile({"c": ["a", "z", None], "prediction": [0.1, 0.9, None]})
    labels = [measures.bins_of(c, w)[0] for c, w in zip(profile.columns, window.columns, strict=True)]
    assert labels == [["a", "all others", "missing"], ["up to 0.416667", "above 0.416667", "missing"]]


@pytest.mark.slow
def test_evidently_gives_our_numbers_on_its_bins_for_every_column():
    reference, window = windows(6)
    window = shifted(window).assign(a4=lambda f: f["a4"].where(np.arange(400) % 9 > 0, "A4new"))
    window[AMOUNT] = window[AMOUNT].astype(float).where(np.arange(400) % 10 > 0)
    kinds = {name: kind_of(type_) for name, type_ in schema_of(reference).types.items()}
    kinds["nothing"] = "numeric"
    check = crosscheck.compare(reference.assign(nothing=np.nan), window.assign(nothing=1.0), kinds=kinds, html=True)
    assert set(check.columns) == set(kinds)
    assert check.rows == (300, 400)
    assert check.columns["nothing"].evidently is None
    compared = {name: c for name, c in check.columns.items() if c.evidently is not None}
    assert len(compared) == 21
    assert check.max_difference == max(abs(c.difference) for c in compared.values())
    assert check.max_difference < 1e-12
    assert compared[MONTHS].evidently > 0.25
    assert "empty on one side" in compared["a4"].note
    assert check.html.lower().startswith(b"<!doctype html") or b"<html" in check.html[:500]
    found = payload(reference, window, crosscheck=check)
    assert found["reference_check"]["library"] == "evidently"
    assert found["reference_check"]["max_difference"] <= found["reference_check"]["tolerance"]
    assert by_column(found)[MONTHS]["evidently"] == compared[MONTHS].evidently


def test_figures_beside_ours_reach_the_payload():
    reference, window = windows(7)
    check = CrossCheck({MONTHS: Comparison(0.3, 0.25, 0.05, "note")}, "0.7.23", (300, 400), 0.05)
    found = payload(reference, window, crosscheck=check)
    assert by_column(found)[MONTHS]["evidently"] == 0.25
    assert by_column(found)[MONTHS]["difference"] == 0.05
    assert by_column(found)[AGE]["evidently"] is None
    assert found["reference_check"] == {
        "library": "evidently",
        "version": "0.7.23",
        "max_difference": 0.05,
        "tolerance": 1e-9,
    }
