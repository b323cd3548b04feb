"""Train a credit-scoring model and register it with MLflow: ``python -m examples.credit.train [--model boosted]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import placet.tracking
from examples.credit import dataset

MODEL_NAME = "credit-risk"
EXPERIMENT = "credit-risk"
THRESHOLD = 0.3  # decline at or above; the share of bad credits among the training rows
HANDLING = {  # of the columns that only the measuring of bias sees
    "lawful_basis": "GDPR Article 6(1)(f): to examine the model for bias, AI Act Article 10(2)(f)",
    "access_role": "validator",
}
MODELS = {1: "logistic", 2: "boosted"}  # version to be registered -> model


def build(model: str) -> Pipeline:
    """Return the unfitted pipeline of ``model``: 'logistic' or 'boosted'."""
    classifier = {
        "logistic": LogisticRegression(C=1.0, max_iter=2000),
        "boosted": GradientBoostingClassifier(
            n_estimators=200,
            learning_rate=0.05,
            max_depth=3,
            subsample=0.5,
            max_features="sqrt",
            min_samples_leaf=10,
            random_state=0,
        ),
    }[model]
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), dataset.NUMERIC_FEATURES),
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), dataset.CATEGORICAL_FEATURES),
        ]
    )
    return Pipeline([("columns", columns), ("classifier", classifier)])


def train(model: str) -> str:
    """Train ``model``, log it as its users do, register it, and return the number of the new version."""
    training, evaluation = dataset.split(dataset.load())
    pipeline = build(model).fit(training[dataset.FEATURES], training[dataset.LABEL])
    score = pipeline.predict_proba(evaluation[dataset.FEATURES])[:, list(pipeline.classes_).index("bad")]

    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=model):
        classifier = pipeline.named_steps["classifier"]
        mlflow.log_params({"model": type(classifier).__name__, **classifier.get_params()})
        mlflow.log_params({"decision_threshold": THRESHOLD, "split_seed": dataset.SPLIT_SEED})
        mlflow.log_input(mlflow.data.from_pandas(training, targets=dataset.LABEL, name="training"), context="training")
        mlflow.log_metrics(metrics(evaluation[dataset.LABEL] == "bad", score))

        keep_until = datetime.now(UTC).date() + timedelta(days=730)
        # The Placet lines: which rows to measure on, what is good for the applicant, whose treatment to compare.
        placet.tracking.log_evaluation_data(
            evaluation, label=dataset.LABEL, positive_label="bad", favourable_label="good", features=dataset.FEATURES,
            sensitive_features=["sex", "age_group"], reference_groups={"sex": "male", "age_group": "26 to 60"},
            handling=dict.fromkeys(["sex", "age_group"], HANDLING | {"delete_by": keep_until}),
        )  # fmt: skip
        placet.tracking.log_training_data(training, label=dataset.LABEL, features=dataset.FEATURES)

        example = training[dataset.FEATURES].head(5)
        logged = mlflow.sklearn.log_model(
            pipeline,
            name="model",
            signature=infer_signature(example, pipeline.predict(example)),
            input_example=example,
            registered_model_name=MODEL_NAME,
            skops_trusted_types=["sklearn.tree._tree.Tree"],  # the node arrays of scikit-learn's trees
        )
    return str(logged.registered_model_version)


def metrics(event: pd.Series, score: Sequence[float]) -> dict[str, float]:
    """Return the evaluation metrics that the run records."""
    frame = pd.DataFrame({"event": event.to_numpy(), "score": score})
    return {
        "auc": float(roc_auc_score(frame["event"], frame["score"])),
        "log_loss": float(log_loss(frame["event"], frame["score"])),
        "brier": float(brier_score_loss(frame["event"], frame["score"])),
        "accuracy": float(accuracy_score(frame["event"], frame["score"] >= THRESHOLD)),
    }


def main(*, register: Sequence[int] = (1, 2)) -> list[str]:
    """Train and register the models of the versions asked for, in that order; return the versions that MLflow gave.

    Args:
        register: 1 for the logistic regression, 2 for the boosted trees.
    """
    return [train(MODELS[number]) for number in register]


def command(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description="Train the credit-risk models and register them with MLflow.")
    parser.add_argument("--model", choices=sorted(MODELS.values()), help="train only this one")
    chosen = parser.parse_args(arguments).model
    versions = main(register=[number for number, name in MODELS.items() if chosen in (None, name)])
    sys.stdout.write(f"Registered {MODEL_NAME}: version {', '.join(versions)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(command())
