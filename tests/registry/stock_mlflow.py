"""Starts a real MLflow server without Placet's plugin, as a managed one runs, and fills it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.client.mlflow_plugin.mlflow_server import _wait_until_healthy, free_port

STOCK_PYTHON = os.environ.get("PLACET_TEST_STOCK_PYTHON", sys.executable)
"""Whose MLflow runs; scripts/mlflow_range.py names those at the ends of the supported range."""
MLMODEL = b"flavors:\n  sklearn:\n    pickled_model: model.skops\n    serialization_format: skops\n"


@contextmanager
def stock_server(folder: Path, python: str = STOCK_PYTHON, *, options: Sequence[str] = ()) -> Iterator[str]:
    """Yield the address of a stock server on SQLite that serves artifacts, until the block ends."""
    port = free_port()
    command = [
        python,
        *("-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--serve-artifacts", "--artifacts-destination", (folder / "artifacts").as_uri()),
        *options,
    ]
    environment = {
        "PATH": os.pathsep.join((str(Path(python).parent), os.environ["PATH"])),
        "HOME": str(folder),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_healthy(url, process, log)
        yield url
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # MLflow 2 leaves its gunicorn behind
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Estate:
    """What somebody registers with MLflow's REST API, with no word of Placet; in a workspace, made for it, or not."""

    def __init__(self, url: str, *, workspace: str = "", auth: tuple[str, str] | None = None) -> None:
        headers = {"X-MLFLOW-WORKSPACE": workspace} if workspace else {}
        self._http = httpx.Client(base_url=url, timeout=30, headers=headers, auth=auth)
        experiment = "0"
        if workspace:
            made = httpx.post(f"{url}/api/3.0/mlflow/workspaces", json={"name": workspace}, auth=auth, timeout=30)
            assert made.status_code == 201, made.text
            experiment = self.post("experiments/create", name="training")["experiment_id"]
        info = self.post("runs/create", experiment_id=experiment, start_time=1_700_000_000_000)["run"]["info"]
        self.url, self.run_id = url, info["run_id"]
        self._root = info["artifact_uri"].removeprefix("mlflow-artifacts:/")

    def __enter__(self) -> Estate:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Call the API and return its answer."""
        answer = self._http.post(f"/api/2.0/mlflow/{path}", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def model(self, name: str, *, versions: int = 1) -> None:
        """Register a model with versions whose files lie in the server's own store."""
        self.post("registered-models/create", name=name)
        for number in range(1, versions + 1):
            for file, content in (("MLmodel", MLMODEL), ("model.skops", f"weights {number}".encode())):
                self.file(f"{name}/{number}/{file}", content)
            self.version(name, number)

    def file(self, path: str, content: bytes) -> None:
        """Write one artifact of the run."""
        put = self._http.put(f"/api/2.0/mlflow-artifacts/artifacts/{self._root}/{path}", content=content)
        assert put.status_code == 200, put.text

    def version(self, name: str, number: int) -> None:
        """Register a version whose files are those that version ``number`` was made of."""
        source = f"mlflow-artifacts:/{self._root}/{name}/{number}"
        self.post("model-versions/create", name=name, source=source, run_id=self.run_id)

    def alias(self, name: str, alias: str, number: int) -> None:
        """Set an alias, protected or not: nobody prevents it here."""
        self.post("registered-models/alias", name=name, alias=alias, version=str(number))

    def prompt(self, name: str) -> None:
        """Register a prompt with one version, as MLflow's client does."""
        mark = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
        text = [*mark, {"key": "mlflow.prompt.text", "value": "Is {{customer}} creditworthy?"}]
        self.post("registered-models/create", name=name, tags=mark)
        self.post("model-versions/create", name=name, source="prompt-template", tags=text)

    def stage(self, name: str, number: int, stage: str) -> None:
        """Move a version to a stage."""
        self.post(
            "model-versions/transition-stage",
            name=name,
            version=str(number),
            stage=stage,
            archive_existing_versions=False,
        )
