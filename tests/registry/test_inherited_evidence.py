"""Evidence of a base where a policy lets it count: only what the base is approved on, by its name, as long as it is."""

from __future__ import annotations

import pytest

from governance.approvals import inherited
from governance.approvals import services as approvals
from governance.approvals.errors import ChecksHold
from governance.approvals.models import ApprovalRequest, State
from governance.audit.actors import System
from governance.evidence import projection
from governance.evidence import services as evidence_services
from governance.evidence.models import Evidence
from governance.evidence.producers import Product
from governance.policy import diff, shipped
from governance.policy.document import InvalidPolicy, parse
from governance.policy.publication import check
from registry import bases
from registry.models import PromotionRequest
from registry.required import _with_papers
from registry.reviewing.requester import request_page
from tests import payloads
from tests.factories import Cast, a_user, approve, fresh, state_of
from tests.outside import LLM, a_recorded_version
from tests.papers import reviewed, submitted
from tests.registry.test_bases import says
from tests.registry.test_outside_mlflow import approved, requested
from tests.validation.working import signed as validated

OWN = "submitted_document/v1: {kinds: [supplier_documents, dpia], max_age: P365D}"
INHERITS = OWN.replace("P365D}", "P365D, inherit: true}")
CHECK = "documents.supplier-days-left"


def world(settings, tmp_path, asked: str = INHERITS) -> Cast:
    settings.STORAGE_ROOT = tmp_path
    text = shipped.text("outside-mlflow")
    assert OWN in text
    return Cast(text.replace(OWN, asked))


@pytest.fixture
def cast(db, tracking, settings, tmp_path):
    """Everybody with a part in it, under a policy that lets a base's documents count."""
    return world(settings, tmp_path)


@pytest.fixture
def below(cast) -> PromotionRequest:
    """A language model, approved on its supplier's documents."""
    return approved(cast, a_recorded_version(cast.system, cast.owner, **LLM))


def above(cast, below: PromotionRequest, person=None):
    """What is built on it."""
    upper = a_recorded_version(cast.system, cast.owner)
    says(person or cast.engineer, upper, below.version)
    return upper


def checks(approval: ApprovalRequest) -> dict[str, dict]:
    return {row["id"]: row for row in approval.verdict["checks"]}


def in_force(cast, promotion: PromotionRequest) -> PromotionRequest:
    validated(fresh(promotion).approval, cast.validator)
    approve(promotion.approval, cast.validator)
    approve(promotion.approval, cast.officer)
    return fresh(promotion)


def test_what_a_base_is_approved_on_counts_and_the_verdict_says_whose_it_is(cast, below):
    promotion = requested(cast, above(cast, below))
    assert state_of(promotion.approval) == "in_review", "the DPIA is the system's, the supplier's documents the base's"
    found = fresh(promotion).approval
    row = checks(found)[CHECK]
    assert (row["outcome"], row["inherited_from"]) == ("pass", "outside_mlflow:base-llm v1")
    assert "by evidence of outside_mlflow:base-llm v1, on which it builds" in row["reason"]
    assert "inherited_from" not in checks(found)["documents.dpia-days-left"]
    shown = {row["id"]: row for row in request_page(fresh(promotion), cast.engineer)["checks"]}
    assert shown[CHECK]["evidence"]["of"] == "outside_mlflow:base-llm v1"
    read = {name: Evidence.objects.get(pk=row["evidence"]["pk"]).subject_id for name, row in shown.items()}
    assert read == {CHECK: below.version.pk, "documents.dpia-days-left": cast.system.pk}
    assert in_force(cast, promotion).approval.state == State.APPROVED


def test_documents_of_its_own_come_first(cast, below):
    upper = above(cast, below)
    reviewed(submitted(upper, cast.owner, kind="supplier_documents"), a_user("validator"))
    promotion = requested(cast, upper)
    assert "inherited_from" not in checks(fresh(promotion).approval)[CHECK]


def test_without_the_policys_word_nothing_is_inherited(db, tracking, settings, tmp_path):
    cast = world(settings, tmp_path, OWN)
    below = approved(cast, a_recorded_version(cast.system, cast.owner, **LLM))
    promotion = requested(cast, above(cast, below))
    assert state_of(promotion.approval) == "collecting"


def test_a_base_that_is_not_approved_or_was_named_afterwards_lends_nothing(cast):
    base = a_recorded_version(cast.system, cast.owner, **LLM)
    for subject, kind in ((base, "supplier_documents"), (cast.system, "dpia")):
        reviewed(submitted(subject, cast.owner, kind=kind), a_user("validator"))
    upper = a_recorded_version(cast.system, cast.owner)
    says(cast.engineer, upper, base)
    promotion = requested(cast, upper)
    assert state_of(promotion.approval) == "collecting", "documents of a base that nobody approved"
    approvals.withdraw(request_id=promotion.approval_id, requester=cast.engineer, reason="Asked too early.")
    bases.withdraw_base(word_id=bases.below(upper)[0].word.pk, person=cast.engineer)
    approved(cast, base)
    promotion = requested(cast, upper)
    says(cast.engineer, upper, base)
    approvals.collect(upper.artifact_digest, "")
    assert state_of(promotion.approval) == "collecting", "a word that came after the request"


def test_documents_on_which_the_base_was_not_approved_lend_nothing(cast, below):
    wanted = {"kind": "pen_test", "not_before": None}
    reviewed(submitted(below.version, cast.owner, kind="pen_test"), a_user("validator"))
    rows = [_with_papers(row, "pen_test") for row in bases.inheritable(above(cast, below))]
    assert len(rows) == 1
    assert inherited.of_a_base({**wanted, "inherit": rows}, asker=cast.engineer.pk) is None
    rows = [_with_papers(row, "supplier_documents") for row in rows]
    assert inherited.of_a_base({**wanted, "inherit": rows}, asker=cast.engineer.pk) is not None


def test_who_says_that_it_is_a_base_does_not_decide(cast, below):
    stater = a_user("engineer")
    promotion = requested(cast, above(cast, below, stater))
    row = next(row for row in fresh(promotion).approval.excluded if row["person"] == str(stater.pk))
    assert "evidence_producer" in row["reasons"]


def test_while_it_is_decided_on_a_base_without_approval_holds_it(cast, below):
    promotion = requested(cast, above(cast, below))
    validated(fresh(promotion).approval, cast.validator)
    approve(promotion.approval, cast.validator)
    approvals.suspend(request_id=below.approval_id, actor=System("test"), reason="Drift.")
    with pytest.raises(ChecksHold, match="has no approval in force that rests on it"):
        approve(promotion.approval, cast.officer)
    assert state_of(promotion.approval) == "in_review"


def test_an_approval_that_rests_on_a_base_is_suspended_with_it_and_one_that_does_not_is_not(cast, below):
    promotion = in_force(cast, requested(cast, above(cast, below)))
    other = approved(cast, a_recorded_version(cast.system, cast.owner, name="alone"))
    approvals.revoke(request_id=below.approval_id, actor=cast.officer, reason="Gone.")
    found = fresh(promotion).approval
    assert found.state == State.SUSPENDED
    assert "outside_mlflow:base-llm v1" in found.state_reason
    assert state_of(other.approval) == State.APPROVED


def test_only_papers_and_evaluations_may_be_a_bases():
    text = shipped.text("outside-mlflow").replace(
        "evidence:\n", "evidence:\n  performance/v1: {max_age: P90D, inherit: true}\n", 1
    )
    with pytest.raises(InvalidPolicy, match="may be a base's"):
        parse(text)
    allowed = parse(shipped.text("outside-mlflow").replace(OWN, INHERITS))
    assert check(allowed, projection.all_declared()) == []
    plain = parse(shipped.text("outside-mlflow"))
    (loosens,), (tightens,) = diff.diff(plain, allowed), diff.diff(allowed, plain)
    assert (loosens.weight, tightens.weight) == (diff.Weight.LOOSENS, diff.Weight.TIGHTENS)


EVALUATED = {"kind": "llm_evaluation", "figures": ["groundedness"]}
ASKED = "evaluation/v1: {max_age: P90D, inherit: true, parameters: {kind: llm_evaluation, figures: [groundedness]}}"
GROUNDED = """  - id: evaluation.grounded
    title: Claims that the sources hold
    expr: evidence.evaluation.figures.groundedness.low >= 0.9
    fails_if: evidence.evaluation.figures.groundedness.high < 0.9
    on_fail: block
    shows:
      value: evidence.evaluation.figures.groundedness.value
      low: evidence.evaluation.figures.groundedness.low
      high: evidence.evaluation.figures.groundedness.high
      limit: 0.9
      better: higher
    why: What the sources don't hold is made up.
    owner: risk_officer
    supports: ["ai-act:Article 15"]

"""


def evaluated(cast, version, **parameters) -> Evidence:
    """An evaluation that somebody made elsewhere."""
    return evidence_services.attach(
        evidence_type="evaluation/v1",
        subject_digest=version.artifact_digest,
        subject_name=version.subject_name,
        subject_id=version.pk,
        parameters=EVALUATED | parameters,
        settings={"subject": {"decision_threshold": version.decision_threshold}},
        producer=cast.owner,
        origin=Evidence.Origin.SUBMITTED,
        product=Product(payloads.evaluation(), {}),
    )


def test_an_evaluation_of_a_base_counts_with_the_same_parameters_and_not_with_others(db, tracking, settings, tmp_path):
    settings.STORAGE_ROOT = tmp_path
    text = shipped.text("outside-mlflow").replace(OWN, f"{INHERITS}\n  {ASKED}")
    cast = Cast(text.replace("\nchecks:\n", f"\nchecks:\n{GROUNDED}"))
    base = a_recorded_version(cast.system, cast.owner, **LLM)
    made = evaluated(cast, base)
    approved(cast, base)
    promotion = requested(cast, upper := above(cast, promotion_of(base)))
    row = checks(fresh(promotion).approval)["evaluation.grounded"]
    assert (row["outcome"], row["inherited_from"]) == ("pass", str(base))
    (wanted,) = [row for row in fresh(promotion).approval.required_evidence if row["type"] == "evaluation/v1"]
    assert inherited.of_a_base(wanted, asker=cast.engineer.pk) == made
    other = {**wanted, "parameters": EVALUATED | {"figures": ["toxicity"]}}
    late = {**wanted, "not_before": "2027-01-01T00:00:00Z"}
    for changed in (other, late):
        assert inherited.of_a_base(changed, asker=cast.engineer.pk) is None
    own = evaluated(cast, upper)
    approvals.withdraw(request_id=promotion.approval_id, requester=cast.engineer, reason="It has one of its own now.")
    again = requested(cast, upper)
    assert str(own.pk) in fresh(again).approval.evidence_ids
    assert "inherited_from" not in checks(fresh(again).approval)["evaluation.grounded"]


def promotion_of(version) -> PromotionRequest:
    return PromotionRequest.objects.select_related("version__model").get(version=version)
