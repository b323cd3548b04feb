"""Ways around the gate by the registry's own writes, over HTTP."""

# ruff: noqa: RUF001  (letters that look like others are what is tried)

import json
import secrets
from collections.abc import Iterable

from tests.client.mlflow_plugin.bypasses import Attempt, Outcome, Way, World
from tests.client.mlflow_plugin.conftest import Response, Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, BLOCK, TOKEN, verdict

AJAX = "/ajax-api/2.0/mlflow"
SPELLINGS = (
    "Champion",
    "CHAMPION",
    " champion",
    "champion ",
    "champion\n",
    "\tchampion",
    "ｃｈａｍｐｉｏｎ",
    "𝐜𝐡𝐚𝐦𝐩𝐢𝐨𝐧",
    "ⓒhampion",
)
LOOK_ALIKES = ("сhampion", "champıon", "cham\u200bpion", "cham\u00adpion")
REFUSED, NOTHING = Outcome.REFUSED, Outcome.NOTHING


def alias_by_client(world: World) -> Iterable[Response]:
    import os

    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    names = {"MLFLOW_TRACKING_USERNAME": world.user.username, "MLFLOW_TRACKING_PASSWORD": world.user.password}
    if workspace := world.user.headers.get("X-MLFLOW-WORKSPACE"):
        names["MLFLOW_WORKSPACE"] = workspace
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        MlflowClient(world.server.url).set_registered_model_alias(world.name, "champion", "2")
    except MlflowException as error:
        yield Response(error.get_http_status_code(), {"message": str(error)})
    else:
        yield Response(200, {})
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def set_alias(*aliases: str, version: str = "2", **more: object) -> Attempt:
    def attempt(world: World) -> Iterable[Response]:
        for alias in aliases:
            for prefix in ("/api/2.0/mlflow", AJAX):
                body = {"name": world.name, "alias": alias, "version": version, **more}
                yield world.user.post("registered-models/alias", prefix=prefix, **body)

    return attempt


def alias_by_query(world: World) -> Iterable[Response]:
    query = f"/api/2.0/mlflow/registered-models/alias?name={world.name}&alias=champion&version=2"
    for override in ({}, {"X-HTTP-Method-Override": "POST"}, {"Content-Type": "application/x-www-form-urlencoded"}):
        headers = {**world.user.headers, "Content-Type": "application/json", **override}
        yield world.user.send("POST", query, headers=headers)
        yield world.user.send("PUT", query, headers=headers)


def alias_by_body(world: World) -> Iterable[Response]:
    twice = f'{{"name": "{world.name}", "alias": "challenger", "alias": "champion", "version": "2"}}'
    escaped = f'{{"name": "{world.name}", "alias": "\\u0063hampion", "version": "2"}}'
    for body in (twice, escaped):
        headers = {**world.user.headers, "Content-Type": "application/json"}
        yield world.user.send("POST", "/api/2.0/mlflow/registered-models/alias", content=body.encode(), headers=headers)


def alias_by_other_prefixes(world: World) -> Iterable[Response]:
    body = json.dumps({"name": world.name, "alias": "champion", "version": "2"}).encode()
    for path in (
        "//api/2.0/mlflow/registered-models/alias",
        "/api/2.0/mlflow/registered-models/alias/",
        "/api/2.0/mlflow/registered-models/%61lias",
        "/api/2.0/preview/mlflow/registered-models/alias",
        "/api/3.0/mlflow/registered-models/alias",
    ):
        yield world.user.send(
            "POST", path, content=body, headers={**world.user.headers, "Content-Type": "application/json"}
        )


def delete_alias(world: World) -> Iterable[Response]:
    for prefix in ("/api/2.0/mlflow", AJAX):
        yield world.user.delete("registered-models/alias", prefix=prefix, name=world.name, alias="champion")


def alias_of_a_look_alike(world: World) -> Iterable[Response]:
    for alias in LOOK_ALIKES:
        yield world.user.set_alias(world.name, alias, 2)
        assert (
            world.admin.get(f"registered-models/alias?name={world.name}&alias=champion")["model_version"]["version"]
            == "1"
        )
        yield world.user.delete("registered-models/alias", name=world.name, alias=alias)


def by_the_admin(world: World) -> Iterable[Response]:
    yield world.admin.set_alias(world.name, "champion", 2)
    yield world.admin.delete("registered-models/delete", name=world.name)


def with_a_forged_identity(world: World) -> Iterable[Response]:
    claims = {"X-Forwarded-User": "placet", "X-Placet-Proxy-Secret": "x" * 40, "Remote-User": "placet"}
    yield world.user.set_alias(world.name, "champion", 2, headers=claims)
    assert world.gate.asked("alias.set")[-1]["identity"] == {"username": world.user.username, "source": "basic-auth"}
    yield Rest(world.server, "placet", "guessed").set_alias(world.name, "champion", 2)
    nobody = Rest(world.server, "", "")
    nobody.headers = {}
    yield nobody.set_alias(world.name, "champion", 2)


def with_a_made_up_grant(world: World) -> Iterable[Response]:
    world.gate.answer = lambda question: ALLOW if question["grant"] == "the real one" else BLOCK
    for grant in ("guessed", TOKEN, "x" * 5000):
        yield world.user.set_alias(world.name, "champion", 2, headers={"X-Placet-Grant": grant})


def making_oneself_an_admin(world: World) -> Iterable[Response]:
    yield world.user.call("PATCH", "users/update-admin", username=world.user.username, is_admin=True)


def stage(*stages: str, version: str = "2", archive: bool = False) -> Attempt:
    def attempt(world: World) -> Iterable[Response]:
        for name in stages:
            for prefix in ("/api/2.0/mlflow", AJAX):
                body = {"name": world.name, "version": version, "stage": name, "archive_existing_versions": archive}
                yield world.user.post("model-versions/transition-stage", prefix=prefix, **body)

    return attempt


def number_of_another(world: World) -> Iterable[Response]:
    for version in ("02", "2 ", "+2", "２", "2.0", "latest", "-1"):
        yield world.user.post("registered-models/alias", name=world.name, alias="champion", version=version)


def graphql(world: World) -> Iterable[Response]:
    headers = {**world.user.headers, "Content-Type": "application/json"}
    listed = "{ __schema { mutationType { fields { name } } } }"
    evil = f'mutation {{ setRegisteredModelAlias(name: "{world.name}", alias: "champion", version: "2") {{ name }} }}'
    for query in (listed, evil):
        yield world.user.send("POST", "/graphql", content=json.dumps({"query": query}).encode(), headers=headers)
    answer = world.user.send("POST", "/graphql", content=json.dumps({"query": listed}).encode(), headers=headers)
    fields = {field["name"] for field in answer.body["data"]["__schema"]["mutationType"]["fields"]}
    assert fields == {"mlflowSearchDatasets", "mlflowSearchRuns", "testMutation"}, "MLflow can write by GraphQL now"


def commands_on_the_server(world: World) -> Iterable[Response]:
    for method, path in (
        ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
        ("PUT", "/ajax-api/3.0/mlflow/assistant/config"),
        ("GET", "/ajax-api/3.0/mlflow/%61ssistant/providers"),
        ("POST", "/ajax-api/3.0/jobs/"),
        ("POST", "/ajax-api/3.0/jobs"),
    ):
        for who in (world.user, world.admin):
            yield who.send(method, path, content=b'{"message": "psql", "job_name": "x", "params": {}}')


def webhooks(world: World) -> Iterable[Response]:
    hook = {"name": f"hook-{secrets.token_hex(4)}", "url": "https://placet.example/hook"}
    made = world.admin.post("webhooks", **hook, events=[{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}])
    yield made
    number = made.body.get("webhook", {}).get("webhook_id", "none")
    yield world.admin.call("PATCH", f"webhooks/{number}", status="DISABLED")
    yield world.admin.delete(f"webhooks/{number}")


def placet_down(world: World) -> Iterable[Response]:
    with world.gate.down():
        yield from set_alias("champion")(world)


def not_a_yes(world: World) -> Iterable[Response]:
    for answer in (verdict("allow"), verdict(True), (200, "text/html", b"ALLOW"), (500, "application/json", b"{}")):
        world.gate.answer = lambda _question, answer=answer: answer  # type: ignore[misc]
        yield world.user.set_alias(world.name, "champion", 2)


ALIASES, OTHER = "Aliases and stages", "Other doors of the server"
WAYS = [
    Way(
        ALIASES,
        "MLflow's client sets the alias",
        REFUSED,
        "Placet decides on each write of a protected alias",
        alias_by_client,
        True,
    ),
    Way(
        ALIASES,
        "REST, under `/api` and the UI's `/ajax-api`",
        REFUSED,
        "all routes reach one store, and the gate is that store",
        set_alias("champion", "canary", "production", "prod"),
        True,
    ),
    Way(
        ALIASES,
        "other spellings: case, white space, full-width, bold, circled letters",
        REFUSED,
        "names are compared folded (NFKC, case, space)",
        set_alias(*SPELLINGS),
        True,
    ),
    Way(
        ALIASES,
        "letters that only look alike (Cyrillic, dotless i, zero width)",
        NOTHING,
        "another alias; `@champion` still is the approved version",
        alias_of_a_look_alike,
    ),
    Way(
        ALIASES,
        "arguments in the address, other methods, `X-HTTP-Method-Override`, forms",
        REFUSED,
        "MLflow does not read them, or the gate sees what MLflow read",
        alias_by_query,
    ),
    Way(
        ALIASES,
        "a key twice in the body, escaped letters",
        REFUSED,
        "the gate sees what MLflow's parser read",
        alias_by_body,
    ),
    Way(
        ALIASES,
        "other prefixes, `//`, a slash at the end, an escaped path",
        REFUSED,
        "no such route, or the same store",
        alias_by_other_prefixes,
    ),
    Way(
        ALIASES,
        "the version's number in another form, or `latest`",
        REFUSED,
        "the gate asks about the version that MLflow finds",
        number_of_another,
    ),
    Way(ALIASES, "deleting the alias", REFUSED, "Placet decides", delete_alias, True),
    Way(ALIASES, "MLflow's own admin does it", REFUSED, "the gate asks about admins, too", by_the_admin, True),
    Way(
        ALIASES,
        "a forged identity: proxy headers, a wrong password, none",
        REFUSED,
        "only what was proved counts",
        with_a_forged_identity,
        True,
    ),
    Way(
        ALIASES,
        "a grant that was made up",
        REFUSED,
        "Placet knows its grants; each is for one call",
        with_a_made_up_grant,
    ),
    Way(
        ALIASES,
        "a permit to go back, with a grant so long that Placet can't be asked",
        REFUSED,
        "a question that Placet does not take is no silence; a permit counts only in that",
        tested="test_offline_permits.py::test_a_question_that_placet_does_not_take_opens_no_permit",
    ),
    Way(
        ALIASES,
        "a permit to go back that was copied before a revocation, while Placet is down",
        REFUSED,
        "Placet named it as withdrawn when it was last heard",
        tested="test_offline_permits.py::test_a_permit_that_placet_took_back_opens_nothing_also_after_a_restart",
    ),
    Way(ALIASES, "making oneself an admin", REFUSED, "MLflow's own rule; it would not help", making_oneself_an_admin),
    Way(
        ALIASES,
        "stage Production in any spelling",
        REFUSED,
        "Placet decides",
        stage("Production", "production", "PRODUCTION", " Production ", "ｐroduction"),
        True,
    ),
    Way(
        ALIASES,
        "unseating what stands in Production",
        REFUSED,
        "leaving the stage needs Placet's word, too",
        stage("Archived", "None", "Staging", version="1"),
    ),
    Way(
        ALIASES,
        "archiving it along with another version's transition",
        NOTHING,
        "that archives only what stands in the same stage",
        stage("Staging", archive=True),
    ),
    Way(ALIASES, "Placet is down", REFUSED, "the gate fails closed", placet_down, True),
    Way(
        ALIASES,
        "an answer that is not quite a yes",
        REFUSED,
        "only HTTP 200, JSON and the word `ALLOW` pass",
        not_a_yes,
    ),
    Way(
        ALIASES,
        "Placet hangs or sends a byte a second",
        REFUSED,
        "one deadline of 2.5 s for all of the answer",
        tested="test_failing_closed.py::test_with_placet_hanging_the_user_has_the_refusal_within_the_deadline",
    ),
    Way(OTHER, "GraphQL", NOTHING, "its three mutations search or do nothing; a fourth fails the test", graphql),
    Way(
        OTHER,
        "MLflow's assistant and jobs, which run commands and hold the database's address",
        REFUSED,
        "closed on a governed server, and job execution must be off",
        commands_on_the_server,
    ),
    Way(
        OTHER,
        "disabling or deleting Placet's webhook",
        NOTHING,
        "it only hints; the reconciler polls, and reports a hook that is off",
        webhooks,
    ),
    Way(
        OTHER,
        "starting the server with half a gate: stock scheme, broken plugin, without the app, without Placet's address",
        REFUSED,
        "it does not start, serves no registry, or lets no protected write pass",
        tested="test_half_installed.py::test_a_server_whose_plugin_is_broken_serves_no_registry_at_all",
    ),
    Way(
        OTHER,
        "a write method that a new MLflow brings",
        REFUSED,
        "the server does not start, and a test fails",
        tested="test_surface.py::test_a_method_that_a_new_mlflow_adds_is_noticed",
    ),
]
