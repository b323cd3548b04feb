"""A stock MLflow server for the tests that need a real one, started once, and models that were logged to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.mlflow_plugin.mlflow_server import _wait_until_healthy, free_port

ROWS = [{"duration_months": 6.0, "credit_amount_dm": 900.0}, {"duration_months": 48.0, "credit_amount_dm": 9000.0}]


@pytest.fixture(scope="session")
def tracking_server(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """A stock MLflow server, and the folder that its artifacts lie in."""
    folder, port = tmp_path_factory.mktemp("tracking"), free_port()
    store = f"sqlite:///{folder}/mlflow.db"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--serve-artifacts", "--artifacts-destination", f"{folder}/artifacts"]
    log = folder / "server.log"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=output)
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}", folder / "artifacts"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def logged_models(tracking_server) -> list[str]:
    """The ids of three models in MLflow that differ in their coefficients."""
    import mlflow
    import mlflow.sklearn
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(tracking_server[0])
    try:
        frame, labels = pd.DataFrame(ROWS * 10), ["good", "bad"] * 10
        return [
            mlflow.sklearn.log_model(
                LogisticRegression(C=10.0**number).fit(frame, labels), name="model", pip_requirements=["scikit-learn"]
            ).model_id
            for number in (-3, -4, -5)
        ]
    finally:
        mlflow.set_tracking_uri(before)
