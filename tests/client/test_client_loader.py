"""A model behind a real MLflow alias is loaded only if a valid permit names its bytes."""

from datetime import UTC, datetime

import pytest

mlflow = pytest.importorskip("mlflow")

from placet.digests import artifact_digest  # noqa: E402
from placet.loader import Refused, check_standing, load_model, load_verified, verify_model  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own warnings while it logs and loads a model
URI = "models:/credit-risk@champion"


def test_the_permitted_bytes_are_verified_and_loaded(permitted):
    found = verify_model(URI, trust=permitted.trust)
    assert (found.version, found.status, found.path) == ("1", "valid", None)
    assert found.artifact_digest == artifact_digest(permitted.folder)
    assert load_model(URI, trust=permitted.trust).predict([1.0, 2.0]) == [0.5, 0.5]


def test_what_is_said_of_a_loaded_model_is_of_that_very_load(permitted, monkeypatch):
    """An alias can move between two calls: one verification, one load, one answer."""
    permitted(decision_threshold="0.3")
    asked = []
    monkeypatch.setattr("placet.loader._behind", _counted(asked))
    found = load_verified(URI, trust=permitted.trust)
    assert (found.verified.version, found.verified.decision_threshold) == ("1", 0.3)
    assert found.model.predict([1.0]) == [0.5]
    assert len(asked) == 1


def test_what_became_of_a_loaded_model_is_asked_without_mlflow(permitted, api, monkeypatch):
    permitted.lists()
    found = load_verified(URI, trust=permitted.trust).verified
    monkeypatch.setattr("placet.loader._behind", None)
    assert check_standing(found, trust=permitted.trust) == "valid"
    permitted.lists(("suspended", False), number=2)
    assert check_standing(found, trust=permitted.trust) == "suspended"
    permitted.lists(("revoked", True), number=3)
    with pytest.raises(Refused) as refused:
        check_standing(found, trust=permitted.trust)
    assert refused.value.status == "revoked"
    permitted.down()
    with pytest.raises(Refused) as refused:
        check_standing(found, trust=permitted.trust)
    assert refused.value.status == ""


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
        {"kind": "rollback"},
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
    ("uri", "instead"),
    [
        ("models:/credit-risk/1", "a version number.*models:/credit-risk@champion"),
        ("models:/credit-risk/Production", "a stage.*models:/credit-risk@champion"),
        ("models:/credit-risk/latest", "registered last.*models:/credit-risk@champion"),
        ("models:/credit-risk@latest", "registered last.*models:/credit-risk@champion"),
        ("models:/credit-risk@ Latest", "registered last.*models:/credit-risk@champion"),
        ("models:/m-abc", "a logged model by its id.*@champion"),
        ("models:/@c", "names no alias.*@champion"),
        ("", "names no alias.*@champion"),
        ("runs:/x/model", "only a place of files.*verify-model FOLDER --permit"),
        ("s3://bucket/1/models/m-1/artifacts", "only a place of files.*verify-model FOLDER --permit"),
        ("mlflow-artifacts:/1/models/m-1", "only a place of files"),
        ("file:///srv/model", "only a place of files"),
        ("/srv/model", "only a place of files"),
        ("./model", "only a place of files"),
    ],
)
def test_only_an_alias_can_be_verified_and_each_refusal_says_what_to_use(permitted, api, uri, instead):
    api.asked.clear()
    with pytest.raises(Refused, match=instead):
        verify_model(uri, trust=permitted.trust)
    assert not api.asked


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
