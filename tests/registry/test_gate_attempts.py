"""Every attempt at the gate stands in the log, whatever came with it."""

from __future__ import annotations

import json

import pytest

from governance.audit.models import Entry

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
