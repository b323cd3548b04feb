"""A version that serves behind the canary alias, and the records of its share of the traffic."""

import json
from datetime import datetime, timedelta
from typing import Any

from governance.accounts.roles import Role
from governance.common import clock
from governance.common.clock import rfc3339
from governance.evidence import services as evidence
from governance.evidence.canary import CANARY
from governance.evidence.models import Evidence, EvidenceJob
from governance.evidence.producers import Product, Task
from monitoring import services
from monitoring.canary import measure_canary
from monitoring.intake import JSON_LINES
from monitoring.models import DriftRun, Monitor, ScheduledWindow
from registry import promotions
from registry.models import PromotionRequest
from registry.selectors import live
from tests import drift_payloads, payloads
from tests.factories import Cast, a_user, approve, attach, fresh, put_live

LIGHT = """
policy: light-canary
title: Canary
description: One signature.
applies_to: {ai_act_class: high}
mode: block
targets: [canary]
evidence: {performance/v1: {}}
checks:
  - id: auc
    title: AUC
    expr: evidence.performance.auc.value >= 0.6
    on_fail: block
    why: Better than chance.
    owner: risk_officer
stages: [{name: review, roles: [risk_officer], quorum: 1}]
approval: {valid_for: P28D, grace: P0D, on_drift: alert, on_suspend: refuse_new_loads}
"""


def behind_canary(cast: Cast, *, number: int = 1) -> PromotionRequest:
    """Promote a version, made now unless it is there, to ``canary`` by the lighter policy, and put it there."""
    if cast.model.versions.filter(number=number).exists():
        made, _ = promotions.request_promotion(
            model=cast.model.name, version=number, alias="canary", requester=cast.engineer
        )
    else:
        made = cast.promotion(number=number, alias="canary")
    attach(made.approval, payloads.performance(production=bool(made.approval.context.get("production"))))
    approve(fresh(made).approval, cast.officer)
    return put_live(cast, fresh(made))


def watched(cast: Cast) -> Monitor:
    """The monitor of the canary."""
    return services.open_monitor(model=cast.model, alias="canary", actor=cast.owner)


def answered(monitor: Monitor, n: int, *, start: datetime, every: timedelta, version: int | None = None) -> None:
    """Send ``n`` records with event times from ``start``, one ``every`` so often."""
    row = dict.fromkeys(payloads.FEATURES, "a") | {"prediction": 0.4}
    lines = [json.dumps(row | {"predicted_at": rfc3339(start + place * every)}) for place in range(n)]
    services.accept_records(
        monitor_id=monitor.pk,
        batch_id=f"from-{start:%Y%m%dT%H%M%S}-{n}",
        body="\n".join(lines).encode(),
        content_type=JSON_LINES,
        sender=a_user(Role.ENGINEER),
        version=version,
    )


def counted(made: PromotionRequest) -> Evidence:
    """Do what the evidence worker does with the job for the canary of a request."""
    job = EvidenceJob.objects.get(
        inputs_digest=next(row["inputs"] for row in made.approval.required_evidence if row["type"] == CANARY)
    )
    attempt = evidence.claim(job.pk)
    assert attempt is not None
    given: dict[str, Any] = {
        name: getattr(job, name)
        for name in ("type", "subject_digest", "dataset_digest", "baseline_digest", "parameters", "subject_id")
    }
    task = Task(job_id=job.pk, seed=7, progress=lambda *_: None, settings=job.settings, **given)
    return evidence.finish(job.pk, attempt, measure_canary(task))


def drifted(monitor: Monitor, *, start: datetime, end: datetime) -> DriftRun:
    """Write down a window in which the canary's traffic drifted, as the worker that compared it does; it alerts."""
    version = live(monitor.model, monitor.alias).version
    payload = drift_payloads.drift(version=str(version.number)) | {
        "drifted": 1,
        "dataset_drift": True,
        "severity": "breach",
    }
    payload["columns"][0] |= {"outcome": "drift"}
    given = {"monitor": str(monitor.pk), "version": str(version.pk), "start": rfc3339(start), "end": rfc3339(end)}
    job = evidence.request_evidence(
        evidence_type="drift/v1",
        subject_digest=version.artifact_digest,
        subject_name=version.subject_name,
        subject_id=version.pk,
        parameters=given,
    )
    ScheduledWindow.objects.create(  # only what the calendar asked for alarms
        monitor=monitor, version=version, start=start, end=end, job=job, asked_at=clock.now()
    )
    attempt = evidence.claim(job.pk)
    assert attempt is not None
    evidence.finish(job.pk, attempt, Product(payload, {"isolation": "process"}))
    return DriftRun.objects.get(pk=job.pk)
