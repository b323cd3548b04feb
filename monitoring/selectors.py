"""Read monitors, batches, runs and alerts."""

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import rfc8785
from django.core.exceptions import ValidationError
from django.db.models import Count, Max, Min, QuerySet, Sum
from django.urls import reverse

from governance.accounts.access import readable
from governance.accounts.models import User
from governance.common.errors import Unknown
from governance.evidence.models import EvidenceJob
from monitoring.models import Alert, DriftRun, LabelBatch, Monitor, RecordBatch
from registry.answering import Answered
from registry.models import AliasHistory, ModelVersion, PromotionRequest, RegisteredModel
from registry.selectors import live

EVIDENCE_TYPE = "drift/v1"


def monitors_for(user: User) -> QuerySet[Monitor]:
    """Return the monitors that a person may read: those of models of the systems in reach."""
    rows = Monitor.objects.select_related("model__system", "snapshot").order_by("model__name", "alias")
    return readable(rows, user, system="model__system")


def monitor_for(user: User, pk: uuid.UUID) -> Monitor:
    """Return one monitor, as a person asks for it.

    Raises:
        Unknown: there is none with that id, or none that the person may read.
    """
    found = monitors_for(user).filter(pk=pk).first()
    if found is None:
        raise Unknown(_no_monitor(pk))
    return found


def monitor(pk: uuid.UUID | str) -> Monitor:
    """Return one monitor.

    Raises:
        Unknown: there is none with that id.
    """
    try:
        return Monitor.objects.select_related("model__system", "snapshot").get(pk=pk)
    except (Monitor.DoesNotExist, ValidationError):
        raise Unknown(_no_monitor(pk)) from None


def locked(pk: uuid.UUID) -> Monitor:
    """Return one monitor, locked for the rest of the transaction.

    Raises:
        Unknown: there is none with that id.
    """
    monitor(pk)  # says so if there is none
    rows = Monitor.objects.select_for_update(of=("self",)).select_related("model__system", "snapshot")
    return rows.get(pk=pk)


def _no_monitor(pk: uuid.UUID | str) -> str:
    return f"There is no monitor {pk}. GET /api/v1/monitors lists them."


def live_now(watched: Monitor) -> AliasHistory | None:
    """Return what serves behind the monitor's alias now, by Placet's own acts."""
    return live(watched.model, watched.alias)


def batches_in(
    watched: Monitor, version: ModelVersion, *, start: datetime, end: datetime, received_until: datetime
) -> QuerySet[RecordBatch]:
    """Return the batches of one version that may hold records of ``[start, end)``, as known at ``received_until``."""
    return RecordBatch.objects.filter(
        monitor=watched, version=version, start__lt=end, end__gte=start, received_at__lte=received_until
    ).order_by("start", "batch_id")


def batches_digest(batches: Iterable[RecordBatch | LabelBatch]) -> str:
    """Return the name of a set of batches: the digest over their ids and contents."""
    named = sorted([batch.batch_id, batch.digest] for batch in batches)
    return f"sha256:{sha256(rfc8785.dumps(named)).hexdigest()}"


def received(watched: Monitor) -> dict[str, object]:
    """Return how much has come in: ``batches``, ``rows``, first and last event time."""
    return RecordBatch.objects.filter(monitor=watched).aggregate(
        batches=Count("pk"), rows=Sum("rows", default=0), first=Min("start"), last=Max("end")
    )


def runs_of(watched: Monitor) -> QuerySet[DriftRun]:
    """Return the runs of a monitor, newest window first."""
    return (
        DriftRun.objects.filter(monitor=watched)
        .select_related("version__model", "evidence", "alert__retrain_call")
        .order_by("-window_end", "-made_at")
    )


def windows_of(watched: Monitor, count: int) -> list[DriftRun]:
    """Return the newest windows of a monitor, oldest first; of one that was measured again, its newest run."""
    rows = runs_of(watched).order_by("-window_end", "-window_start", "version", "-made_at")
    return list(reversed(rows.distinct("window_end", "window_start", "version")[:count]))


def newest_run(watched: Monitor) -> DriftRun | None:
    """Return the run of the newest window."""
    return runs_of(watched).first()


def asked_of(watched: Monitor) -> QuerySet[EvidenceJob]:
    """Return every job that was asked of a monitor; one that is done has a run under its id."""
    return EvidenceJob.objects.filter(type=EVIDENCE_TYPE, parameters__monitor=str(watched.pk))


def jobs_of(watched: Monitor) -> QuerySet[EvidenceJob]:
    """Return the monitor's jobs that made no run yet: waiting, at work or failed, newest first."""
    return asked_of(watched).exclude(state=EvidenceJob.State.DONE).order_by("-made_at")


def open_job(asked: Mapping[str, Any], dataset_digest: str) -> EvidenceJob | None:
    """Return a job that waits or is at work and measures the same window of the same batches."""
    states = [EvidenceJob.State.QUEUED, EvidenceJob.State.RUNNING]
    return EvidenceJob.objects.filter(
        type=EVIDENCE_TYPE, state__in=states, dataset_digest=dataset_digest, parameters__contains=dict(asked)
    ).first()


def job_or_run(watched: Monitor, pk: uuid.UUID) -> EvidenceJob | DriftRun:
    """Return what stands at a drift run's address: the run, or the job while there is none.

    Raises:
        Unknown: the monitor has neither.
    """
    run = runs_of(watched).filter(pk=pk).first()
    if run:
        return run
    job = asked_of(watched).filter(pk=pk).first()
    if job is None:
        raise Unknown(f"{watched} has no drift run {pk}.")
    if job.state == EvidenceJob.State.DONE:  # since the first look: its run was committed with it
        return runs_of(watched).get(pk=pk)
    return job


def alerts_of(watched: Monitor) -> QuerySet[Alert]:
    """Return the alerts of a monitor, newest first."""
    return (
        Alert.objects.filter(monitor=watched)
        .select_related("run__evidence", "version__model", "approval", "acknowledged_by", "resolved_by")
        .order_by("-opened_at")
    )


def alert_for(user: User, pk: uuid.UUID) -> Alert:
    """Return one alert, as a person asks for it.

    Raises:
        Unknown: there is none with that id, or none that the person may read.
    """
    rows = Alert.objects.select_related(
        "monitor__model__system",
        "version__model",
        "approval",
        "review",
        "rollback",
        "run__evidence",
        "newest_run__evidence",
    )
    found = readable(rows, user, system="monitor__model__system").filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no alert {pk}; a monitor's newest drift run names its alert.")
    return found


def answered(name: str, model: RegisteredModel) -> Answered | None:
    """Return the alert of a model that a request answers by this name, ``AL-7``; None where it has no such alert."""
    found = re.fullmatch(r"AL-([1-9]\d{0,8})", name.upper())
    alert = Alert.objects.filter(number=int(found[1]), monitor__model=model).first() if found else None
    if alert is None:
        return None
    said = f"{alert.get_severity_display().lower()}, {alert.get_state_display().lower()}: {alert.title}"
    return Answered(str(alert), said, reverse("alert-detail", args=[alert.pk]))


def answers_to(alert: Alert) -> QuerySet[PromotionRequest]:
    """Return the requests that say that they answer an alert, newest first."""
    rows = PromotionRequest.objects.filter(in_answer_to=str(alert), version__model=alert.monitor.model_id)
    return rows.select_related("version__model", "approval").order_by("-number")
