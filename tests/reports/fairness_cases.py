"""Invented people and what is measured on them, for the tests of the fairness figures."""

import json

import numpy as np
import pandas as pd

from governance.evidence import schemas
from reports.fairness import regression
from reports.fairness.asked import Asked
from reports.fairness.decisions import of_score
from reports.fairness.measure import measure


def people(n=600, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "sex": rng.choice(["men", "women"], n, p=[0.6, 0.4]),
            "age": rng.integers(18, 80, n),
            "label": rng.choice(["good", "bad"], n, p=[0.7, 0.3]),
            "score": rng.random(n).round(3),
        }
    )


def of_binary(frame, features, references, **asked):
    decided = of_score(
        frame["label"], frame["score"].to_numpy(), threshold=0.4, positive_label="bad", favourable_label="good"
    )
    payload = measure(
        decided, sensitive_features=frame[features], reference_groups=references, asked=Asked(**asked), resamples=200
    )
    assert schemas.first_problem("fairness/v1", payload) is None
    json.dumps(payload, allow_nan=False)
    return payload


def groups(payload, feature=0):
    return {group["group"]: group for group in payload["features"][feature]["groups"]}


def of_numbers(direction="higher", n=800, **more):
    rng = np.random.default_rng(2)
    sex = rng.choice(["men", "women"], n, p=[0.7, 0.3])
    truth = rng.normal(100, 20, n)
    predicted = truth + rng.normal(0, 5, n) - 3.0 * (sex == "women")
    arguments = {
        "labels": pd.Series(truth), "predicted": predicted, "favourable_direction": direction,
        "sensitive_features": pd.DataFrame({"sex": sex}), "reference_groups": {"sex": "men"},
    }  # fmt: skip
    payload = regression.measure(**arguments | more)
    return payload, truth, predicted, sex
