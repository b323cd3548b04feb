"""A model behind a real MLflow alias, and a Placet that says of it what a test wants."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from placet.digests import artifact_digest
from placet.permits import build_statement, sign
from placet.permits import verify as verify_permit
from placet.revocations import Withdrawn, permit_digest
from placet.revocations import build_statement as build_list
from placet.trust import parse_trust


def a_model():
    import mlflow.pyfunc  # here, because it warns when imported

    class Scorer(mlflow.pyfunc.PythonModel):
        def predict(self, model_input: list[float]) -> list[float]:
            return [0.5] * len(model_input)

    return Scorer()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A registered model in a temporary MLflow; yields (version, folder of its artifacts)."""
    mlflow = pytest.importorskip("mlflow")
    folder = tmp_path_factory.mktemp("mlflow")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("credit", artifact_location=(folder / "a").as_uri()))
    with mlflow.start_run():
        mlflow.pyfunc.log_model(
            name="model", python_model=a_model(), registered_model_name="credit-risk", pip_requirements=["mlflow"]
        )
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("credit-risk", "champion", "1")
    version = client.get_model_version("credit-risk", "1")
    location = client.get_model_version_download_uri("credit-risk", "1")
    yield version, location
    mlflow.set_tracking_uri(before)


@pytest.fixture
def permitted(api, served, log):
    """Serve a permit; call it to change fields, key or standing."""
    version, location = served
    folder = Path(location.removeprefix("file://"))

    def serve(status="valid", key=None, refuse_new_loads=None, **fields):
        now = datetime.now(UTC)
        said = {
            "kind": "serve",
            "workspace": "default",
            "model": "credit-risk",
            "version": "1",
            "artifact_digest": artifact_digest(folder),
            "created_at_ms": version.creation_timestamp,
            "source": version.source,
            "storage_location": location,
            "alias": "champion",
            "use_restrictions": [],
            "policy": {"name": "p", "version": "1", "digest": "sha256:" + "b" * 64},
            "evidence_manifest": None,
            "approval": "7c2f3c1e-0000-4000-8000-000000000000",
            "log": {"origin": "bank.example/audit/1", "index": 1, "size": 2},
            "issued_at": now,
            "expires_at": now + timedelta(days=1),
        }
        envelope = sign(build_statement(**(said | fields)), key or log.permit_key)
        answer = {"envelope": envelope, "status": status}
        answer |= {} if refuse_new_loads is None else {"refuse_new_loads": refuse_new_loads}
        api.says("GET", "/api/v1/permits", answer)
        serve.envelope = envelope
        if key is None and not fields:
            serve.digest = permit_digest(envelope, verify_permit(envelope, [serve.vkey]))

    def lists(*said, number=1, age=timedelta(0), key=None):
        """Have Placet answer with a list that says (status, refuse_new_loads) of the permit, and return it."""
        rows = [Withdrawn(serve.digest, status, refuses, "2026-11-26T11:00:00.000000Z", 3) for status, refuses in said]
        made = datetime.now(UTC) - age
        statement = build_list(
            origin="bank.example/audit/1",
            size=5,
            root=bytes(32),
            number=number,
            issued_at=made,
            next_update=made + timedelta(hours=1),
            entries=rows,
        )
        envelope = sign(statement, key or log.permit_key)
        api.says("GET", "/api/v1/permits/revocation-list", {"envelope": envelope})
        return envelope

    def down(status=503):
        for path in ("/api/v1/permits", "/api/v1/permits/revocation-list"):
            api.says("GET", path, {"title": "Down"}, status=status)

    serve.folder, serve.trust, serve.lists, serve.down = folder, parse_trust(log.policy), lists, down
    serve.vkey = serve.trust.permits[0]
    serve()
    return serve
