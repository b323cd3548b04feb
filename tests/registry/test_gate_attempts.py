"""Every attempt at the gate stands in the log, whatever came with it."""

from __future__ import annotations

import json

import pytest
from django.conf import settings

from governance.approvals import services
from governance.audit.models import Entry
from registry import gate, promotions
from registry.gate_reading import Facts, facts_of

GRANTS = ["", " ", "x" * 201, "x" * 4096, "\u00ff" * 300]


@pytest.mark.parametrize("grant", GRANTS, ids=["empty", "a space", "longer than ours", "longest", "not ASCII"])
def test_an_attempt_with_a_grant_that_is_none_is_refused_and_logged(db, client, settings, grant):
    settings.GATE_TOKEN = "gate-token"
    asked = {
        "identity": {"username": "ml-engineer", "source": "basic-auth"},
        "action": "alias.set",
        "subject": {"workspace": "default", "name": "credit", "version": "7"},
        "detail": {"alias": "champion"},
        "grant": grant,
    }
    headers = {"Authorization": "Bearer gate-token"}
    answer = client.post("/api/v1/gate/decisions", asked, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["verdict"]) == (200, "BLOCK"), answer.content
    logged = [json.loads(body) for body in Entry.objects.values_list("body", flat=True)]
    assert [said["data"]["model"] for said in logged if said["event"] == "gate.refused"] == ["credit"]


@pytest.mark.parametrize("number", [None, "", "seven", "0", -1, 2**40, True, [1], {}])
def test_what_is_no_number_belongs_to_no_version(cast, number):
    made = cast.promotion(number=1)
    known = facts_of(model=str(cast.model), number="1", alias="champion")
    assert (known.promotion, known.approval_state) == (made, made.approval.state)
    found = facts_of(model=str(cast.model), number=number, alias="champion")
    assert found.registered == cast.model
    assert found.promotion == (made if number is True else None)


def test_the_newest_promotion_of_the_version_to_the_alias_counts(cast):
    first = cast.promotion(number=1)
    assert facts_of(model=str(cast.model), number=1, alias="challenger").promotion is None
    assert facts_of(model=str(cast.model), number=2, alias="champion").promotion is None
    assert facts_of(model=f"team-a:{cast.model}", number=1, alias="champion") == Facts(None, None, None, 0)
    services.withdraw(request_id=first.approval_id, requester=cast.engineer, reason="Asked for too early.")
    again, _ = promotions.request_promotion(
        model=str(cast.model), version=first.version.number, alias="champion", requester=cast.engineer
    )
    assert facts_of(model=str(cast.model), number=1, alias="champion").promotion == again


def test_a_refusal_reads_once_and_writes_once(cast, django_assert_num_queries):
    asked = {"name": str(cast.model), "version": "1"}
    identity = {"username": settings.MLFLOW_SERVICE_USER}
    with django_assert_num_queries(4):  # two of them begin and end the test's savepoint
        answer = gate.decide(
            identity=identity, action="alias.set", subject=asked, detail={"alias": "champion"}, grant=None
        )
    assert (answer.verdict, answer.configuration) == ("BLOCK", 0)
