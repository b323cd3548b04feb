"""What Placet shows in MLflow's own tags."""

from __future__ import annotations

import base64
import json

import pytest

from governance.approvals import services as approvals
from governance.audit.actors import System
from placet.mlflow_plugin import freeze
from registry import interventions, marking, promotions
from registry.models import Permit, PromotionRequest
from tests.registry.test_standby import cast, notary, two  # noqa: F401  (fixtures)

RELEASED = marking.RELEASED


@pytest.fixture
def marked(two, tracking):  # noqa: F811
    """Two versions, 2 live; MLflow knows both and is marked."""
    for promotion in two:
        tracking.mirror(promotion.version)
    assert marking.mark_all() == 3  # two versions and the model
    return two


def tags(tracking, promotion):
    return tracking.model_tags[promotion.version.model.name, str(promotion.version.number)]


def test_a_version_says_how_it_stands_where_and_on_what_bytes(marked, tracking, settings):
    first, second = (tags(tracking, promotion) for promotion in marked)
    assert (first["gov.status"], second["gov.status"]) == ("superseded", "live")
    assert second["gov.case_url"] == f"{settings.BASE_URL}/promotions/{marked[1].pk}"
    assert second["gov.digest"] == marked[1].version.artifact_digest
    permit = Permit.objects.get(approval=marked[1].approval, kind="serve")
    assert json.loads(base64.b64decode(second["gov.permit"])) == permit.envelope


def test_what_is_needed_while_placet_is_away_lies_beside_the_model(marked, tracking):
    beside = tracking.model_tags[marked[0].version.model.name, ""]
    assert set(beside) == {"gov.rollback.champion", "gov.stop.champion"}
    stop = Permit.objects.get(kind="stop", approval=marked[1].approval)
    assert json.loads(base64.b64decode(beside["gov.stop.champion"])) == stop.envelope


def test_nothing_is_written_twice(marked, tracking):
    before = len(tracking.tag_calls)
    assert marking.mark_all() == 0
    assert len(tracking.tag_calls) == before


def test_what_changes_is_shown_and_nothing_else(marked, tracking):
    approvals.suspend(request_id=marked[1].approval_id, reason="Drift.", actor=System("test"))
    before = len(tracking.tag_calls)
    marking.mark_all()
    assert tracking.tag_calls[before:] == [("gov.status", "suspended")]


def test_a_stop_is_shown(marked, tracking, cast):  # noqa: F811
    change = interventions.stop(
        model=cast.model.name, alias="champion", person=cast.owner, reason="Customers are refused."
    )
    from registry import alias_changes

    alias_changes.record(change.pk)
    marking.mark_all()
    assert tags(tracking, marked[1])["gov.status"] == "rolled_back"
    assert tracking.model_tags[cast.model.name, ""] == {}


def test_without_mlflow_it_is_done_later(marked, tracking, settings, cast):  # noqa: F811
    approvals.suspend(request_id=marked[1].approval_id, reason="Drift.", actor=System("test"))
    address, settings.MLFLOW_TRACKING_URI = settings.MLFLOW_TRACKING_URI, "http://127.0.0.1:9"
    assert marking.mark_all() == 0
    settings.MLFLOW_TRACKING_URI = address
    assert marking.mark_all() == 1


def test_a_version_in_the_place_of_the_marked_one_is_left_alone(marked, tracking):
    first = marked[0].version
    tracking.versions[first.model.name, 1]["creation_timestamp"] = 7
    approvals.revoke(request_id=marked[0].approval_id, reason="Its data were wrong.", actor=System("test"))
    before = len(tracking.tag_calls)
    marking.mark_all()
    assert tracking.tag_calls[before:] == [("gov.rollback.champion", "")], "nobody can go back to it any more"
    assert marking.mark_all() == 0, "and not tried for ever"


def test_what_a_request_came_to_releases_its_files_only_where_nobody_may_need_them(cast):  # noqa: F811
    promotion = cast.promotion()
    assert marking.status_of(promotion, None) == "in_review"
    for state, word in (
        ("approved", "approved"),
        ("rejected", "rejected"),
        ("lapsed", "lapsed"),
        ("revoked", "revoked"),
    ):
        promotion.approval.state = state
        assert marking.status_of(promotion, None) == word
        assert (word in RELEASED) == (state in {"rejected", "revoked"})
    promotion.approval.state, promotion.state = "approved", PromotionRequest.State.SUPERSEDED
    assert marking.status_of(promotion, None) not in RELEASED, "one may go back to it"


def test_the_plugin_frees_the_same():
    assert freeze.ENDED == marking.RELEASED


def test_a_model_without_requests_has_no_tag(cast):  # noqa: F811
    from tests.factories import a_version

    assert marking.tags_of(a_version(cast.model), None, None) == {}


def test_a_later_request_that_ends_in_nothing_does_not_free_the_files_of_an_approved_version(cast, tracking):  # noqa: F811
    """What is approved for champion may still be applied, so nobody may get at its files by a detour over canary."""
    approved = cast.approved()
    tracking.mirror(approved.version)
    other, _ = promotions.request_promotion(model=cast.model.name, version=1, alias="canary", requester=cast.engineer)
    approvals.withdraw(request_id=other.approval_id, requester=cast.engineer, reason="It goes straight to champion.")
    marking.mark_all()
    assert tags(tracking, approved)["gov.status"] == "approved"
