"""Moving a protected alias or stage on a live MLflow server, by every way a user has."""

import pytest

from tests.client.mlflow_plugin.conftest import ENGINEER, Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, DecisionServer, Question, configured, verdict


def allow_version(number: str):
    """Return an answer that lets exactly that version through, as an approval for it would."""

    def answer(question: Question):
        return ALLOW if question["subject"]["version"] == number else verdict("BLOCK", detail="Not approved.")

    return answer


@pytest.mark.parametrize("prefix", ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow"])
@pytest.mark.parametrize(
    "alias", ["champion", "Champion", "champion\n", "\uff43hampion", "CANARY", "production", "prod"]
)
def test_a_protected_alias_is_refused_however_it_is_written_and_whatever_the_route(
    engineer: Rest, alias: str, prefix: str
):
    name = engineer.a_model()
    refused = engineer.set_alias(name, alias, 1, prefix=prefix)
    assert (refused.status, refused.body["error_code"]) == (403, "PERMISSION_DENIED")
    assert engineer.aliases(name) == {}


def test_what_no_log_could_hold_is_asked_about_all_the_same(engineer: Rest, gate: DecisionServer):
    """MLflow looks at an alias only after the gate; an attempt that Placet can't write down would leave no trace."""
    gate.configuration, before = configured(2, ["champion", "prod-*"], every_s=1), gate.configuration
    gate.answer = lambda _question: verdict("BLOCK", configuration=2)
    name = engineer.a_model()
    seen = len(gate.check_ins)
    try:
        assert engineer.set_alias(name, "champion", 1).status == 403
        gate.wait_for_check_in(after=seen)
        for alias in ("champion" + " " * 70_000, "prod-\0"):
            assert engineer.set_alias(name, alias, 1).status == 403
    finally:
        gate.configuration = before
        gate.answer = lambda _question: verdict("BLOCK", configuration=1)
        engineer.set_alias(name, "champion", 1)
    said = [question["detail"]["alias"] for question in gate.asked("alias.set")]
    assert said[1:3] == ["champion" + " " * 1992, "prod-\ufffd"]


def test_the_refusal_says_what_why_and_what_to_do(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model(versions=2)
    assert engineer.set_alias(name, "champion", 2).message == (
        f"Placet refused to set alias 'champion' on '{name}' version 2: There is no approval for it. "
        f"To get it there, run `placet request {name} 2 --to champion`. See http://placet.example/requests/7"
    )
    gate.answer = lambda _question: verdict("HOLD", detail="Approved; run `placet apply 7`")
    assert engineer.set_alias(name, "champion", 2).message == (
        f"Placet refused to set alias 'champion' on '{name}' version 2: Approved; run `placet apply 7`"
    )


def test_only_the_version_that_placet_allows_gets_the_alias(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model(versions=2)
    gate.answer = allow_version("1")
    assert engineer.set_alias(name, "champion", 1).status == 200
    assert engineer.set_alias(name, "champion", 2).status == 403
    assert engineer.aliases(name) == {"champion": "1"}


def test_placet_is_told_everything_the_approval_is_bound_to(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()
    registered = engineer.version(name, 1)
    engineer.set_alias(name, "Champion", 1, headers={"X-Placet-Grant": "grant-7"})
    assert gate.asked("alias.set") == [
        {
            "identity": {"username": ENGINEER, "source": "basic-auth"},
            "action": "alias.set",
            "subject": {
                "workspace": "default",
                "name": name,
                "version": "1",
                "created_at_ms": registered["creation_timestamp"],
                "source": "s3://models/1",
                "storage_location": "s3://models/1",
                "run_id": None,
            },
            "detail": {"alias": "Champion", "stage": None, "key": None, "new_name": None, "path": None},
            "grant": "grant-7",
        }
    ]


def test_other_aliases_pass_without_a_question(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()
    assert engineer.set_alias(name, "challenger", 1).status == 200
    assert engineer.delete("registered-models/alias", name=name, alias="challenger").status == 200
    assert {request.question["action"] for request in gate.requests_about(name)} <= {"version.create"}


def test_taking_a_protected_alias_off_needs_placets_word(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()
    gate.answer = lambda _question: ALLOW
    engineer.set_alias(name, "champion", 1)
    gate.answer = lambda _question: verdict("BLOCK", detail="Ask the risk officer.")
    refused = engineer.delete("registered-models/alias", name=name, alias="champion")
    assert (refused.status, engineer.aliases(name)) == (403, {"champion": "1"})
    assert "delete alias 'champion'" in refused.message
    assert gate.asked("alias.delete")[0]["subject"]["version"] == "1"
    gate.answer = lambda _question: ALLOW
    assert engineer.delete("registered-models/alias", name=name, alias="champion").status == 200
    assert engineer.aliases(name) == {}


@pytest.mark.parametrize("stage", ["Production", "production", "PRODUCTION"])
def test_the_stage_production_is_refused_in_any_case(engineer: Rest, stage: str):
    name = engineer.a_model()
    refused = engineer.post(
        "model-versions/transition-stage", name=name, version="1", stage=stage, archive_existing_versions=True
    )
    assert refused.status == 403
    assert f"`placet request {name} 1 --to champion`" in refused.message
    assert engineer.version(name, 1)["current_stage"] == "None"


def test_other_stages_are_free_but_leaving_production_is_not(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()

    def move(stage: str) -> int:
        return engineer.post("model-versions/transition-stage", name=name, version="1", stage=stage).status

    assert move("Staging") == 200
    assert gate.asked("stage.transition") == []
    gate.answer = lambda _question: ALLOW
    assert move("Production") == 200
    gate.answer = lambda _question: verdict("BLOCK")
    assert move("Archived") == 403
    assert engineer.version(name, 1)["current_stage"] == "Production"


def test_the_same_number_after_delete_and_recreate_is_another_version_to_placet(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()
    approved = engineer.version(name, 1)["creation_timestamp"]
    gate.answer = lambda question: ALLOW if question["subject"]["created_at_ms"] == approved else verdict("BLOCK")
    assert engineer.delete("registered-models/delete", name=name).status == 200
    assert engineer.post("registered-models/create", name=name).status == 200
    assert engineer.add_version(name, "s3://models/1").status == 200
    assert engineer.set_alias(name, "champion", 1).status == 403
    [question] = gate.asked("alias.set")
    assert question["subject"]["version"] == "1"
    assert question["subject"]["created_at_ms"] > approved


def test_a_version_swapped_while_placet_decides_does_not_get_the_alias(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()

    def swap_then_allow(question: Question):
        if question["action"] == "alias.set":
            engineer.delete("registered-models/delete", name=name)
            engineer.post("registered-models/create", name=name)
            engineer.add_version(name, "s3://models/evil")
        return ALLOW

    gate.answer = swap_then_allow
    refused = engineer.set_alias(name, "champion", 1)
    assert (refused.status, engineer.aliases(name)) == (403, {})
    assert "was replaced" in refused.message


def test_an_admin_of_mlflow_is_gated_like_everybody(admin: Rest):
    name = admin.a_model()
    assert admin.set_alias(name, "champion", 1).status == 403


def test_unknown_models_versions_and_aliases_get_mlflows_own_answer(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()
    assert engineer.set_alias(name, "champion", 9).body["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    gate.answer = lambda _question: ALLOW
    assert engineer.set_alias(name, "no good", 1).body["error_code"] == "INVALID_PARAMETER_VALUE"


def test_graphql_has_no_way_to_write(engineer: Rest):
    name = engineer.a_model()
    query = f'mutation {{ mlflowSetRegisteredModelAlias(input: {{name: "{name}", alias: "champion", version: "1"}}) }}'
    answer = engineer.call("POST", "graphql", prefix="", query=query)
    assert "errors" in answer.body, answer
    assert engineer.aliases(name) == {}
