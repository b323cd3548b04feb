"""A training environment with an MLflow client of its own, against a governed server.

Here the client is the pinned version; ``scripts/mlflow_range.py`` runs the same with both ends of the supported range.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.mlflow_plugin.conftest import ENGINEER, ENGINEER_PASSWORD, Rest
from tests.client.mlflow_plugin.mlflow_server import MlflowServer

CLIENT_PYTHON = os.environ.get("PLACET_TEST_CLIENT_PYTHON", sys.executable)
TRAINING = """\
import json, warnings
warnings.simplefilter("ignore")
import mlflow, mlflow.sklearn, pandas
from mlflow.exceptions import MlflowException
from placet.tracking import log_evaluation_data
from sklearn.linear_model import LogisticRegression

frame = pandas.DataFrame({"months": [6, 48] * 10, "sex": ["female", "male", "male", "female"] * 5})
labels = ["good", "bad"] * 10
mlflow.set_experiment("training")
with mlflow.start_run():
    model = LogisticRegression().fit(frame[["months"]], labels)
    mlflow.log_param("decision_threshold", 0.4)
    log_evaluation_data(
        frame.assign(risk=labels),
        label="risk",
        positive_label="bad",
        favourable_label="good",
        sensitive_features=["sex"],
    )
    mlflow.sklearn.log_model(model, "model", registered_model_name="trained", pip_requirements=["scikit-learn"])
client = mlflow.MlflowClient()
client.set_registered_model_alias("trained", "challenger", "1")
try:
    client.set_registered_model_alias("trained", "champion", "1")
    refusal = None
except MlflowException as refused:
    refusal = str(refused)
loaded = mlflow.pyfunc.load_model("models:/trained@challenger")
print(json.dumps({
    "refusal": refusal,
    "run": client.get_model_version("trained", "1").run_id,
    "predicted": list(loaded.predict(frame[["months"]])) == labels,
}))
"""


@pytest.mark.slow
def test_it_logs_and_registers_a_model_and_is_refused_the_protected_alias(
    mlflow_server: MlflowServer, engineer: Rest, tmp_path: Path
):
    done = subprocess.run(
        [CLIENT_PYTHON, "-c", TRAINING],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": mlflow_server.pythonpath,
            "MLFLOW_TRACKING_URI": mlflow_server.url,
            "MLFLOW_TRACKING_USERNAME": ENGINEER,
            "MLFLOW_TRACKING_PASSWORD": ENGINEER_PASSWORD,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["refusal"] == (
        "PERMISSION_DENIED: Placet refused to set alias 'champion' on 'trained' version 1: "
        "There is no approval for it. To get it there, run `placet request trained 1 --to champion`. See http://placet.example/requests/7"
    )
    assert said["predicted"]
    assert engineer.aliases("trained") == {"challenger": "1"}
    files = engineer.get(f"artifacts/list?run_id={said['run']}&path=placet")["files"]
    assert [file["path"] for file in files] == ["placet/dataset.json", "placet/evaluation.parquet"]
