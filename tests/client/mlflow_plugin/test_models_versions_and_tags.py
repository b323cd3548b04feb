"""Everything else that could unmake or disguise a production version, on a live MLflow server."""

import pytest

from tests.client.mlflow_plugin.conftest import ENGINEER, Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, DecisionServer, verdict

PROMPT_MARK = {"key": "mlflow.prompt.is_prompt", "value": "true"}


@pytest.fixture(params=["alias", "stage", "tag of the model", "tag of a version"])
def governed(request: pytest.FixtureRequest, engineer: Rest, gate: DecisionServer) -> str:
    """A model that is governed for one reason alone; its version 1 carries it, version 2 nothing."""
    name = engineer.a_model(versions=2)
    gate.answer = lambda _question: ALLOW
    done = {
        "alias": lambda: engineer.set_alias(name, "champion", 1),
        "stage": lambda: engineer.post("model-versions/transition-stage", name=name, version="1", stage="Production"),
        "tag of the model": lambda: engineer.post("registered-models/set-tag", name=name, key="gov.x", value="1"),
        "tag of a version": lambda: engineer.post(
            "model-versions/set-tag", name=name, version="1", key="gov.x", value="1"
        ),
    }[request.param]()
    assert done.status == 200, done
    gate.reset()
    return name


def test_a_governed_model_is_renamed_or_deleted_only_on_placets_word(
    engineer: Rest, gate: DecisionServer, governed: str
):
    renamed = engineer.post("registered-models/rename", name=governed, new_name=f"{governed}-new")
    deleted = engineer.delete("registered-models/delete", name=governed)
    assert (renamed.status, deleted.status) == (403, 403)
    assert gate.asked("model.rename")[0]["detail"]["new_name"] == f"{governed}-new"
    assert gate.asked("model.delete")[0]["subject"]["name"] == governed
    gate.answer = lambda _question: ALLOW
    assert engineer.post("registered-models/rename", name=governed, new_name=f"{governed}-new").status == 200
    assert engineer.delete("registered-models/delete", name=f"{governed}-new").status == 200


def test_a_governed_version_is_deleted_only_on_placets_word(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model(versions=2)
    gate.answer = lambda _question: ALLOW
    engineer.set_alias(name, "champion", 1)
    gate.reset()
    assert engineer.delete("model-versions/delete", name=name, version="1").status == 403
    assert gate.asked("version.delete")[0]["subject"]["source"] == "s3://models/1"
    assert engineer.delete("model-versions/delete", name=name, version="2").status == 200
    assert len(gate.asked("version.delete")) == 1


def test_an_ungoverned_model_is_renamed_and_deleted_without_a_question(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()
    assert engineer.post("registered-models/rename", name=name, new_name=f"{name}-new").status == 200
    assert engineer.delete("registered-models/delete", name=f"{name}-new").status == 200
    assert gate.asked("model.rename") == gate.asked("model.delete") == []


@pytest.mark.parametrize("key", ["gov.status", "GOV.status", "\uff47ov.status"])
def test_reserved_tags_are_placets_alone(engineer: Rest, gate: DecisionServer, key: str):
    name, tag = engineer.a_model(), {"key": key, "value": "approved"}
    assert engineer.post("registered-models/set-tag", name=name, **tag).status == 403
    assert engineer.post("model-versions/set-tag", name=name, version="1", **tag).status == 403
    assert engineer.delete("registered-models/delete-tag", name=name, key=key).status == 403
    assert engineer.delete("model-versions/delete-tag", name=name, version="1", key=key).status == 403
    assert engineer.post("registered-models/create", name=f"{name}-tagged", tags=[tag]).status == 403
    assert engineer.add_version(name, tags=[tag]).status == 403
    assert [q["detail"]["key"] for q in gate.asked("tag.set") + gate.asked("tag.delete")] == [key] * 6


def test_other_tags_are_free(engineer: Rest, gate: DecisionServer):
    name, tag = engineer.a_model(), {"key": "team", "value": "scoring"}
    assert engineer.post("registered-models/set-tag", name=name, **tag).status == 200
    assert engineer.post("model-versions/set-tag", name=name, version="1", **tag).status == 200
    assert engineer.delete("registered-models/delete-tag", name=name, key="team").status == 200
    assert engineer.delete("model-versions/delete-tag", name=name, version="1", key="team").status == 200
    assert gate.asked("tag.set") == gate.asked("tag.delete") == []


def test_a_copy_leaves_the_reserved_tags_of_its_source_behind(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()
    tags = [{"key": "gov.status", "value": "approved"}, {"key": "team", "value": "scoring"}]
    copied = engineer.add_version(name, f"models:/{name}/1", tags=tags)
    assert copied.status == 200, copied
    assert engineer.version(name, 2)["tags"] == [{"key": "team", "value": "scoring"}]
    assert gate.asked("tag.set") == []


def test_a_model_cannot_be_hidden_from_searches_as_a_prompt(engineer: Rest):
    name = engineer.a_model()
    assert engineer.post("registered-models/set-tag", name=name, **PROMPT_MARK).status == 403
    assert engineer.post("model-versions/set-tag", name=name, version="1", **PROMPT_MARK).status == 403
    assert engineer.add_version(name, "prompt-template", tags=[PROMPT_MARK]).status == 403
    assert engineer.get(f"model-versions/search?filter=name%3D%27{name}%27")["model_versions"]


def test_prompts_work_and_stay_prompts(engineer: Rest, gate: DecisionServer):
    name = "a-greeting"
    assert engineer.post("registered-models/create", name=name, tags=[PROMPT_MARK]).status == 200
    text = {"key": "mlflow.prompt.text", "value": "Hello {{name}}"}
    created = engineer.add_version(name, "prompt-template", tags=[PROMPT_MARK, text])
    assert created.status == 200, created
    assert engineer.post("registered-models/set-tag", name=name, **PROMPT_MARK).status == 200, "no change"
    assert engineer.post("registered-models/set-tag", name=name, key=PROMPT_MARK["key"], value="no").status == 403
    assert engineer.delete("registered-models/delete-tag", name=name, key=PROMPT_MARK["key"]).status == 403
    assert engineer.set_alias(name, "latest-draft", 1).status == 200
    assert engineer.set_alias(name, "production", 1).status == 403
    assert gate.asked("version.create") == []


def test_placet_learns_which_authenticated_user_registered_a_version(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model(versions=0)
    created = engineer.add_version(name).body["model_version"]
    notice = gate.wait_for("version.create", name=name)
    assert notice["identity"] == {"username": ENGINEER, "source": "basic-auth"}
    assert notice["subject"]["version"] == created["version"]
    assert notice["subject"]["created_at_ms"] == created["creation_timestamp"]


def test_registering_neither_waits_for_placet_nor_heeds_its_verdict(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model(versions=0)
    gate.answer = lambda _question: verdict("BLOCK")
    assert engineer.add_version(name).status == 200
    gate.wait_for("version.create", name=name)
