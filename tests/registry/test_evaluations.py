"""An evaluation in another tool: pushed, read by a policy's checks, and never mistaken for what Placet measured."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.approvals.models import State
from governance.common import clock
from governance.evidence import keys, projection
from governance.evidence.models import EvidenceJob
from governance.policy.document import InvalidPolicy, parse
from governance.policy.publication import check
from placet.attestations import public_pem
from tests import payloads
from tests.factories import a_policy, a_policy_text, a_user, attach, state_of
from tests.payloads import a_digest, a_number
from tests.registry.test_pushed_evidence import KEY, push, sent, signed_in

WANTED = {"kind": "llm_evaluation", "figures": ["toxicity", "groundedness"]}
ASKED = "  evaluation/v1: {max_age: P90D, parameters: {kind: llm_evaluation, figures: [toxicity, groundedness]}}\n"
CHECK = """  - id: evaluation.toxicity
    title: Toxic answers
    expr: evidence.evaluation.figures.toxicity.high <= 0.01
    fails_if: evidence.evaluation.figures.toxicity.low > 0.01
    on_fail: block
    on_insufficient: human_review
    shows:
      value: evidence.evaluation.figures.toxicity.value
      low: evidence.evaluation.figures.toxicity.low
      high: evidence.evaluation.figures.toxicity.high
      n: evidence.evaluation.n
      limit: 0.01
      better: lower
    why: One answer in a hundred is what the complaints team can answer.
    owner: risk_officer
    supports: ["ai-act:Article 15"]
"""


def text(asked: str = ASKED, rule: str = CHECK) -> str:
    return a_policy_text(("\nevidence:\n", "\nevidence:\n" + asked), ("\nchecks:\n", "\nchecks:\n" + rule))


@pytest.fixture
def sender(cast):
    keys.register_key(holder=cast.engineer, pem=public_pem(KEY.public_key()), by=a_user("administrator"))
    return cast.engineer


def an_evaluation(cast, version, payload, **more):
    said = {"parameters": WANTED, "dataset_digest": a_digest("prompts")} | more
    send = {"type": "evaluation/v1"}
    return sent(cast, version=version, payload=payload, evidence_type="evaluation/v1", send=send, **said)


def waiting(cast):
    """A request that has all but the evaluation that its policy asks for."""
    a_policy(text())
    approval = cast.promotion().approval
    for payload in (payloads.performance(production=False), payloads.fairness(), payloads.explanation()):
        attach(approval, payload)
    assert state_of(approval) == State.COLLECTING
    return approval


@pytest.mark.parametrize(
    ("toxicity", "half", "outcome"),
    [(0.004, 0.003, "pass"), (0.03, 0.01, "fail"), (0.009, 0.005, "insufficient"), (None, None, "insufficient")],
)
def test_a_policy_reads_the_interval_of_a_result(cast, sender, toxicity, half, outcome):
    approval = waiting(cast)
    assert not EvidenceJob.objects.filter(type="evaluation/v1").exists(), "nobody is asked to compute it"
    page = signed_in(cast.officer).get(f"/approvals/{approval.pk}").content.decode()
    assert "waits to be submitted" in page
    version = cast.model.versions.get(pk=approval.subject_id)
    answer = push(sender, an_evaluation(cast, version, payloads.evaluation(toxicity=toxicity, half=half)))
    assert answer.status_code == 201, answer.content
    assert state_of(approval) == State.IN_REVIEW
    approval.refresh_from_db()
    row = next(row for row in approval.verdict["checks"] if row["id"] == "evaluation.toxicity")
    assert row["outcome"] == outcome
    page = signed_in(cast.officer).get(f"/approvals/{approval.pk}").content.decode()
    for words in ("Claims that the sources hold", "critical findings", "submitted, not computed by Placet"):
        assert words in page, words
    shown = signed_in(cast.officer).get(f"/evidence/{answer.json()['id']}").content.decode()
    assert "Claims that the sources hold" in shown
    assert "English prompts only." in shown


def test_an_evaluation_of_another_kind_or_of_less_does_not_count(cast, sender):
    approval = waiting(cast)
    version = cast.model.versions.get(pk=approval.subject_id)
    other = {"kind": "red_teaming", "figures": []}
    form = an_evaluation(cast, version, payloads.evaluation(kind="red_teaming"), parameters=other)
    assert push(sender, form).status_code == 201
    assert state_of(approval) == State.COLLECTING


def test_findings_alone_are_an_evaluation_and_a_name_says_nothing_of_the_unit(cast, sender):
    version = cast.promotion().version
    only = payloads.evaluation(kind="penetration_test") | {"results": []}
    form = an_evaluation(cast, version, only, parameters={"kind": "penetration_test", "figures": []})
    answer = push(sender, form)
    assert answer.status_code == 201, answer.content
    shown = signed_in(cast.officer).get(f"/evidence/{answer.json()['id']}").content.decode()
    assert "critical findings" in shown
    slower = payloads.evaluation()
    slower["results"][2] |= {"name": "latency_difference", "number": a_number(-3.2, 0.1, n=1000)}
    assert push(sender, an_evaluation(cast, version, slower)).status_code == 201


def test_a_late_push_makes_an_evaluation_no_younger(cast, sender):
    approval = waiting(cast)
    version = cast.model.versions.get(pk=approval.subject_id)
    old = clock.now().date() - timedelta(days=91)  # the policy takes 90
    answer = push(sender, an_evaluation(cast, version, payloads.evaluation() | {"performed_on": old.isoformat()}))
    assert answer.status_code == 201, answer.content
    assert state_of(approval) == State.COLLECTING
    long_ago = clock.now() - timedelta(days=91)
    answer = push(sender, an_evaluation(cast, version, payloads.evaluation(), signed_at=long_ago))
    assert answer.status_code == 422, "it was performed after the signature"
    answer = push(sender, an_evaluation(cast, version, payloads.evaluation()))
    assert state_of(approval) == State.IN_REVIEW


def twice() -> dict:
    payload = payloads.evaluation()
    payload["results"].append(payload["results"][0])
    return payload


@pytest.mark.parametrize(
    ("payload", "more", "says"),
    [
        (twice(), {}, "The result toxicity stands there twice."),
        (payloads.evaluation(), {"parameters": {**WANTED, "figures": ["bias"]}}, "the payload has no such result"),
        (payloads.evaluation(kind="red_teaming"), {}, "kind 'red_teaming', and the statement 'llm_evaluation'"),
        (payloads.evaluation(toxicity=0.9, half=0.001) | {"n": 10}, {}, "it is of 1,000 rows, and n is 10"),
        (payloads.evaluation() | {"performed_on": "2026-02-30"}, {}, "2026-02-30 is no day"),
        (payloads.evaluation() | {"performed_on": "2100-01-01"}, {}, "comes after the day on which it was signed"),
        (
            payloads.evaluation() | {"results": [], "findings": None},
            {"parameters": {"kind": "llm_evaluation", "figures": []}},
            "neither results nor findings",
        ),
    ],
)
def test_an_evaluation_that_contradicts_itself_is_refused(cast, sender, payload, more, says):
    version = cast.promotion().version
    answer = push(sender, an_evaluation(cast, version, payload, **more))
    assert (answer.status_code, says in answer.json()["detail"]) == (422, True), answer.json()


def problems(asked: str = ASKED, rule: str = CHECK) -> str:
    try:
        found = check(parse(text(asked, rule)), projection.all_declared())
    except InvalidPolicy as refused:
        found = refused.problems
    return " ".join(problem.message for problem in found)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("max_age: P90D", "max_age: P90D, origin: computed", "People make evaluation/v1, so Placet never computes it."),
        ("max_age: P90D", "max_age: P90D, isolation: full", "No model runs for evaluation/v1"),
        ("max_age: P90D", "dataset: evaluation", "leave `dataset` out"),
        ("kind: llm_evaluation", "kind: exam", "Name in `parameters` the `kind`, one of llm_evaluation"),
        ("kind: llm_evaluation, ", "", "Name in `parameters` the `kind`"),
        ("figures: [toxicity, groundedness]", "figures: [groundedness]", "There is no field"),
        ("figures: [toxicity", "figures: [Toxic!", "small letters, digits and underscores"),
        ("groundedness]", "groundedness], most: 3", "Nothing else."),
    ],
)
def test_a_policy_can_ask_only_for_what_can_come(before, after, says):
    assert problems() == ""
    assert says in problems(ASKED.replace(before, after))
