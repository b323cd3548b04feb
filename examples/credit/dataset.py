"""Read Statlog German Credit (UCI) with readable column names and category labels."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

DATA = Path(__file__).resolve().parent / "data" / "german.data"

LABEL = "credit_risk"
POSITIVE_LABEL = "bad"  # the event that the score is the probability of
FAVOURABLE_LABEL = "good"  # the outcome that is good for the applicant
SENSITIVE_FEATURES = ["sex", "age_group"]
REFERENCE_GROUPS = {"sex": "male", "age_group": "26 to 60"}
SPLIT_SEED = 7
TRAINING_ROWS = 700

# The wording of the UCI documentation of the data set (german.doc), attribute by attribute.
CATEGORIES: dict[str, dict[str, str]] = {
    "checking_account": {
        "A11": "below 0 DM",
        "A12": "0 to 199 DM",
        "A13": "200 DM or more, or salary account",
        "A14": "none",
    },
    "credit_history": {
        "A30": "no credits taken, or all paid back",
        "A31": "all credits at this bank paid back",
        "A32": "existing credits paid back till now",
        "A33": "delay in the past",
        "A34": "critical account, or credits elsewhere",
    },
    "purpose": {
        "A40": "new car",
        "A41": "used car",
        "A42": "furniture or equipment",
        "A43": "radio or television",
        "A44": "domestic appliances",
        "A45": "repairs",
        "A46": "education",
        "A47": "vacation",
        "A48": "retraining",
        "A49": "business",
        "A410": "other",
    },
    "savings": {
        "A61": "below 100 DM",
        "A62": "100 to 499 DM",
        "A63": "500 to 999 DM",
        "A64": "1000 DM or more",
        "A65": "unknown or none",
    },
    "employed_since": {
        "A71": "unemployed",
        "A72": "under 1 year",
        "A73": "1 to 3 years",
        "A74": "4 to 6 years",
        "A75": "7 years or more",
    },
    "personal_status": {
        "A91": "divorced or separated",
        "A92": "divorced, separated or married",
        "A93": "single",
        "A94": "married or widowed",
        "A95": "single",
    },
    "other_debtors": {"A101": "none", "A102": "co-applicant", "A103": "guarantor"},
    "property": {
        "A121": "real estate",
        "A122": "savings agreement or life insurance",
        "A123": "car or other",
        "A124": "unknown or none",
    },
    "other_instalment_plans": {"A141": "bank", "A142": "stores", "A143": "none"},
    "housing": {"A151": "rented", "A152": "owned", "A153": "free of charge"},
    "job": {
        "A171": "unemployed, or unskilled non-resident",
        "A172": "unskilled resident",
        "A173": "skilled employee or official",
        "A174": "management, self-employed or highly qualified",
    },
    "telephone": {"A191": "none", "A192": "registered"},
    "foreign_worker": {"A201": "yes", "A202": "no"},
}
COLUMNS = [
    "checking_account",
    "duration_months",
    "credit_history",
    "purpose",
    "credit_amount_dm",
    "savings",
    "employed_since",
    "instalment_percent_of_income",
    "personal_status",
    "other_debtors",
    "residence_years",
    "property",
    "age_years",
    "other_instalment_plans",
    "housing",
    "existing_credits",
    "job",
    "dependants",
    "telephone",
    "foreign_worker",
    LABEL,
]
# Attribute 9 mixes personal status and sex; these of its codes mean a woman, the others a man.
FEMALE_CODES = frozenset({"A92", "A95"})

# Not features: what states a protected characteristic (sex, marital status, age, origin) or follows from it.
NOT_FEATURES = frozenset({"personal_status", "age_years", "foreign_worker", LABEL})
FEATURES = [name for name in COLUMNS if name not in NOT_FEATURES]
NUMERIC_FEATURES = [name for name in FEATURES if name not in CATEGORIES]
CATEGORICAL_FEATURES = [name for name in FEATURES if name in CATEGORIES]


def age_group(years: pd.Series) -> pd.Series:
    """Return 'up to 25', '26 to 60' or 'over 60' for each age in full years."""
    labels = ["up to 25", "26 to 60", "over 60"]
    return pd.cut(years, [0, 25, 60, 200], labels=labels).astype("str")


def load(path: Path = DATA) -> pd.DataFrame:
    """Return the 1000 applications: the model's features, ``sex``, ``age_group`` and the label ``credit_risk``.

    Numbers are floats (months, Deutsche Mark, percent, years, counts), categories are text.

    Raises:
        ValueError: the file does not have 21 columns, or holds a code that the documentation does not name.
    """
    raw = pd.read_csv(path, sep=" ", header=None)
    if raw.shape[1] != len(COLUMNS):
        msg = f"{path.name} has {raw.shape[1]} columns, expected {len(COLUMNS)}: is it the original german.data?"
        raise ValueError(msg)
    raw.columns = pd.Index(COLUMNS)
    frame = raw[FEATURES].copy()
    for name in CATEGORICAL_FEATURES:
        frame[name] = raw[name].map(CATEGORIES[name])
        if frame[name].isna().any():
            unknown = sorted(set(raw[name]) - set(CATEGORIES[name]))
            msg = f"Column {name} holds codes that the documentation does not name: {unknown}"
            raise ValueError(msg)
    frame[NUMERIC_FEATURES] = frame[NUMERIC_FEATURES].astype("float64")
    frame["sex"] = raw["personal_status"].isin(FEMALE_CODES).map({True: "female", False: "male"}).astype("str")
    frame["age_group"] = age_group(raw["age_years"])
    frame[LABEL] = raw[LABEL].map({1: "good", 2: "bad"}).astype("str")
    return frame


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (700 training rows, 300 evaluation rows), stratified by the label, always the same ones."""
    from sklearn.model_selection import train_test_split

    training, evaluation = train_test_split(
        frame, train_size=TRAINING_ROWS, stratify=frame[LABEL], random_state=SPLIT_SEED
    )
    return training.reset_index(drop=True), evaluation.reset_index(drop=True)
