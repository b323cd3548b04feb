"""One governed MLflow server and one decision server for the whole session; each test starts with BLOCK to all."""

import base64
import http.client
import itertools
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.client.mlflow_plugin.decision_server import TOKEN, DecisionServer
from tests.client.mlflow_plugin.mlflow_server import SERVICE, MlflowServer, governed_server

ENGINEER = "ml-engineer"
ENGINEER_PASSWORD = "engineer-password"
_numbers = itertools.count(1)


@dataclass
class Response:
    """What the MLflow server answered: the status and the parsed body (``{}`` if it is not JSON)."""

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))


class Rest:
    """Calls the MLflow REST API as one user."""

    def __init__(self, server: MlflowServer, username: str, password: str) -> None:
        self.server = server
        self.username, self.password = username, password
        self.headers = {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}

    def call(
        self, method: str, path: str, /, prefix: str = "/api/2.0/mlflow", headers: Any = (), **body: Any
    ) -> Response:
        sent = {**self.headers, "Content-Type": "application/json", **dict(headers)}
        return self.send(method, f"{prefix}/{path}", headers=sent, content=json.dumps(body).encode())

    def send(self, method: str, target: str, *, content: bytes = b"", headers: Any = None) -> Response:
        """Send one request with exactly these bytes and headers; this user's when none are given."""
        connection = http.client.HTTPConnection(urlsplit(self.server.url).netloc, timeout=30)
        try:
            connection.putrequest(method, target)
            for name, value in (self.headers if headers is None else dict(headers)).items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(content)))
            connection.endheaders(content)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        try:
            parsed = json.loads(raw or b"{}")
            return Response(answer.status, parsed if isinstance(parsed, dict) else {"parsed": parsed})
        except ValueError:
            return Response(answer.status, {"text": raw.decode(errors="replace")})

    def post(self, path: str, /, **more: Any) -> Response:
        return self.call("POST", path, **more)

    def delete(self, path: str, /, **more: Any) -> Response:
        return self.call("DELETE", path, **more)

    def get(self, path: str) -> dict[str, Any]:
        answer = self.call("GET", path)
        assert answer.status == 200, answer
        return answer.body

    def set_alias(self, name: str, alias: str, version: int, **more: Any) -> Response:
        return self.post("registered-models/alias", name=name, alias=alias, version=str(version), **more)

    def aliases(self, name: str) -> dict[str, str]:
        model = self.get(f"registered-models/get?name={name}")["registered_model"]
        return {alias["alias"]: alias["version"] for alias in model.get("aliases", [])}

    def version(self, name: str, version: int) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"model-versions/get?name={name}&version={version}")["model_version"]
        return found

    def add_version(self, name: str, source: str = "s3://models/first", **more: Any) -> Response:
        return self.post("model-versions/create", name=name, source=source, **more)

    def a_model(self, *, versions: int = 1) -> str:
        """Create a model with that many versions and return its name."""
        name = f"credit-risk-{next(_numbers)}"
        assert self.post("registered-models/create", name=name).status == 200
        for number in range(1, versions + 1):
            assert self.add_version(name, f"s3://models/{number}").status == 200
        return name


@pytest.fixture(scope="session", autouse=True)
def _mlflow_imported() -> None:
    """Import MLflow's SQL store once, with the deprecation warnings of its own that it cannot help."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import placet.mlflow_plugin.stores  # noqa: F401


@pytest.fixture(scope="session")
def _session_gate() -> Iterator[DecisionServer]:
    server = DecisionServer()
    yield server
    server.stop()


@pytest.fixture
def gate(_session_gate: DecisionServer) -> DecisionServer:
    """Placet's decision endpoint: BLOCKs everything until the test says otherwise."""
    _session_gate.reset()
    return _session_gate


@pytest.fixture(scope="session")
def mlflow_server(_session_gate: DecisionServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A governed MLflow server on SQLite, with users ``placet`` (admin) and ``ml-engineer``."""
    folder = tmp_path_factory.mktemp("mlflow")
    database = f"sqlite:///{folder / 'mlflow.db'}"
    auth_database = f"sqlite:///{folder / 'auth.db'}"
    with governed_server(
        folder, database=database, auth_database=auth_database, placet_url=_session_gate.url
    ) as server:
        made = Rest(server, SERVICE, server.password).post(
            "users/create", username=ENGINEER, password=ENGINEER_PASSWORD
        )
        assert made.status == 200, made
        yield server


@pytest.fixture
def engineer(mlflow_server: MlflowServer, gate: DecisionServer) -> Rest:
    """The REST API as ``ml-engineer``, an ordinary user."""
    return Rest(mlflow_server, ENGINEER, ENGINEER_PASSWORD)


@pytest.fixture
def admin(mlflow_server: MlflowServer, gate: DecisionServer) -> Rest:
    """The REST API as MLflow's admin."""
    return Rest(mlflow_server, SERVICE, mlflow_server.password)


@pytest.fixture
def plugin_settings(gate: DecisionServer, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let the plugin run in this process, asking the decision server."""
    monkeypatch.setenv("PLACET_URL", gate.url)
    monkeypatch.setenv("PLACET_GATE_TOKEN", TOKEN)
    monkeypatch.delenv("PLACET_PROTECTED_ALIASES", raising=False)
    return monkeypatch
