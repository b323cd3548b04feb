"""Makes models with real artifacts on a governed MLflow server, over REST as a user would."""

import itertools
from dataclasses import dataclass
from typing import Any

from tests.client.mlflow_plugin.conftest import Response, Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, DecisionServer, verdict

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_numbers = itertools.count(1)


@dataclass
class LoggedVersion:
    """Version 1 of a model, whose files lie in a run's folder that the server proxies."""

    name: str
    experiment: str
    run_id: str
    artifact_uri: str

    @property
    def folder(self) -> str:
        """Return the path of the version's files below the proxy's root."""
        return f"{self.run_folder}/model"

    @property
    def run_folder(self) -> str:
        return self.artifact_uri.removeprefix("mlflow-artifacts:/")


def an_experiment(user: Rest, **more: Any) -> str:
    made = user.post("experiments/create", name=f"experiment-{next(_numbers)}", **more)
    assert made.status == 200, made
    return str(made.body["experiment_id"])


def a_run(user: Rest, experiment: str) -> dict[str, Any]:
    made = user.post("runs/create", experiment_id=experiment)
    assert made.status == 200, made
    info: dict[str, Any] = made.body["run"]["info"]
    return info


def put(user: Rest, path: str, content: bytes = b"swapped") -> Response:
    return user.send("PUT", f"{ARTIFACTS}/{path}", content=content)


def content_of(user: Rest, path: str) -> str:
    """Return a text file of the proxied store."""
    answer = user.send("GET", f"{ARTIFACTS}/{path}")
    return str(answer.body.get("text", answer))


def a_logged_version(user: Rest, *, files: tuple[str, ...] = ("MLmodel", "data/weights.txt")) -> LoggedVersion:
    """Log some files in a new run and register them as version 1 of a new model."""
    experiment = an_experiment(user)
    info = a_run(user, experiment)
    name = f"logged-{next(_numbers)}"
    version = LoggedVersion(name, experiment, info["run_id"], info["artifact_uri"])
    for file in files:
        assert put(user, f"{version.folder}/{file}", b"approved").status == 200
    assert user.post("registered-models/create", name=name).status == 200
    made = user.add_version(name, f"{version.artifact_uri}/model", run_id=version.run_id)
    assert made.status == 200, made
    return version


def freeze(user: Rest, gate: DecisionServer, version: LoggedVersion, alias: str = "champion") -> None:
    """Let the version have a protected alias, and refuse everything again."""
    gate.answer = lambda _question: ALLOW
    done = user.set_alias(version.name, alias, 1)
    gate.answer = lambda _question: verdict("BLOCK")
    assert done.status == 200, done
