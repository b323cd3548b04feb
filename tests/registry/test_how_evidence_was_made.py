"""A policy may ask that Placet computed evidence, and how well the model was kept apart; the rest is missing."""

from __future__ import annotations

import pytest

from governance.approvals import replay as replay_of_approvals
from governance.approvals.models import ApprovalRequest, State
from governance.evidence import fitting, levels, services
from governance.evidence.models import Evidence, EvidenceJob
from governance.evidence.producers import Product
from governance.policy.document import parse
from governance.policy.replay import replay
from governance.policy.selectors import document_of
from registry import promotions
from tests import payloads
from tests.factories import a_policy, a_policy_text, a_user, attach, state_of, submit
from tests.payloads import a_digest

FAIRNESS = "  fairness/v1:\n    max_age: P30D\n"
MEASURED = ("performance/v1", "fairness/v1", "explanation/v1")


def asking(**terms: str) -> None:
    """Put the example's policy in force, with more said below its fairness evidence."""
    text = a_policy_text()
    line = next(line for line in text.splitlines() if line.strip().startswith("fairness/v1:"))
    indent = " " * 4
    said = "".join(f"{indent}{key}: {value}\n" for key, value in terms.items())
    if "{" in line:
        inline = ", ".join(f"{key}: {value}" for key, value in terms.items())
        a_policy(text.replace(line, line.replace("{", "{" + inline + ", ", 1)))
    else:
        a_policy(text.replace(line + "\n", f"{line}\n{said}"))


def fairness() -> dict:
    return payloads.fairness()


def others(approval: ApprovalRequest) -> None:
    attach(approval, payloads.performance())
    attach(approval, payloads.explanation())


def job_of(approval: ApprovalRequest) -> EvidenceJob:
    inputs = next(row["inputs"] for row in approval.required_evidence if row["type"] == "fairness/v1")
    return EvidenceJob.objects.filter(inputs_digest=inputs).order_by("-made_at").get()


def finished(job: EvidenceJob, level: str) -> Evidence:
    attempt = services.claim(job.pk)
    return services.finish(job.pk, attempt, Product(fairness(), {levels.KEY: level}))


def checks(approval: ApprovalRequest) -> dict:
    approval.refresh_from_db()
    return {row["id"]: row for row in approval.verdict["checks"]}


def test_submitted_evidence_does_where_the_policy_says_nothing(cast):
    approval = cast.promotion().approval
    others(approval)
    submit(approval, fairness(), a_user())
    assert state_of(approval) == State.IN_REVIEW
    assert "evidence.fairness" not in checks(approval)


def test_submitted_evidence_does_not_where_the_policy_wants_it_computed(cast):
    asking(origin="computed")
    approval = cast.promotion().approval
    others(approval)
    submit(approval, fairness(), a_user())
    assert state_of(approval) == State.COLLECTING, "the job that computes it is open"
    finished(job_of(approval), "full")
    assert state_of(approval) == State.IN_REVIEW
    assert "evidence.fairness" not in checks(approval)
    assert Evidence.objects.get(pk__in=approval_ids(approval), type="fairness/v1").origin == "computed"


def approval_ids(approval: ApprovalRequest) -> list[str]:
    approval.refresh_from_db()
    return list(approval.evidence_ids)


def test_a_request_is_not_reviewed_on_submitted_evidence_because_the_job_failed(cast):
    asking(origin="computed")
    approval = cast.promotion().approval
    others(approval)
    submit(approval, fairness(), a_user())
    job = job_of(approval)
    services.fail(job.pk, services.claim(job.pk), "The model was refused.", again=False)
    assert state_of(approval) == State.COLLECTING, "it can be tried again"


@pytest.mark.parametrize(("wanted", "reached"), [("full", "separate"), ("separate", "limited"), ("full", "")])
def test_evidence_with_less_isolation_than_asked_is_missing_and_says_which_it_has(cast, wanted, reached):
    asking(isolation=wanted)
    approval = cast.promotion().approval
    others(approval)
    finished(job_of(approval), reached)
    assert state_of(approval) == State.IN_REVIEW, "nothing better is to come"
    rows = checks(approval)
    held = rows["evidence.fairness"]
    assert (held["outcome"], held["effect"]) == ("missing", "HOLD")
    said = f"says isolation {reached}" if reached else "says nothing of isolation"
    assert said in held["reason"]
    assert f"wants {wanted} at least" in held["reason"]
    ratio = next(row for row in rows.values() if row["id"].startswith("fairness."))
    assert ratio["outcome"] == "missing"
    assert said in ratio["reason"], "and so does each check that would read it"
    assert approval.verdict["outcome"] == "HOLD"


@pytest.mark.parametrize(("wanted", "reached"), [("separate", "separate"), ("separate", "full"), ("full", "full")])
def test_evidence_with_as_much_isolation_as_asked_does(cast, wanted, reached):
    asking(isolation=wanted)
    approval = cast.promotion().approval
    others(approval)
    finished(job_of(approval), reached)
    assert state_of(approval) == State.IN_REVIEW
    assert "evidence.fairness" not in checks(approval)


def test_a_new_request_measures_again_what_had_too_little_isolation(cast):
    asking(isolation="full")
    made = cast.promotion()
    others(made.approval)
    finished(job_of(made.approval), "separate")
    _, jobs = promotions.request_promotion(
        model=cast.model.name, version=made.version.number, alias="canary", requester=cast.engineer
    )
    assert [job.type for job in EvidenceJob.objects.filter(pk__in=jobs)] == ["fairness/v1"]


def test_submitted_evidence_counts_only_with_the_parameters_and_the_threshold_that_are_asked_for(cast):
    approval = cast.promotion().approval
    wanted = next(row for row in approval.required_evidence if row["type"] == "fairness/v1")
    about = {"subject_id": approval.subject_id, "subject_digest": approval.subject_digest}

    def pushed(**other):
        work = {
            "evidence_type": "fairness/v1",
            "subject_digest": approval.subject_digest,
            "subject_name": approval.subject_name,
            "subject_id": approval.subject_id,
            "dataset_digest": wanted["dataset"],
            "parameters": wanted["parameters"],
            "settings": wanted["settings"],
            **other,
        }
        return services.attach(
            **work, product=Product(fairness(), {}), producer=a_user(), origin=Evidence.Origin.SUBMITTED
        )

    pushed(parameters=wanted["parameters"] | {"min_share": 0.5})
    pushed(settings={"subject": {"decision_threshold": 0.9}})
    pushed(settings={})
    pushed(dataset_digest=a_digest("other rows"))
    pushed(subject_digest=a_digest("other bytes"))
    assert fitting.fitting(wanted, **about) is None
    good = pushed(settings=wanted["settings"] | {"baseline": {"decision_threshold": 0.4}})
    assert fitting.fitting(wanted, **about) == good
    computed = attach(approval, fairness())
    pushed()
    assert fitting.fitting(wanted, **about) == computed, "what Placet computed counts before a newer submission"


def test_levels_are_ordered_and_none_is_below_all():
    assert [levels.suffices(level, "separate") for level in ("", "limited", "separate", "full", "unheard of")] == [
        False,
        False,
        True,
        True,
        False,
    ]
    assert levels.reached({"isolation_level": "full"}) == "full"
    assert levels.reached({"isolation_level": ["full"]}) == levels.reached({}) == ""


def test_a_replay_holds_the_evidence_of_the_past_against_the_new_policy_not_the_old_one(cast):
    asking(isolation="full")
    approval = cast.promotion().approval
    others(approval)
    finished(job_of(approval), "separate")
    approval.refresh_from_db()
    past = replay_of_approvals.cases([approval])
    (lax,) = replay(parse(a_policy_text()), past)
    assert lax.missing == (), "what the policy of its time did not take is there for one that does"
    (same,) = replay(document_of(approval.policy_version), past)
    assert [row.why for row in same.missing] == ["It was made with isolation separate, and full is asked for."]
    assert same.now == approval.verdict["outcome"] == "HOLD"
