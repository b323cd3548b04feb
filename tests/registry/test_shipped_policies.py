"""The shipped policies as they are: what one asks for can be given, nothing less is enough, nobody is asked more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from governance.accounts.roles import Role
from governance.approvals.errors import AlreadyDecided, ChecksHold, NotEligible, PasskeyNeeded, ReviewMissing
from governance.audit import selectors as log
from governance.common import clock
from governance.policy import shipped
from placet.derivation import rederive
from registry.models import PromotionRequest
from registry.promotions import request_promotion
from tests import payloads
from tests.canaries import answered, counted, watched
from tests.documents.sample_snapshot import ANSWERS
from tests.factories import Cast, a_policy, a_user, accept, approve, attach, fresh, put_live, state_of
from tests.papers import reviewed, submitted
from tests.signers import Signer
from tests.validation.working import signed as validated

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast(shipped.text("high-risk"))


def documented(cast: Cast) -> None:
    for kind in ("dpia", "pen_test"):
        reviewed(submitted(cast.system, cast.owner, kind=kind), cast.validator)


def held(made: PromotionRequest) -> list[str]:
    return [row["id"] for row in fresh(made).approval.verdict["checks"] if row["effect"] == "HOLD"]


@pytest.fixture
def after_a_week_as_a_canary(cast, settings, tmp_path) -> Iterator[Signer]:
    """Version 1 went behind canary by the canary's policy a week ago, and answered what ``high-risk`` asks for."""
    settings.STORAGE_ROOT = tmp_path
    a_policy(shipped.text("high-risk-canary"))
    officer = Signer(cast.officer)
    made = cast.promotion(alias="canary")
    attach(made.approval, payloads.performance(production=False))
    attach(made.approval, payloads.fairness())
    attach(made.approval, payloads.robustness())
    attach(made.approval, payloads.data_quality())
    for check in held(made):
        accept(made.approval, cast.officer, check=check)
    with pytest.raises(PasskeyNeeded):
        approve(made.approval, cast.officer)
    officer.approve(fresh(made).approval)
    put_live(cast, fresh(made))
    began, monitor = clock.now(), watched(cast)
    with clock.frozen(began + timedelta(days=7)):
        answered(monitor, 1_000, start=began, every=timedelta(minutes=5))
        yield officer


def test_every_step_it_asks_for_leads_to_the_approval_and_none_can_be_left_out(cast, after_a_week_as_a_canary):
    validator, first, second = Signer(cast.validator), after_a_week_as_a_canary, Signer(a_user(Role.RISK_OFFICER))
    made, _ = request_promotion(model=cast.model.name, version=1, alias="champion", requester=cast.engineer)
    cast.attached(made)
    assert counted(made).payload["n"] == 1_000
    assert state_of(made.approval) == "collecting", "figures alone are not enough: two documents are missing"
    documented(cast)
    approval = fresh(made).approval
    assert state_of(approval) == "in_review"

    validated(approval, cast.validator, opinion="not_fit")
    for check in held(made):
        with pytest.raises(ChecksHold):
            validator.approve(approval)
        accept(approval, cast.officer, check=check)
    with pytest.raises(ReviewMissing, match="not fit"):
        validator.approve(approval)
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        validated(approval, cast.validator)
    with pytest.raises(PasskeyNeeded):
        approve(approval, cast.validator)
    validator.approve(approval)

    first.approve(approval)
    assert state_of(approval) == "in_review", "one risk officer is not two"
    with pytest.raises(AlreadyDecided):
        first.approve(approval)
    with pytest.raises(NotEligible):
        validator.approve(approval)
    second.approve(approval)
    assert state_of(approval) == "approved"


def test_a_version_that_was_no_canary_is_blocked_until_its_owner_s_waivers_say_why(cast):
    made = cast.promotion()
    cast.attached(made)
    counted(made)
    documented(cast)
    failed = {row["id"]: row["on_fail"] for row in fresh(made).approval.verdict["checks"] if row["outcome"] == "fail"}
    assert (fresh(made).approval.outcome, failed) == (
        "BLOCK",
        {"canary.days": "waivable", "canary.records": "waivable"},
    )


def test_minimal_risk_goes_through_without_anybody_and_stops_what_is_clearly_worse(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    answers = {key: ANSWERS[key] for key in ANSWERS.keys() - {"fraud_detection_only", "profiling"}}
    cast = Cast(shipped.text("minimal-risk"), answers=answers | {"annex_iii_uses": ["none"]}, tier=4)
    made = cast.promotion()
    assert [row["type"] for row in made.approval.required_evidence] == ["performance/v1"]
    attach(made.approval, payloads.performance(production=False))
    approval = fresh(made).approval
    assert (approval.state, approval.decisions.count()) == ("approved", 0)
    written = [(entry.seq, entry.parsed) for entry in log.entries_about_request(approval.pk)]
    assert rederive(written, str(approval.pk)).subject_digest == approval.subject_digest

    put_live(cast, fresh(made))
    worse = cast.promotion(number=2)
    attach(worse.approval, payloads.performance(auc=0.51, auc_half=0.03))
    assert state_of(worse.approval) != "approved"
    assert fresh(worse).approval.outcome == "BLOCK"
