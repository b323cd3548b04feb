"""Drift runs: ask for one, and act on what it measured."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.evidence import services as evidence_services
from governance.evidence.models import Evidence, EvidenceJob
from monitoring import alerts, selectors, windows
from monitoring.drift_settings import DriftSettings
from monitoring.errors import MonitorDisabled, NothingToCompare
from monitoring.intake_settings import IntakeSettings
from monitoring.models import DriftRun, Monitor
from monitoring.terms import kpis_before, terms_of
from monitoring.volume import records_before
from registry.models import ModelVersion

EVIDENCE_TYPE = selectors.EVIDENCE_TYPE
MONITORING = alerts.MONITORING
WINDOW_FILE = "window-profile.json"
EVIDENTLY_FILE = "evidently.html"
TICK = timedelta(microseconds=1)


@transaction.atomic
def request_run(
    *,
    monitor_id: uuid.UUID,
    start: datetime | None = None,
    end: datetime | None = None,
    version: ModelVersion | None = None,
    evidently_report: bool = False,
    silence: bool = False,
) -> EvidenceJob:
    """Ask for one window to be measured; the evidence worker does it.

    Args:
        start: first event time; by default where the newest window of this version ended, else the first record.
        end: first event time after the window; by default just after the newest record.
        version: whose predictions; by default the version behind the monitor's alias now.
        evidently_report: keep Evidently's own report (3 to 5 MB) as a file of the evidence.
        silence: measure a window without records, too: that nothing came is what it shows.
    Raises:
        NothingToCompare: no version is live, or no record of it lies in the window.
        MonitorDisabled: the monitor is switched off.
        InvalidInput: the window ends before it starts.
    """
    monitor = selectors.monitor(monitor_id)
    if not monitor.enabled:
        raise MonitorDisabled(f"{monitor} is switched off; switch it on first.")
    version = version or _live_version(monitor)
    known = monitor.batches.filter(version=version)
    if start is None:
        newest = selectors.runs_of(monitor).filter(version=version).first()
        start = newest.window_end if newest else known.order_by("start").values_list("start", flat=True).first()
    if end is None:
        last = known.order_by("-end").values_list("end", flat=True).first()
        end = last + TICK if last else None
    if start is None or end is None:
        raise NothingToCompare(f"{monitor} has no records of {version} yet; send some first.")
    if end <= start:
        raise NothingToCompare(
            f"{monitor} has no record of {version} after {clock.rfc3339(start)}, where its newest window ended. "
            "Send new records, or name start and end."
        )
    until = clock.now()
    batches = list(selectors.batches_in(monitor, version, start=start, end=end, received_until=until))
    if not batches and not silence:
        raise NothingToCompare(
            f"{monitor} has no records of {version} between {clock.rfc3339(start)} and {clock.rfc3339(end)}."
        )
    if windows.deleted_days(batches, start=start, end=end) and not windows.window_paths(batches, start=start, end=end):
        kept_days = IntakeSettings.from_json(monitor.intake).retention_days
        raise NothingToCompare(
            f"The records of {monitor} between {clock.rfc3339(start)} and {clock.rfc3339(end)} were deleted, since "
            f"their time had passed: it keeps {kept_days} days. Name a later start."
        )
    terms = terms_of(monitor, version)
    same_weekday = terms.monitoring.volume.same_weekday
    kpis = [kpi.name for kpi in terms.monitoring.kpis]
    asked = {
        "monitor": str(monitor.pk),
        "version": str(version.pk),
        "start": clock.rfc3339(start),
        "end": clock.rfc3339(end),
        "settings": DriftSettings.of(terms.monitoring, monitor.settings).to_json(),
        "policy": terms.policy,
        "before": records_before(
            monitor,
            version,
            start,
            end,
            same_weekday=same_weekday,
            received_until=until,
        ),
        "kpis_before": kpis_before(monitor, version, start, end, names=kpis, same_weekday=same_weekday),
        "evidently_report": evidently_report,
    }
    digest = selectors.batches_digest(batches)
    waiting = selectors.open_job(asked, digest)
    return waiting or evidence_services.request_evidence(
        evidence_type=EVIDENCE_TYPE,
        subject_digest=version.artifact_digest,
        subject_name=version.subject_name,
        dataset_digest=digest,
        parameters={**asked, "received_until": clock.rfc3339(until)},
        subject_id=version.pk,
    )


def aware_window(start: datetime | None, end: datetime | None) -> None:
    """Refuse a window that has no time zone or no length.

    Raises:
        InvalidInput: say so.
    """
    for name, moment in (("start", start), ("end", end)):
        if moment is not None and moment.tzinfo is None:
            raise InvalidInput(f"{name} has no offset; write it like 2026-11-23T00:00:00Z.")
    if start is not None and end is not None and end <= start:
        raise InvalidInput("The window ends before it starts; end is the first moment after it.")


def on_evidence(subject_digest: str, evidence_type: str) -> None:
    """Record each run whose evidence was just attached, in the transaction that attaches it."""
    if evidence_type != EVIDENCE_TYPE:
        return
    fresh = Evidence.objects.filter(
        type=EVIDENCE_TYPE, subject_digest=subject_digest, job__isnull=False, drift_run__isnull=True
    )
    for evidence in fresh:
        record_run(evidence)


@transaction.atomic
def record_run(evidence: Evidence) -> DriftRun:
    """Record what a window showed, and alert if it is to be watched or drifted. All that follows commits together."""
    given, payload = evidence.parameters, evidence.payload
    monitor = Monitor.objects.select_for_update(of=("self",)).select_related("model__system").get(pk=given["monitor"])
    version = ModelVersion.objects.select_related("model").get(pk=given["version"])
    run = DriftRun(
        id=evidence.job_id,
        monitor=monitor,
        version=version,
        evidence=evidence,
        rows=payload["n"],
        window_start=datetime.fromisoformat(given["start"]).astimezone(UTC),
        window_end=datetime.fromisoformat(given["end"]).astimezone(UTC),
        outcome=outcome_of(payload),
        drifted=payload["drifted"],
        made_at=clock.now(),
    )
    audit.append(
        event=Event.DRIFT_MEASURED,
        actor=MONITORING,
        subjects=[run],
        data={
            "monitor": monitor.pk,
            "model": str(monitor.model),
            "alias": monitor.alias,
            "version": version.number,
            "window": {"start": run.window_start, "end": run.window_end, "records": run.rows},
            "outcome": run.outcome,
            "drifted": [c["column"] for c in payload["columns"] if c["outcome"] == "drift"],
            "evidence": evidence.pk,
            "payload_digest": evidence.payload_digest,
        },
    )
    alerts.on_run(run)
    return run


def outcome_of(payload: Mapping[str, Any]) -> str:
    """Return the window's outcome: drift or watch by its severity, else insufficient if a column is, else stable."""
    if payload["severity"] != "none":
        return DriftRun.Outcome.DRIFT if payload["severity"] == "breach" else DriftRun.Outcome.WATCH
    if any(column["outcome"] == "insufficient" for column in payload["columns"]):
        return DriftRun.Outcome.INSUFFICIENT
    return DriftRun.Outcome.STABLE


def _live_version(monitor: Monitor) -> ModelVersion:
    history = selectors.live_now(monitor)
    if history is None:
        raise NothingToCompare(f"No version of {monitor.model} is live behind {monitor.alias}; name the version.")
    return history.version
