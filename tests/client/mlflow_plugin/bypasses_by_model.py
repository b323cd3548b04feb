"""Ways around the gate by models, versions and tags."""

# ruff: noqa: RUF001  (letters that look like others are what is tried)

import secrets
from collections.abc import Iterable

from tests.client.mlflow_plugin.bypasses import Attempt, Outcome, Way, World
from tests.client.mlflow_plugin.conftest import Response
from tests.client.mlflow_plugin.decision_server import ALLOW, verdict

AJAX = "/ajax-api/2.0/mlflow"
MODELS = "Models, versions and tags"
REFUSED, NOTHING = Outcome.REFUSED, Outcome.NOTHING


def tags(act: str, *keys: str, value: str = "approved") -> Attempt:
    def attempt(world: World) -> Iterable[Response]:
        more = {"value": value} if act == "set" else {}
        call = world.user.post if act == "set" else world.user.delete
        for key in keys:
            yield call(f"model-versions/{act}-tag", name=world.name, version="1", key=key, **more)
            yield call(f"registered-models/{act}-tag", name=world.name, key=key, **more)

    return attempt


def tags_at_creation(world: World) -> Iterable[Response]:
    tag = [{"key": "gov.status", "value": "approved"}]
    yield world.user.add_version(world.name, "s3://elsewhere/3", tags=tag)
    yield world.user.post("registered-models/create", name=f"new-{secrets.token_hex(4)}", tags=tag)


def copy_takes_nothing_along(world: World) -> Iterable[Response]:
    name = f"copy-{secrets.token_hex(4)}"
    yield world.user.post("registered-models/create", name=name)
    source = f"models:/{world.name}/1"
    yield world.user.add_version(name, source, tags=[{"key": "gov.status", "value": "approved"}])
    assert "tags" not in world.user.version(name, 1)
    assert world.user.aliases(name) == {}
    refused = world.user.set_alias(name, "champion", 1)
    assert refused.status == 403


def prompt_marks(world: World) -> Iterable[Response]:
    tag = {"key": "mlflow.prompt.is_prompt", "value": "true"}
    yield world.user.post("registered-models/set-tag", name=world.name, **tag)
    yield world.user.post("model-versions/set-tag", name=world.name, version="1", **tag)
    yield world.user.add_version(world.name, "s3://elsewhere/3", tags=[tag])


def prompts_alias(world: World) -> Iterable[Response]:
    name, tag = f"prompt-{secrets.token_hex(4)}", {"key": "mlflow.prompt.is_prompt", "value": "true"}
    assert world.user.post("registered-models/create", name=name, tags=[tag]).status == 200
    assert world.user.add_version(name, "s3://elsewhere/model").status == 200
    yield world.user.set_alias(name, "champion", 1)
    yield world.user.delete("registered-models/delete-tag", name=name, key=tag["key"])


def rename(world: World) -> Iterable[Response]:
    for prefix in ("/api/2.0/mlflow", AJAX):
        yield world.user.post("registered-models/rename", prefix=prefix, name=world.name, new_name=f"{world.name}-old")


def rename_swap(world: World) -> Iterable[Response]:
    evil = world.user.a_model()
    yield world.user.post("registered-models/rename", name=evil, new_name=world.name)


def delete(world: World) -> Iterable[Response]:
    yield world.user.delete("registered-models/delete", name=world.name)
    yield world.user.delete("model-versions/delete", name=world.name, version="1")


def made_anew(world: World) -> Iterable[Response]:
    """An approval is for a version that was made at one moment from one source; its name and number come again."""
    name = world.user.a_model()
    approved = world.user.version(name, 1)

    def placet(question: dict[str, object]) -> tuple[int, str, bytes]:
        subject = question["subject"]
        assert isinstance(subject, dict)
        same = (subject["created_at_ms"], subject["source"]) == (approved["creation_timestamp"], approved["source"])
        return ALLOW if same else verdict("BLOCK", detail="Another version has this number.")

    assert world.user.delete("registered-models/delete", name=name).status == 200
    assert world.user.post("registered-models/create", name=name).status == 200
    assert world.user.add_version(name, "s3://elsewhere/evil").status == 200
    world.gate.answer = placet
    yield world.user.set_alias(name, "champion", 1)


def any_source(world: World) -> Iterable[Response]:
    for source in ("s3://anybody/model", f"models:/{world.name}/1"):
        yield world.user.add_version(world.name, source)


def descriptions(world: World) -> Iterable[Response]:
    text = "Approved by Placet. See http://evil.example/"
    yield world.user.call("PATCH", "registered-models/update", name=world.name, description=text, deployment_job_id="1")
    yield world.user.call("PATCH", "model-versions/update", name=world.name, version="2", description=text)


def deleting_the_workspace(world: World) -> Iterable[Response]:
    for mode in ("CASCADE", "SET_DEFAULT", "RESTRICT"):
        yield world.admin.call("DELETE", f"workspaces/team-a?mode={mode}", prefix="/api/3.0/mlflow")
        yield world.admin.call("DELETE", f"workspaces/team-a?mode={mode}", prefix="/ajax-api/3.0/mlflow")


WAYS = [
    Way(
        MODELS,
        "setting a tag `gov.*`, in any spelling",
        REFUSED,
        "reserved for Placet",
        tags("set", "gov.status", "GOV.digest", "ｇov.permit"),
        True,
    ),
    Way(MODELS, "deleting one", REFUSED, "reserved for Placet", tags("delete", "gov.status")),
    Way(MODELS, "creating a version or a model with one", REFUSED, "reserved for Placet", tags_at_creation),
    Way(
        MODELS,
        "copying the approved version",
        NOTHING,
        "neither alias nor reserved tags go along, and the copy needs its own approval",
        copy_takes_nothing_along,
    ),
    Way(
        MODELS,
        "calling the model or a version a prompt, which hides it",
        REFUSED,
        "settled when it is created",
        prompt_marks,
        True,
    ),
    Way(
        MODELS,
        "a protected alias on a prompt that holds a model",
        REFUSED,
        "asked about like a model's; the mark can't be taken off",
        prompts_alias,
    ),
    Way(MODELS, "renaming the model away", REFUSED, "Placet decides", rename, True),
    Way(
        MODELS,
        "renaming another model into its place",
        REFUSED,
        "the name is taken as long as the model is governed",
        rename_swap,
    ),
    Way(MODELS, "deleting the model or the version", REFUSED, "Placet decides", delete, True),
    Way(
        MODELS,
        "deleting and making anew: an approval for the old version 1",
        REFUSED,
        "the subject includes the moment of creation and the source",
        made_anew,
    ),
    Way(
        MODELS,
        "a new version from any source",
        NOTHING,
        "free, as training must be; it has no alias, and the digest is taken where it lies",
        any_source,
    ),
    Way(
        MODELS,
        "a source that MLflow's clients read otherwise than it is written (`?`, `#`, `%`, `..`)",
        NOTHING,
        "MLflow takes it; Placet digests nothing there, so nobody can approve it",
        tested="../../registry/test_reconcile.py::test_a_location_that_mlflow_reads_otherwise_is_not_fetched",
    ),
    Way(
        MODELS,
        "a description that claims an approval, a deployment job",
        NOTHING,
        "Placet relies on neither; the SQL store ignores the job",
        descriptions,
    ),
    Way(
        MODELS,
        "deleting the workspace that holds it, as MLflow's admin",
        REFUSED,
        "kept while a version in it is in production, approved or under review",
        deleting_the_workspace,
        True,
    ),
]
