"""A broker that nothing listens for costs nobody their answer: the row is committed and a sweep sends the message."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.test import Client

from governance.approvals import tasks as approvals_tasks
from governance.approvals.models import PolicyReplay
from governance.common import clock
from governance.common.broker import enqueue_on_commit
from governance.evidence import tasks as evidence_tasks
from governance.evidence.models import EvidenceJob
from registry import applying
from registry import tasks as registry_tasks
from registry.models import AliasChange, PromotionRequest
from reports import tasks as reports_tasks
from reports.models import BundleJob, DocumentJob
from tests import factories
from tests.arch.tree import ROOT, project_files

SignIn = Callable[[Any], Client]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that stays ours and that nothing listens on, so that a call is refused."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def no_broker(closed_port: int) -> Iterator[None]:
    """Celery, pointed to where no Valkey is."""
    with broker_at(f"redis://127.0.0.1:{closed_port}/0"):
        yield


class broker_at:  # noqa: N801 (reads as the function that it is)
    """Point Celery to another broker for the length of a block."""

    def __init__(self, url: str) -> None:
        self.url, self.before = url, current_app.conf.broker_write_url

    def __enter__(self) -> None:
        self._point(self.url)

    def __exit__(self, *exc: object) -> None:
        self._point(self.before)

    def _point(self, url: str) -> None:
        current_app.conf.broker_url = current_app.conf.broker_write_url = url
        current_app.amqp._producer_pool = None
        current_app._pool = None


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the sweeps hand out."""
    told: list[tuple[str, str]] = []
    enqueued = (evidence_tasks.run_job, registry_tasks.carry_out, reports_tasks.build_document)
    for task in (*enqueued, approvals_tasks.replay_policy, reports_tasks.build_bundle):
        monkeypatch.setattr(task, "delay", lambda pk, name=task.name: told.append((name, pk)))
    return told


def later(monkeypatch: pytest.MonkeyPatch, minutes: int = 3) -> None:
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + timedelta(minutes=minutes))


def post(client: Client, path: str, body: Any = None) -> Any:
    return client.post(f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json")


def test_a_promotion_is_requested_all_the_same(
    cast: Any, signed_in: SignIn, no_broker: None, caplog: pytest.LogCaptureFixture
) -> None:
    factories.a_version(cast.model)
    began = time.monotonic()
    answer = post(
        signed_in(cast.engineer), "promotion-requests", {"model": cast.model.name, "version": 1, "alias": "champion"}
    )
    assert answer.status_code == 202, answer.content
    assert time.monotonic() - began < 5
    assert EvidenceJob.objects.filter(state="queued").count() == 3
    (said,) = [record.getMessage() for record in caplog.records if "broker does not answer" in record.getMessage()]
    assert all(str(pk) in said for pk in EvidenceJob.objects.values_list("pk", flat=True))


def test_the_evidence_sweep_sends_what_was_not_sent(
    cast: Any, no_broker: None, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    promotion = cast.promotion()
    jobs = list(EvidenceJob.objects.values_list("pk", flat=True))
    evidence_tasks.enqueue(jobs)
    sent = request.getfixturevalue("sent")
    later(monkeypatch)
    assert evidence_tasks.sweep_jobs() == len(jobs)
    assert {pk for _, pk in sent} == {str(pk) for pk in jobs}
    assert promotion.approval.state == "collecting"


def test_a_document_is_asked_for_and_swept(
    cast: Any,
    signed_in: SignIn,
    no_broker: None,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    answer = post(signed_in(cast.owner), "documents", {"kind": "annex-iv", "system": cast.system.slug})
    assert answer.status_code == 202
    page = signed_in(cast.owner).post("/documents/build", {"system": factories.a_system(owner=cast.owner).pk})
    assert page.status_code == 302
    sent = request.getfixturevalue("sent")
    later(monkeypatch)
    assert reports_tasks.sweep_documents() == 2
    assert {pk for _, pk in sent} == {str(pk) for pk in DocumentJob.objects.values_list("pk", flat=True)}


def test_a_bundle_is_asked_for_and_swept(
    cast: Any,
    signed_in: SignIn,
    no_broker: None,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    assert post(signed_in(cast.officer), "bundles", {"system": cast.system.slug}).status_code == 202
    page = signed_in(cast.owner).post("/bundles/ask", {"scope": "system", "system": cast.system.pk})
    assert page.status_code == 302
    sent = request.getfixturevalue("sent")
    later(monkeypatch)
    assert reports_tasks.sweep_bundles() == 2
    assert {pk for _, pk in sent} == {str(pk) for pk in BundleJob.objects.values_list("pk", flat=True)}


def test_a_policy_is_replayed_by_the_sweep(
    cast: Any,
    signed_in: SignIn,
    no_broker: None,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    author, officer = (signed_in(factories.a_user(role)) for role in ("policy_author", "risk_officer"))
    assert post(author, "policy-replays", {"version": str(cast.policy.pk)}).status_code == 202
    assert officer.post("/policy-replays/ask", {"version": str(cast.policy.pk)}).status_code == 302
    sent = request.getfixturevalue("sent")
    later(monkeypatch)
    assert approvals_tasks.sweep_replays() == 2
    assert {pk for _, pk in sent} == {str(pk) for pk in PolicyReplay.objects.values_list("pk", flat=True)}


def test_an_approved_promotion_is_applied_by_the_sweep(
    cast: Any,
    signed_in: SignIn,
    no_broker: None,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setattr(applying, "may_apply", lambda promotion: "")
    by_api, by_page = cast.approved(), cast.approved(number=2)
    engineer = signed_in(cast.engineer)
    assert post(engineer, f"promotion-requests/{by_api}/applications").status_code == 202
    assert engineer.post(f"/promotions/{by_page.pk}/apply").status_code == 302
    assert set(PromotionRequest.objects.values_list("state", flat=True)) == {"applying"}
    sent = request.getfixturevalue("sent")
    assert registry_tasks.sweep_alias_changes() == 2
    assert {pk for _, pk in sent} == {str(pk) for pk in AliasChange.objects.values_list("pk", flat=True)}


@pytest.mark.django_db
def test_a_broker_that_takes_calls_and_never_answers_holds_nobody_up(
    caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        began = time.monotonic()
        with broker_at(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"):
            jobs = [EvidenceJob().pk for _ in range(3)]
            with django_capture_on_commit_callbacks(execute=True):
                enqueue_on_commit(evidence_tasks.run_job, *jobs)
        assert time.monotonic() - began < 15
    assert all(str(pk) in caplog.text for pk in jobs), "one line names all that wait"


def test_every_task_that_edges_enqueue_is_swept() -> None:
    """A new one has to say who sends it again."""
    swept_by = {
        "run_job": "governance.evidence.tasks.sweep_jobs",
        "carry_out": "registry.tasks.sweep_alias_changes",
        "build_document": "reports.tasks.sweep_documents",
        "build_bundle": "reports.tasks.sweep_bundles",
        "replay_policy": "governance.approvals.tasks.sweep_replays",
        "explain_record": None,  # a look is kept nowhere: who asked sees that it went unanswered, and asks again
        "count_duplicates": "monitoring.tasks.sweep_batches",
        "profile_batch": None,  # a drift run counts for itself what this did not
    }
    enqueued, around = set(), []
    for path in project_files(".py"):
        if path.relative_to(ROOT).parts[0] not in {"governance", "registry", "monitoring", "reports"}:
            continue
        text = path.read_text()
        enqueued |= set(re.findall(r"enqueue_on_commit\((?:\w+\.)?(\w+), ", text))
        around += [path for word in ("delay_on_commit", "apply_async_on_commit") if word in text]
    assert around == [], "enqueue_on_commit is the one way"
    assert enqueued - {"task"} == set(swept_by)
    scheduled = {row["task"] for row in django_settings.CELERY_BEAT_SCHEDULE.values()}
    assert {sweep for sweep in swept_by.values() if sweep} <= scheduled
