"""A model behind a real MLflow alias is loaded only if a valid permit names its bytes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

mlflow = pytest.importorskip("mlflow")

from placet.digests import artifact_digest  # noqa: E402
from placet.loader import Refused, load_model, load_verified, verify_model  # noqa: E402
from placet.permits import build_statement, sign  # noqa: E402
from placet.trust import parse_trust  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own warnings while it logs and loads a model
URI = "models:/credit-risk@champion"


def a_model():
    import mlflow.pyfunc  # here, because it warns when imported

    class Scorer(mlflow.pyfunc.PythonModel):
        def predict(self, model_input: list[float]) -> list[float]:
            return [0.5] * len(model_input)

    return Scorer()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A registered model in a temporary MLflow; yields (version, folder of its artifacts)."""
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

    def serve(status="valid", key=None, **fields):
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
        api.says("GET", "/api/v1/permits", {"envelope": envelope, "status": status})

    serve()
    serve.folder = folder
    serve.trust = parse_trust(log.policy)
    return serve


def test_the_permitted_bytes_are_verified_and_loaded(permitted):
    found = verify_model(URI, trust=permitted.trust)
    assert (found.version, found.status, found.path) == ("1", "valid", None)
    assert found.artifact_digest == artifact_digest(permitted.folder)
    assert load_model(URI, trust=permitted.trust).predict([1.0, 2.0]) == [0.5, 0.5]


def test_what_is_said_of_a_loaded_model_is_of_that_very_load(permitted, monkeypatch):
    """An alias can move between two calls: one verification, one load, one answer."""
    from examples.serving import app as service

    permitted(decision_threshold="0.3")
    asked = []
    monkeypatch.setattr("placet.loader._behind", _counted(asked))
    found = load_verified(URI, trust=permitted.trust)
    assert (found.verified.version, found.verified.decision_threshold) == ("1", 0.3)
    assert found.model.predict([1.0]) == [0.5]
    assert len(asked) == 1
    monkeypatch.setenv("MODEL_URI", URI)
    monkeypatch.setattr(service, "load_verified", lambda uri: load_verified(uri, trust=permitted.trust))
    assert service.reload() == {"version": "1", "digest": artifact_digest(permitted.folder)}
    assert service.health() == {"version": "1", "decision_threshold": "0.3"}
    assert len(asked) == 2


def _counted(asked):
    from placet.loader import _behind

    def behind(model, alias):
        asked.append(alias)
        return _behind(model, alias)

    return behind


def test_one_changed_byte_in_the_store_is_refused_before_anything_is_loaded(permitted):
    target = next(p for p in permitted.folder.rglob("*") if p.suffix == ".pkl")
    genuine = target.read_bytes()
    loaded = []
    try:
        target.write_bytes(genuine[:-1] + bytes([genuine[-1] ^ 1]))
        with pytest.raises(Refused, match="not the approved ones"):
            load_model(URI, trust=permitted.trust, load=loaded.append)
        target.write_bytes(genuine)
        (permitted.folder / "extra.py").write_text("evil = True")
        with pytest.raises(Refused, match="not the approved ones"):
            load_model(URI, trust=permitted.trust, load=loaded.append)
        (permitted.folder / "extra.py").unlink()
        load_model(URI, trust=permitted.trust, load=loaded.append)
    finally:
        target.write_bytes(genuine)
        (permitted.folder / "extra.py").unlink(missing_ok=True)
    assert len(loaded) == 1


@pytest.mark.parametrize("status", ["revoked", "lapsed", "anything else"])
def test_a_withdrawn_approval_is_refused(permitted, status):
    permitted(status=status)
    with pytest.raises(Refused, match=status):
        verify_model(URI, trust=permitted.trust)


def test_a_suspended_approval_serves_on_unless_the_caller_refuses_it(permitted, caplog):
    permitted(status="suspended")
    assert verify_model(URI, trust=permitted.trust).status == "suspended"
    assert "suspended" in caplog.text
    with pytest.raises(Refused, match="suspended"):
        verify_model(URI, trust=permitted.trust, refuse_suspended=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"version": "2"},
        {"alias": "canary"},
        {"created_at_ms": 5},
        {"storage_location": "s3://elsewhere"},
        {"kind": "stop"},
        {"artifact_digest": "sha256:" + "0" * 64},
        {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"artifact_manifest": "sha256:" + "0" * 64},
    ],
)
def test_a_permit_for_something_else_is_refused(permitted, fields):
    permitted(**fields)
    with pytest.raises(Refused):
        verify_model(URI, trust=permitted.trust)


def test_a_permit_by_a_stranger_is_refused(permitted, log):
    permitted(key=log.key)
    with pytest.raises(Refused, match="not signed by a permit key"):
        verify_model(URI, trust=permitted.trust)


@pytest.mark.parametrize(
    "uri", ["models:/credit-risk/1", "models:/credit-risk/latest", "runs:/x/model", "models:/m-abc", "", "models:/@c"]
)
def test_only_an_alias_can_be_verified(permitted, uri):
    with pytest.raises(Refused, match="names no alias"):
        verify_model(uri, trust=permitted.trust)


def test_without_placet_without_trust_and_without_the_alias_nothing_is_loaded(permitted, api, monkeypatch):
    monkeypatch.delenv("PLACET_TRUST_FILE", raising=False)
    with pytest.raises(Refused, match="No trust file"):
        verify_model(URI)
    with pytest.raises(Refused, match="MLflow does not know credit-risk@canary"):
        verify_model("models:/credit-risk@canary", trust=permitted.trust)
    api.says("GET", "/api/v1/permits", {"title": "No permit", "detail": "Request one."}, status=404)
    with pytest.raises(Refused, match="No permit: Request one"):
        verify_model(URI, trust=permitted.trust)
    monkeypatch.setenv("PLACET_URL", "http://127.0.0.1:9")
    with pytest.raises(Refused, match="cannot be reached"):
        verify_model(URI, trust=permitted.trust)
