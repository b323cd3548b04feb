"""Trying a promotion: told what a request would be told, with nothing kept but the evidence that was asked for."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client

from governance.accounts.roles import Role
from governance.approvals.models import ApprovalRequest, RequestIndex, State
from governance.audit.models import Entry
from governance.common.errors import Forbidden
from governance.evidence.models import EvidenceJob
from registry import promotions, trials
from registry.errors import AlreadyLive, RequestOpen, UnprotectedAlias
from registry.models import PromotionRequest
from tests import payloads
from tests.factories import a_user, a_version, attach

TABLES = (ApprovalRequest, PromotionRequest, RequestIndex, Entry, EvidenceJob)


def kept():
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value, is_called FROM registry_promotion_number")
        return [table.objects.count() for table in TABLES], cursor.fetchone()


def tried(cast, **changes):
    asked = {"model": str(cast.model), "version": 1, "alias": "Champion", "requester": cast.engineer}
    return trials.try_promotion(**asked | changes)


def states(trial):
    return {piece.type: piece.standing for piece in trial.evidence}


@pytest.fixture
def version(cast):
    return a_version(cast.model, number=1, trained_by=cast.engineer)


def test_it_is_told_what_is_missing_and_nothing_is_kept(cast, version):
    before = kept()
    found = tried(cast)
    assert (found.alias, found.verdict.outcome.value, found.under_way) == ("champion", "HOLD", False)
    assert set(states(found).values()) == {"not_made"}
    assert {check.outcome.value for check in found.verdict.checks} >= {"missing"}
    assert found.dataset == version.evaluation_dataset.digest
    assert kept() == before


@pytest.mark.parametrize("ratio", [0.97, 0.6])
def test_a_request_is_then_told_the_same_on_the_same_evidence(cast, version, ratio):
    asked = tried(cast)
    jobs = trials.ask_for_evidence(asked)
    assert len(jobs) == len(asked.evidence)
    assert (set(states(tried(cast)).values()), tried(cast).under_way) == ({"queued"}, True)
    assert trials.ask_for_evidence(tried(cast)) == []
    cast.attached(_as_a_promotion(asked), ratio=ratio, half=0.05)
    before = kept()
    found = tried(cast)
    assert kept() == before
    assert set(states(found).values()) == {"attached"}
    made, missing = promotions.request_promotion(
        model=str(cast.model), version=1, alias="champion", requester=cast.engineer
    )
    assert missing == []
    request = ApprovalRequest.objects.get(pk=made.approval_id)
    assert request.state == State.IN_REVIEW
    assert request.verdict == found.verdict.as_json()
    assert request.outcome == {0.97: "ALLOW", 0.6: "BLOCK"}[ratio]
    assert [str(piece.evidence) for piece in sorted(found.evidence, key=lambda piece: piece.type)] == (
        request.evidence_ids
    )


def _as_a_promotion(trial):
    class Asked:
        approval = trial.approval

    return Asked


def test_what_a_failed_job_said_is_told_and_it_is_not_made_again_by_itself(cast, version):
    trials.ask_for_evidence(tried(cast))
    job = EvidenceJob.objects.get(type="fairness/v1")
    EvidenceJob.objects.filter(pk=job.pk).update(
        state="failed", error="The model does not load.", finished_at=job.made_at
    )
    found = tried(cast)
    (piece,) = [piece for piece in found.evidence if piece.type == "fairness/v1"]
    assert (piece.standing, piece.error) == ("failed", "The model does not load.")
    assert trials.ask_for_evidence(found) == []


def test_what_a_request_would_be_refused_is_refused_alike(cast, version):
    elsewhere = a_user(Role.VALIDATOR)
    with pytest.raises(UnprotectedAlias):
        tried(cast, alias="mine")
    with pytest.raises(Forbidden, match="requests its promotions"):
        tried(cast, requester=elsewhere)
    promotions.request_promotion(model=str(cast.model), version=1, alias="champion", requester=cast.engineer)
    with pytest.raises(RequestOpen):
        tried(cast)
    cast.live(number=2)
    with pytest.raises(AlreadyLive):
        tried(cast, version=2)


def test_it_is_compared_with_what_serves(cast):
    live = cast.live(number=1)
    a_version(cast.model, number=2, trained_by=cast.engineer)
    found = tried(cast, version=2)
    assert found.approval.context["production"]["version"] == live.version.number


def test_over_the_api_evidence_is_made_where_it_is_asked_for(cast, version, monkeypatch):
    enqueued = []
    monkeypatch.setattr("registry.api.trials.enqueue", enqueued.extend)
    client = Client()
    client.force_login(cast.engineer)
    body = {"model": str(cast.model), "version": 1, "alias": "champion"}
    looked = client.post("/api/v1/promotion-checks", body, "application/json").json()
    assert (looked["verdict"], looked["under_way"], enqueued) == ("HOLD", False, [])
    assert {row["state"] for row in looked["evidence"]} == {"not_made"}
    assert [stage["signed"] for stage in looked["stages"]] == [0] * len(looked["stages"])
    made = client.post("/api/v1/promotion-checks", body | {"make_evidence": True}, "application/json").json()
    assert ({row["state"] for row in made["evidence"]}, made["under_way"]) == ({"queued"}, True)
    assert sorted(enqueued) == sorted(EvidenceJob.objects.values_list("pk", flat=True))
    wrong = client.post("/api/v1/promotion-checks", body | {"version": "x"}, "application/json")
    assert wrong.status_code == 422


def test_evidence_that_fails_one_check_alone_names_it(cast, version):
    found = tried(cast)
    attach(found.approval, payloads.fairness(ratio=0.6, half=0.05))
    outcomes = {check.id: check.outcome.value for check in tried(cast).verdict.checks}
    assert "fail" in {outcome for name, outcome in outcomes.items() if "fair" in name}
