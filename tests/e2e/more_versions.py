"""Register what the end-to-end tests need beside the demo's two versions; print the numbers as one line of JSON.

Run as an engineer would run a training script, with MLflow's address and sign-in in the environment.
"""

import json
import sys
import tempfile
from pathlib import Path

import mlflow

from examples.credit import dataset, train
from placet.digests import file_digest
from placet.tracking import write_parquet

ORPHAN = "orphan"


def unlabelled() -> int:
    """Register a version whose run says that the label is ``credit_risk`` and sends rows without that column."""
    frame = dataset.load().head(50).drop(columns=[dataset.LABEL])
    with mlflow.start_run(run_name="unlabelled") as run, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "evaluation.parquet"
        described = {
            "format": "placet-dataset/1",
            "file": file.name,
            "columns": write_parquet(frame, file),
            "digest": file_digest(file),
            "rows": len(frame),
            "label": dataset.LABEL,
            "positive_label": "bad",
            "favourable_label": "good",
            "sensitive_features": ["sex"],
            "reference_groups": {"sex": "male"},
            "features": dataset.FEATURES,
        }
        (Path(folder) / "dataset.json").write_text(json.dumps(described))
        mlflow.log_artifacts(folder, "placet")
        return _registered(run.info.run_id, train.MODEL_NAME)


def orphan() -> int:
    """Register a model that nobody assigns to an AI system."""
    mlflow.MlflowClient().create_registered_model(ORPHAN)
    with mlflow.start_run(run_name=ORPHAN) as run:
        return _registered(run.info.run_id, ORPHAN)


def _registered(run_id: str, name: str) -> int:
    mlflow.log_text("flavors: {}\n", "model/MLmodel")
    version = mlflow.MlflowClient().create_model_version(name, f"runs:/{run_id}/model", run_id)
    return int(version.version)


if __name__ == "__main__":
    first = orphan()  # before the others, so that Placet has seen it once it has seen them
    numbers = {"orphan": first, "again": int(train.train("logistic")), "unlabelled": unlabelled()}
    sys.stdout.write(json.dumps(numbers) + "\n")
