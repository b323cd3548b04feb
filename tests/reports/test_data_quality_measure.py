"""Data quality in figures: each fault that is put into rows is found, counted exactly, and names no single person."""

from __future__ import annotations

import io
import json
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.evidence import projection, schemas
from placet import rows
from reports.data_quality.columns import TINY, outwards
from reports.data_quality.measure import Meaning, Training, measure
from reports.data_quality.repeats import false_match_chance, repeats

FEATURES = ["amount", "purpose", "new"]
MEANING = Meaning(FEATURES, "y", sensitive_features=["sex"])
SIGNATURE = [
    {"name": "amount", "type": "double", "required": True},
    {"name": "purpose", "type": "string", "required": True},
    {"name": "new", "type": "boolean", "required": True},
]


def a_frame(n: int = 200, seed: int = 3, **columns) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = {
        "amount": rng.normal(1000, 200, n),
        "purpose": rng.choice(["car", "tv", "roof"], n),
        "new": rng.random(n) < 0.5,
        "sex": np.where(np.arange(n) % 3 == 0, "f", "m"),
        "y": np.where(rng.random(n) < 0.3, "bad", "good"),
    }
    return pd.DataFrame(data | columns)


def as_file(frame: pd.DataFrame) -> tuple[io.BytesIO, str]:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return io.BytesIO(buffer.getvalue()), "sha256:" + sha256(buffer.getvalue()).hexdigest()


def trained_on(frame: pd.DataFrame) -> Training:
    digests = np.sort(rows.row_digests(frame, [*FEATURES, "y"]))
    return Training("sha256:" + "a" * 64, len(frame), digests, rows.profile(frame, FEATURES))


def measured(frame: pd.DataFrame, **parameters):
    file, digest = as_file(frame)
    payload = measure(file, digest=digest, **({"meaning": MEANING, "signature": SIGNATURE} | parameters))
    assert schemas.first_problem("data_quality/v1", json.loads(json.dumps(payload, allow_nan=False))) is None
    assert payload["reference_check"]["max_difference"] == 0.0
    return payload


def column(payload, name):
    return next(row for row in payload["columns"] if row["column"] == name)


def test_sound_data_gives_no_cause_for_complaint():
    payload = measured(a_frame(), training=trained_on(a_frame(seed=4)))
    facts = projection.project("data_quality/v1", payload)
    assert {
        name: facts[name] for name in ("columns_missing", "columns_extra", "columns_unfit", "columns_constant")
    } == {
        "columns_missing": 0,
        "columns_extra": 0,
        "columns_unfit": 0,
        "columns_constant": 0,
    }
    assert (facts["duplicates"], facts["leakage"], facts["infinite"]) == (0.0, 0.0, 0)
    assert facts["sensitive_incomplete"] == 1, "nobody said why sex may be processed"
    assert payload["dataset"]["bytes"] == len(as_file(a_frame())[0].getvalue())
    assert set(facts) == set(projection.declared("data_quality/v1"))


def test_rows_of_the_training_set_are_counted_one_by_one():
    training = a_frame(seed=4)
    frame = pd.concat([a_frame(), training.iloc[:13]], ignore_index=True)
    leaks = measured(frame, training=trained_on(training))["leakage"]
    assert (leaks["value"], leaks["n"]) == (13 / 213, 213)
    changed = pd.concat([a_frame(), training.iloc[:13].assign(amount=0.5)], ignore_index=True)
    assert measured(changed, training=trained_on(training))["leakage"]["value"] == 0.0


def test_without_training_digests_leakage_is_undefined_and_says_what_to_do():
    payload = measured(a_frame())
    assert payload["leakage"]["value"] is None
    assert "log_training_data" in payload["leakage"]["reason"]
    assert payload["training"] is None
    assert column(payload, "purpose")["unseen"]["reason"] == "what the model was trained on is not known"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=40))
@settings(max_examples=60)
def test_repeats_are_what_counting_by_hand_gives(pairs):
    features, whole = (np.array(x, dtype=np.uint64) for x in ([a for a, _ in pairs], [2 * a + b for a, b in pairs]))
    found = repeats(features, whole)
    labels = {a: {b for c, b in pairs if c == a} for a, _ in pairs}
    assert found.duplicates == len(pairs) - len(set(pairs))
    assert found.conflicting == sum(len(labels[a]) > 1 for a, _ in pairs)


def test_rows_that_stand_twice_and_rows_that_differ_in_their_label_alone():
    frame = a_frame()
    other = frame.iloc[:4].assign(y=np.where(frame.iloc[:4]["y"] == "good", "bad", "good"))
    payload = measured(pd.concat([frame, frame.iloc[:7], other], ignore_index=True))
    assert payload["duplicates"]["value"] == 7 / 211
    assert payload["conflicting"]["value"] == 12 / 211  # the four, their other labels, and their repeats


def test_what_is_missing_infinite_constant_or_all_null_is_said_of_its_column():
    frame = a_frame(purpose=None, new=True)
    frame.loc[:9, "amount"] = np.nan
    frame.loc[10:12, "amount"] = np.inf
    frame["purpose"] = frame["purpose"].astype("string")
    payload = measured(frame)
    amount, purpose = column(payload, "amount"), column(payload, "purpose")
    assert (amount["missing"]["value"], amount["infinite"]) == (10 / 200, 3)
    assert (purpose["missing"]["value"], purpose["constant"]) == (1.0, True)
    assert column(payload, "new")["constant"]
    assert projection.project("data_quality/v1", payload)["columns_constant"] == 2


def test_values_beyond_what_was_trained_on_are_counted():
    frame = a_frame()
    frame.loc[:4, "amount"] = 99_999.0
    frame.loc[:7, "purpose"] = "boat"
    payload = measured(frame, training=trained_on(a_frame(seed=4)))
    known = a_frame(seed=4)["amount"]
    beyond = int((~frame["amount"].between(known.min(), known.max())).sum())
    assert beyond > 5
    assert column(payload, "amount")["outside"]["value"] == beyond / 200
    assert column(payload, "purpose")["unseen"]["value"] == 8 / 200
    assert column(payload, "purpose")["unseen_categories"] == 1


def test_the_schema_is_held_against_the_model_s_signature():
    frame = a_frame(amount="much").assign(note="x")
    signature = [*SIGNATURE, {"name": "income", "type": "double", "required": True}]
    signature.append({"name": "phone", "type": "string", "required": False})
    payload = measured(frame, signature=signature)
    assert payload["missing_columns"] == ["income"]
    assert payload["extra_columns"] == ["note"]
    assert (column(payload, "amount")["expected"], column(payload, "amount")["fits"]) == ("double", False)
    assert projection.project("data_quality/v1", payload)["columns_unfit"] == 1
    without = measured(frame, signature=None)
    assert (without["signature"], column(without, "amount")["fits"]) == (False, None)


def test_groups_have_shares_with_intervals_and_small_ones_are_marked():
    groups = measured(a_frame(sex=["m"] * 150 + ["f"] * 40 + [None] * 10))["groups"][0]
    assert [(row["group"], row["small"]) for row in groups["groups"]] == [
        ("m", False),
        ("f", True),
        ("not stated", True),
    ]
    assert groups["groups"][1]["share"]["low"] == pytest.approx(0.15054, abs=1e-4)
    assert groups["not_named"] == 0


def test_no_size_of_a_feature_with_a_group_of_a_few_people_is_told():
    payload = measured(a_frame(sex=["m"] * 150 + ["f"] * 40 + ["d"] * 3 + [None] * 7))
    groups = payload["groups"][0]
    assert [(row["group"], row["share"]["value"], row["share"]["n"]) for row in groups["groups"]] == [
        ("m", None, 200),
        ("f", None, 200),
        ("not stated", None, 200),
    ]
    assert groups["groups"][0]["share"]["reason"] == "withheld: the feature has a group of fewer than 10 people"
    assert groups["not_named"] == 1
    assert column(payload, "sex")["missing"]["value"] is None, "who does not say is a group too"
    assert projection.project("data_quality/v1", payload)["smallest_group.value"] is None
    shown = measured(a_frame(sex=["m"] * 150 + ["f"] * 40 + ["d"] * 3 + [None] * 7), suppress_below=1)["groups"][0]
    assert shown["groups"][0]["share"]["value"] == 0.75


def test_a_measure_as_sensitive_column_has_no_groups():
    groups = measured(a_frame(sex=np.arange(200.0)))["groups"][0]
    assert (groups["groups"], groups["reason"][:12]) == ([], "more than 50")


def test_the_papers_of_a_sensitive_column_are_there_or_missing():
    terms = {"lawful_basis": "AI Act Article 10(5)", "access_role": "data_protection_officer"}
    meaning = Meaning(FEATURES, "y", sensitive_features=["sex"], handling={"sex": terms})
    (row,) = measured(a_frame(), meaning=meaning)["sensitive"]
    assert row == {"column": "sex", **terms, "delete_by": None, "complete": False}
    meaning = Meaning(FEATURES, "y", sensitive_features=["sex"], handling={"sex": terms | {"delete_by": "2027-01-01"}})
    assert measured(a_frame(), meaning=meaning)["sensitive"][0]["complete"]


@pytest.mark.parametrize(
    ("frame", "task", "says"),
    [
        (a_frame(y="good"), "binary", {"label": "good", "value": 1.0}),
        (a_frame(y=[*["a"] * 196, *["b"] * 4]), "multiclass", {"label": "a", "value": 196 / 200}),
    ],
)
def test_one_class_only_and_rare_classes_are_shown_as_they_are(frame, task, says):
    label = measured(frame, meaning=Meaning(FEATURES, "y", task))["label"]
    assert [(row["label"], row["share"]["value"]) for row in label["classes"]] == [(says["label"], says["value"])]
    assert label["not_named"] == (task == "multiclass")


def test_a_regression_s_label_has_a_range():
    label = measured(a_frame(y=np.linspace(0.123, 98_765, 200)), meaning=Meaning(FEATURES, "y", "regression"))["label"]
    assert (label["low"], label["high"], label["classes"]) == (0.12, 99_000.0, [])


def test_no_rows_are_undefined_shares_and_no_zero():
    payload = measured(a_frame().iloc[:0])
    assert payload["n"] == 0
    assert payload["duplicates"] == {"value": None, "low": None, "high": None, "n": 0, "denominator": 0,
                                     "reason": "no row to count"}  # fmt: skip


def test_pieces_do_not_show(monkeypatch):
    frame, training = a_frame(), trained_on(a_frame(seed=4))
    whole = measured(frame, training=training)
    monkeypatch.setattr("reports.data_quality.measure.PIECE", 33)
    assert measured(frame, training=training) == whole


def test_other_bytes_and_no_parquet_file_are_refused():
    file, digest = as_file(a_frame())
    with pytest.raises(ValueError, match="have the digest"):
        measure(file, digest="sha256:" + "0" * 64, meaning=MEANING)
    with pytest.raises(ValueError, match="no Parquet file"):
        measure(io.BytesIO(b"rows"), digest="sha256:" + sha256(b"rows").hexdigest(), meaning=MEANING)
    with pytest.raises(ValueError, match="no column 'income'"):
        measure(as_file(a_frame())[0], digest=digest, meaning=Meaning(["income"], "y"))


def test_no_single_person_s_value_is_in_the_payload():
    marker, number = "Zaphod Beeblebrox", 48_231_977.0
    frame = a_frame()
    frame.loc[3, ["purpose", "sex"]] = marker
    frame.loc[3, "amount"] = number
    frame.loc[3, "y"] = marker
    training = trained_on(frame.iloc[:50])
    text = json.dumps(measured(frame, training=training, meaning=Meaning([*FEATURES, "sex"], "y",
                               sensitive_features=["sex"])))  # fmt: skip
    assert marker not in text
    assert "48231977" not in text
    assert marker not in json.dumps(training.profile)


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_a_range_is_rounded_outwards_to_two_digits(low, width):
    high = low + width
    wide_low, wide_high = outwards(low, high)
    assert wide_low <= low + abs(low) * 1e-8 + TINY  # what is below it counts as 0
    assert wide_high >= high - abs(high) * 1e-8 - TINY
    for value in (wide_low, wide_high):
        assert len(f"{abs(value):.12e}".partition("e")[0].replace(".", "").rstrip("0")) <= 2


def test_the_chance_of_a_false_match_is_bounded():
    assert false_match_chance(300, 700) < 1e-13
    assert false_match_chance(10**7, 10**7) == pytest.approx(5.4e-6, rel=0.01)
