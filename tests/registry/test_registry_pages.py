"""The requester's page, applying, and the pages of models."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.approvals.findings import open_finding
from governance.approvals.models import Finding
from governance.audit import selectors as log
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.evidence.models import EvidenceJob
from governance.inventory.services import pin_dataset
from registry import gate, selectors
from registry.models import AliasChange, Permit, PromotionRequest, RegisteredModel
from registry.reviewing import model_list, panels
from registry.web import answers, views
from tests.factories import PASSWORD, REASON, a_dataset, a_model, a_user, approve, attach, fresh, mirrored
from tests.payloads import fairness


@pytest.fixture
def signed_in():
    """A browser of a person."""

    def of(person):
        client = Client()
        client.force_login(person)
        return client

    return of


@pytest.fixture
def applied(monkeypatch):
    """The ids of promotions that the broker was told to apply; no broker is asked."""
    told: list[str] = []
    monkeypatch.setattr(views, "enqueue_on_commit", lambda task, *ids: told.extend(map(str, ids)))
    return told


@pytest.fixture
def told(monkeypatch):
    """The ids of evidence jobs that the broker was told of; no broker is asked."""
    jobs: list[str] = []
    monkeypatch.setattr(answers, "enqueue", lambda found: jobs.extend(map(str, found)))
    return jobs


def test_models_are_found_by_name_and_system_a_page_at_a_time(db, signed_in, monkeypatch):
    monkeypatch.setattr(model_list, "A_PAGE", 2)
    for name in ("alpha", "beta", "gamma"):
        a_model(None, name=name)
    auditor = signed_in(a_user(Role.AUDITOR))

    def page(**asked):
        return auditor.get(reverse("model-list"), asked).context

    assert [row["name"] for row in page()["models"]] == ["alpha", "beta"]
    assert [row["name"] for row in page(page="2")["models"]] == ["gamma"]
    assert page(page="2")["pager"] == {"shown": 1, "total": 3, "newer": "?page=1", "older": ""}
    assert [row["name"] for row in page(page="x", q="GAM")["models"]] == ["gamma"]
    assert "No model has all of these words" in auditor.get(reverse("model-list"), {"q": "delta"}).content.decode()


def text_of(response) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def refused_at_the_gate(model: str, **change) -> None:
    subject = {"name": model, "version": "2"}
    gate.decide(
        identity={"username": "ml-engineer", "source": "basic-auth"} | change,
        action="alias.set",
        subject=subject,
        detail={"alias": "champion"},
        grant=None,
    )


def test_the_requester_reads_what_to_do_who_has_it_and_the_commands(cast, signed_in):
    made = cast.reviewed()
    page = signed_in(cast.engineer).get(reverse("promotion-detail", args=[made.pk]))
    words = text_of(page)
    for said in (
        "Verdict so far",
        "HOLD",
        "Validator, 0 of 1 signed",
        f"placet apply {made}",
        "you can't lift the hold yourself",
    ):
        assert said in words, said
    assert [step["state"] for step in page.context["rail"]] == ["done", "done", "now", "", ""]
    assert page.context["apply"] == {
        "allowed": False,
        "refusal": f"Its approval is in review: {made.approval.verdict['reason']}",
    }


def test_a_request_says_that_pinned_rows_take_the_place_of_the_versions_own(cast, signed_in):
    made = cast.promotion()
    where = reverse("promotion-detail", args=[made.pk])
    assert "pinned for the system" not in text_of(signed_in(cast.engineer).get(where))
    pin_dataset(ai_system=cast.system, dataset_digest=a_dataset("pinned rows").digest, by=cast.validator)
    later = cast.promotion(number=2)
    words = text_of(signed_in(cast.engineer).get(reverse("promotion-detail", args=[later.pk])))
    assert f"pinned for the system; the version declares {a_dataset().digest[7:19]}…" in words


def test_a_failed_job_is_the_requesters_task_with_its_sentence(cast, signed_in):
    from governance.evidence import services as evidence

    made = cast.promotion()
    job = EvidenceJob.objects.get(subject_digest=made.approval.subject_digest, type="fairness/v1")
    attempt = evidence.claim(job.pk)
    evidence.fail(
        job.pk, attempt, "The evaluation data lacks the column sex; declare it in the training script.", again=False
    )
    page = signed_in(cast.engineer).get(reverse("promotion-detail", args=[made.pk]))
    assert page.context["todo"][0]["text"] == "Mend what keeps fairness/v1 from being made"
    assert "The evaluation data lacks the column sex" in text_of(page)
    attach(made.approval, fairness())  # made by a second job
    assert signed_in(cast.engineer).get(reverse("promotion-detail", args=[made.pk])).context["todo"] == []


def test_changes_that_were_requested_reach_the_requester_in_the_reviewers_words(cast, signed_in):
    made = cast.allowed()
    approve(made.approval, cast.validator, verdict="request_changes")
    page = signed_in(cast.engineer).get(reverse("promotion-detail", args=[made.pk]))
    said = f"Changes requested in stage validation. {REASON}"
    assert page.context["todo"][0] | {"detail": said} == page.context["todo"][0]
    assert [step["state"] for step in page.context["rail"]][2] == "failed"


def test_the_requester_reads_until_when_each_has_it(cast, signed_in):
    made = cast.allowed()
    due = made.approval.review_opened_at + made.approval.decide_within
    address = reverse("promotion-detail", args=[made.pk])
    holders = signed_in(cast.engineer).get(address).context["holders"]
    assert [(row.get("until"), row.get("late", False)) for row in holders] == [
        (None, False),
        (due, False),
        (due, False),
        (None, False),
    ]
    approve(made.approval, cast.validator)
    page = signed_in(cast.engineer).get(address)
    assert [row.get("until") for row in page.context["holders"]] == [None, None, due, None]
    assert f"until {due:%-d %b}" in text_of(page)
    with clock.frozen(due + timedelta(hours=1)):
        assert signed_in(cast.engineer).get(address).context["holders"][2]["late"]
    approve(made.approval, cast.officer)
    holders = signed_in(cast.engineer).get(address).context["holders"]
    assert holders[-1]["until"] == fresh(made).approval.valid_until


def test_the_requester_answers_changes_on_the_page_and_nobody_else_does(cast, signed_in, told):
    made = cast.allowed()
    address = reverse("promotion-resubmit", args=[made.pk])
    said = {"reason": "The sample of women is larger now."}
    assert signed_in(cast.engineer).post(address, said).status_code == 409  # no changes were requested
    approve(made.approval, cast.validator, verdict="request_changes")
    page = signed_in(cast.engineer).get(reverse("promotion-detail", args=[made.pk]))
    assert f'action="{address}"' in page.content.decode()
    assert address not in signed_in(cast.owner).get(reverse("promotion-detail", args=[made.pk])).content.decode()
    assert signed_in(cast.owner).post(address, said).status_code in {403, 409}
    page = signed_in(cast.engineer).post(address, {"reason": "short"})
    assert page.status_code == 422
    assert page.context["answers"]["resubmit"] == {
        "allowed": True,
        "reason": "short",
        "errors": {"reason": ["Say it in at least 10 characters."]},
    }
    assert fresh(made).approval.state == "changes_requested"
    page = signed_in(cast.engineer).post(address, said, follow=True)
    assert "the next round begins" in text_of(page)
    assert fresh(made).approval.state == "in_review"  # the evidence was there already
    assert said["reason"] in str(log.payload_of(log.entries_about_request(made.approval_id)[-2].id))


def test_the_requester_withdraws_on_the_page_and_nobody_else_does(cast, signed_in):
    made = cast.allowed()
    address = reverse("promotion-withdraw", args=[made.pk])
    said = {"reason": "A better version is on its way."}
    assert signed_in(cast.validator).post(address, said).status_code in {403, 409}
    assert fresh(made).approval.state == "in_review"
    page = signed_in(cast.engineer).post(address, said, follow=True)
    assert "Withdrawn" in text_of(page)
    assert fresh(made).approval.state == "withdrawn"
    assert address not in page.content.decode()
    assert signed_in(cast.engineer).post(address, said).status_code == 409


def test_a_promotion_is_not_applied_before_its_permit_and_never_by_a_validator(cast, signed_in, applied):
    made = cast.approved()
    assert not Permit.objects.exists()
    address = reverse("promotion-apply", args=[made.pk])
    answer = signed_in(cast.engineer).post(address)
    assert answer.status_code == 409
    assert "The notary has not signed its permit yet" in text_of(answer)
    answer = signed_in(cast.validator).post(address)
    assert answer.status_code == 403
    assert "An engineer, the owner or a risk officer of the system applies a promotion." in text_of(answer)
    assert signed_in(cast.engineer).get(address).status_code == 405
    assert (applied, fresh(made).state) == ([], PromotionRequest.State.REQUESTED)


def test_the_button_sets_the_promotion_applying_and_tells_the_worker_once(cast, signed_in, applied, monkeypatch):
    made = cast.approved()
    signed = SimpleNamespace(digest="sha256:" + "0" * 64, expires_at=clock.now() + timedelta(days=180))
    monkeypatch.setattr(selectors, "has_permit", lambda approval: bool(signed))  # only the notary can write one
    browser = signed_in(cast.engineer)
    assert browser.get(reverse("promotion-detail", args=[made.pk])).context["apply"]["allowed"] is True
    answer = browser.post(reverse("promotion-apply", args=[made.pk]), follow=True)
    assert answer.redirect_chain == [(reverse("promotion-detail", args=[made.pk]), 302)]
    assert "Placet digests the bytes once more and sets champion" in text_of(answer)
    assert (applied, fresh(made).state) == ([str(AliasChange.objects.get().pk)], PromotionRequest.State.APPLYING)


def test_the_list_names_every_model_with_what_is_live_in_few_queries(cast, signed_in, django_assert_max_num_queries):
    live = cast.live()
    approvals.suspend(request_id=live.approval_id, reason="Drift.", actor=System("monitor"))
    for name in ("churn", "fraud", "limits"):
        a_model(cast.system, name=name)
    browser = signed_in(cast.officer)
    with django_assert_max_num_queries(14):
        page = browser.get(reverse("model-list"))
    rows = {row["name"]: row for row in page.context["models"]}
    assert (rows[cast.model.name]["champion"], rows[cast.model.name]["champion_state"]) == ("v1", "suspended")
    assert (rows["churn"]["champion"], rows["churn"]["latest"]) == (None, "")
    assert rows["churn"]["ai_act"] == "High-risk · tier 1"


def test_a_model_without_a_system_says_that_it_cannot_be_promoted(cast, signed_in):
    row = mirrored(Event.MODEL_MIRRORED, RegisteredModel(name="stray", mirrored_at=clock.now()))
    browser = signed_in(cast.officer)
    page = browser.get(reverse("model-detail", args=[row.pk]))
    for said in ("No AI system: cannot be promoted", "No alias has been set yet.", "nothing can be promoted"):
        assert said in text_of(page), said
    assert "cannot be promoted" in text_of(browser.get(reverse("model-list")))


def test_what_was_in_production_when_is_answered_for_a_moment(cast, signed_in):
    cast.live(number=1)
    browser, address = signed_in(cast.officer), reverse("model-detail", args=[cast.model.pk])
    moment = clock.now() + timedelta(hours=1)
    page = browser.get(address, {"alias": "champion", "at": f"{moment:%Y-%m-%dT%H:%M:%S}"})
    assert f"v1 was champion on {moment:%d %b %Y, %H:%M:%S} UTC, on PR-" in text_of(page)
    before = browser.get(address, {"alias": "champion", "at": "2020-01-01T00:00:00"})
    assert "Nothing was champion on 01 Jan 2020" in text_of(before)
    for nonsense in ("yesterday", "2026-13-45T00:00:00"):
        assert "Give a date and a time" in text_of(browser.get(address, {"alias": "champion", "at": nonsense}))


def test_suspensions_attempts_and_findings_stand_on_the_models_page(cast, signed_in):
    live = cast.live()
    refused_at_the_gate(cast.model.name)
    refused_at_the_gate(f"{cast.model.name}-other")
    approvals.suspend(
        request_id=live.approval_id, reason="Two columns passed the drift limit.", actor=System("monitor")
    )
    finding = open_finding(
        system=cast.system,
        code="unapproved-alias",
        title=f"Unapproved champion of {cast.model.name}",
        severity="critical",
        source="reconciler",
        actor=System("reconciler"),
    )
    page = signed_in(cast.officer).get(reverse("model-detail", args=[cast.model.pk]))
    words = text_of(page)
    assert "Champion v1 serves on a suspended approval." in words
    assert "It keeps serving; nothing new may be promoted on it." in words
    ((start, end),) = page.context["lanes"][0]["spans"][0]["suspended"]
    assert (clock.now() - start < timedelta(minutes=5), end) == (True, None)
    assert [(row["kind"], row["what"], row["by"]) for row in page.context["bypass"]] == [
        ("refused", f"set alias champion to {cast.model.name} v2", "MLflow user ml-engineer"),
        ("detected", finding.title, ""),
    ]
    assert [row["title"] for row in page.context["findings"]] == [finding.title]


def test_a_finding_is_closed_by_somebody_else_than_its_owner(cast, signed_in):
    finding = open_finding(
        system=cast.system,
        code="drift",
        title="credit_amount moved",
        severity="high",
        source="monitor",
        actor=System("monitor"),
    )
    back, address = reverse("model-detail", args=[cast.model.pk]), reverse("finding-close", args=[finding.pk])
    form = {"how": "The window was measured again.", "next": back}
    own = signed_in(cast.owner).post(address, form, follow=True)
    assert "You own this finding, or did; somebody else must see that it is mended." in text_of(own)
    short = signed_in(cast.validator).post(address, form | {"how": "ok"}, follow=True)
    assert "Say how it was mended" in text_of(short)
    assert Finding.objects.get(pk=finding.pk).closed_at is None
    assert f'id="close-password-{finding.pk}"' in signed_in(cast.validator).get(back).content.decode()
    for password in ({}, {"password": "wrong"}):
        unsigned = signed_in(cast.validator).post(address, form | password, follow=True)
        assert "The password is not right. Nothing was signed" in text_of(unsigned)
        assert Finding.objects.get(pk=finding.pk).closed_at is None
    form["password"] = PASSWORD
    done = signed_in(cast.validator).post(address, form, follow=True)
    assert (done.redirect_chain, "Closed: credit_amount moved" in text_of(done)) == ([(back, 302)], True)
    again = signed_in(cast.validator).post(address, form, follow=True)
    assert "credit_amount moved is closed." in text_of(again)
    gone = signed_in(cast.validator).post(reverse("finding-close", args=["00000000-0000-4000-8000-000000000000"]), form)
    assert gone.status_code == 404


def test_closing_never_leads_to_another_site(cast, signed_in):
    finding = open_finding(
        system=cast.system,
        code="drift",
        title="credit_amount moved",
        severity="high",
        source="monitor",
        actor=System("monitor"),
    )
    form = {"how": "The window was measured again.", "next": "https://evil.example/"}
    answer = signed_in(cast.validator).post(reverse("finding-close", args=[finding.pk]), form)
    assert answer.headers["Location"] == "/"


def test_rows_of_upper_layers_reach_the_page_through_their_registration(cast, signed_in, monkeypatch):
    row = {"pk": cast.model.pk, "name": "weekly", "value": 0.1, "limit": 0.2, "series": [0.1], "outcome": "stable"}
    monkeypatch.setattr(panels, "_monitors", [lambda model: [row] if model == cast.model else []])
    page = signed_in(cast.officer).get(reverse("model-detail", args=[cast.model.pk]))
    assert "weekly" in text_of(page)


def test_every_page_asks_to_sign_in_first(cast, client):
    made = cast.promotion()
    for name, key in (
        ("model-list", None),
        ("model-detail", cast.model.pk),
        ("promotion-detail", made.pk),
        ("inbox", None),
    ):
        answer = client.get(reverse(name, args=[key] if key else []))
        assert (answer.status_code, answer.headers["Location"].startswith("/login")) == (302, True)


def test_what_is_unknown_is_said_with_a_404(cast, signed_in):
    nobody = "00000000-0000-4000-8000-000000000000"
    for name in ("model-detail", "promotion-detail", "review"):
        answer = signed_in(a_user(Role.AUDITOR)).get(reverse(name, args=[nobody]))
        assert (answer.status_code, nobody in text_of(answer)) == (404, True)
