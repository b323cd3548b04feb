"""From records to a suspended approval: what is taken in, what is measured, what follows, and who may."""

import json
import uuid
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import IntegrityError, transaction
from monitor_world import (
    START,
    a_frame,
    a_version,
    lines_of,
    make_world,
    measure,
    measure_week,
    run_job,
    scores_of,
    send,
)

from governance.approvals.models import State
from governance.audit.selectors import entries_naming
from governance.common.errors import Forbidden, Unknown
from governance.evidence import services as evidence
from governance.evidence import storage as files
from governance.evidence.errors import CannotProduce
from governance.evidence.models import Evidence, EvidenceJob
from monitoring import alerts, crosscheck, runs, scoring, selectors, services, tasks, windows
from monitoring.errors import (
    AlertSettled,
    BatchIdTaken,
    InvalidSettings,
    MonitorDisabled,
    MonitorExists,
    NoReference,
    NothingToCompare,
    SchemaDrift,
)
from monitoring.models import Alert, DriftRun, RecordBatch, WindowProfile

WEEK = timedelta(days=7)


def test_a_quiet_window_leaves_the_approval_alone_and_a_shifted_one_suspends_it(monitor, world):
    send(monitor, world, lines_of(a_frame(500, seed=2)), "week-1")
    quiet = measure_week(monitor)
    assert (quiet.outcome, quiet.drifted, quiet.rows) == ("stable", 0, 500)
    assert not Alert.objects.exists()
    send(monitor, world, lines_of(a_frame(500, seed=3, shift=1), start=START + WEEK), "week-2")
    shifted = measure_week(monitor, 1)
    assert shifted.outcome == "drift"
    assert (shifted.window_start, shifted.rows) == (quiet.window_end, 500)
    alert = shifted.alert
    assert (alert.state, alert.approval) == ("open", world.approval)
    assert "most: months" in alert.title or "most: prediction" in alert.title
    world.approval.refresh_from_db()
    assert world.approval.state == State.SUSPENDED
    assert "Drift in the records of 2026-11-0" in world.approval.state_reason


def test_the_run_its_alert_and_the_suspension_each_stand_in_the_log(monitor, world):
    send(monitor, world, lines_of(a_frame(400, seed=3, shift=1)))
    run = measure_week(monitor)
    for row, event in ((run, "drift.measured"), (run.alert, "alert.opened"), (run.evidence, "evidence.attached")):
        assert event in [entry.event for entry in entries_naming(row._meta.db_table, [row.pk])]
    (entry,) = entries_naming("monitoring_driftrun", [run.pk])
    assert entry.parsed["data"]["outcome"] == "drift"
    assert "months" in entry.parsed["data"]["drifted"]


def test_a_second_drifting_window_joins_the_standing_alert(monitor, world):
    for week in (0, 1):
        send(monitor, world, lines_of(a_frame(400, seed=week, shift=1), start=START + week * WEEK), f"week-{week}")
        assert measure_week(monitor, week).outcome == "drift"
    assert Alert.objects.count() == 1


def test_a_policy_that_only_alerts_suspends_nothing(db, storage):
    world = make_world(on_drift="alert")
    monitor = services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    send(monitor, world, lines_of(a_frame(400, seed=3, shift=1)))
    alert = measure_week(monitor).alert
    assert alert.approval is None
    assert "policy does not suspend" in alert.effect
    world.approval.refresh_from_db()
    assert world.approval.state == State.APPROVED


def test_drift_of_a_version_that_is_not_live_suspends_nobody_else(monitor, world):
    before = a_version(world, 1)
    send(monitor, world, lines_of(a_frame(400, seed=3, shift=1)), version=1)
    alert = measure_week(monitor, version=before).alert
    assert (alert.version, alert.approval) == (before, None)
    assert "is not live behind champion" in alert.effect
    world.approval.refresh_from_db()
    assert world.approval.state == State.APPROVED


def test_records_of_two_versions_are_never_mixed(monitor, world):
    before = a_version(world, 1)
    send(monitor, world, lines_of(a_frame(150, seed=2)), "old", version=1)
    send(monitor, world, lines_of(a_frame(250, seed=2)), "new")
    assert measure(monitor).rows == 250
    assert measure(monitor, version=before).rows == 150


def test_an_approval_that_is_not_standing_is_left_as_it_is(monitor, world):
    from governance.approvals.services import revoke

    revoke(request_id=world.approval.pk, reason="test", actor=world.owner)
    send(monitor, world, lines_of(a_frame(400, seed=3, shift=1)))
    assert "revoked already" in measure_week(monitor).alert.effect


def test_too_few_records_are_insufficient(monitor, world):
    send(monitor, world, lines_of(a_frame(60, seed=3, shift=2)))
    assert measure(monitor).outcome == "insufficient"
    assert not Alert.objects.exists()


def test_the_reference_is_scored_once_and_named_in_the_evidence(monitor, world):
    send(monitor, world, lines_of(a_frame(200, seed=2)))
    first = measure(monitor)
    with patch.object(scoring, "score", side_effect=AssertionError("scored again")):
        second = measure(monitor, start=START, end=START + WEEK)
    (reference,) = monitor.references.all()
    for run in (first, second):
        assert run.evidence.payload["reference"] == {"n": 600, "digest": reference.digest}
        assert run.evidence.payload["version"] == "credit-risk/2"
    assert [column["column"] for column in first.evidence.payload["columns"]] == [
        "amount",
        "months",
        "purpose",
        "prediction",
    ]


def test_any_window_is_the_sum_of_kept_days_and_cut_days(monitor, world):
    frame = a_frame(840, seed=4)
    send(monitor, world, lines_of(frame.head(420), hours=84), "a")
    send(monitor, world, lines_of(frame.tail(420), start=START + timedelta(hours=84), hours=84), "b")
    batches = list(RecordBatch.objects.order_by("batch_id"))
    reference = windows.reference_of(monitor, world.version)
    start, end = START + timedelta(hours=30), START + timedelta(hours=130)
    counted = windows.window_profile(batches, reference, start=start, end=end)
    assert counted.n == 500  # a hundred hours of the hundred and sixty-eight, five rows each
    bins = windows.profiles.ReferenceProfile.from_json(reference.profile)
    rows = frame.iloc[150:650]
    whole = bins.profile({**dict(rows.items()), "prediction": scores_of(rows)})
    assert counted == whole
    assert WindowProfile.objects.count() == sum(len(batch.partitions) for batch in batches)


def test_a_new_batch_is_counted_ahead_once_its_reference_is_there(monitor, world):
    taken = send(monitor, world, lines_of(a_frame(100, seed=2)))
    assert tasks.profile_batch(str(taken.batch.pk)) == 0
    windows.reference_of(monitor, world.version)
    assert tasks.profile_batch(str(taken.batch.pk)) == 7
    assert tasks.profile_batch(str(taken.batch.pk)) == 7
    assert WindowProfile.objects.count() == 7


def test_a_batch_counts_once_and_other_content_needs_another_id(monitor, world):
    body = lines_of(a_frame(50, seed=2))
    assert send(monitor, world, body).created
    again = send(monitor, world, body)
    assert (again.created, again.batch.rows) == (False, 50)
    with pytest.raises(BatchIdTaken):
        send(monitor, world, lines_of(a_frame(50, seed=3)))
    assert RecordBatch.objects.count() == 1


def test_a_batch_whose_row_was_lost_in_a_crash_is_healed_by_sending_it_again(monitor, world):
    body = lines_of(a_frame(50, seed=2))
    with (
        patch.object(RecordBatch.objects, "get_or_create", side_effect=OSError("killed")),
        pytest.raises(OSError, match="killed"),
    ):
        send(monitor, world, body)
    assert not RecordBatch.objects.exists()
    assert send(monitor, world, body).created
    assert RecordBatch.objects.get().rows == 50


def test_records_that_do_not_fit_leave_nothing_behind(monitor, world, storage):
    record = json.loads(lines_of(a_frame(1, seed=2)))
    del record["amount"]
    with pytest.raises(SchemaDrift, match="'amount' missing"):
        send(monitor, world, json.dumps(record).encode())
    assert not RecordBatch.objects.exists()
    assert not list((storage / "records").rglob("*.parquet"))


def test_a_run_is_about_the_batches_it_was_asked_for(monitor, world):
    send(monitor, world, lines_of(a_frame(200, seed=2)), "early")
    job = runs.request_run(monitor_id=monitor.pk)
    send(monitor, world, lines_of(a_frame(200, seed=9, shift=2)), "late")
    assert run_job(job).rows == 200


def test_a_run_whose_batches_are_gone_says_so(monitor, world):
    send(monitor, world, lines_of(a_frame(200, seed=2)))
    job = runs.request_run(monitor_id=monitor.pk)
    RecordBatch.objects.all().delete()
    with pytest.raises(CannotProduce, match="ask for a new run"):
        run_job(job)


def test_a_run_needs_records(monitor, world):
    with pytest.raises(NothingToCompare, match="send some first"):
        runs.request_run(monitor_id=monitor.pk)
    send(monitor, world, lines_of(a_frame(200, seed=2)))
    measure(monitor)
    with pytest.raises(NothingToCompare, match="where its newest window ended"):
        runs.request_run(monitor_id=monitor.pk)
    with pytest.raises(NothingToCompare, match="no records of credit-risk v2 between"):
        runs.request_run(monitor_id=monitor.pk, start=START - 2 * WEEK, end=START - WEEK)


def test_asking_twice_at_once_is_one_job(monitor, world):
    send(monitor, world, lines_of(a_frame(200, seed=2)))
    first, second = (runs.request_run(monitor_id=monitor.pk) for _ in range(2))
    assert first.pk == second.pk
    other = runs.request_run(monitor_id=monitor.pk, end=START + WEEK / 2)
    assert other.pk != first.pk


def test_a_reference_that_nothing_can_score_is_said(monitor, world):
    send(monitor, world, lines_of(a_frame(200, seed=2)))
    scoring._path.clear()
    with pytest.raises(CannotProduce, match="Nothing here runs models"):
        measure(monitor)


def test_a_monitor_that_is_off_takes_nothing(monitor, world):
    monitor.enabled = False
    from governance.audit import services as audit
    from governance.audit.events import Event

    audit.append(event=Event.MONITOR_CREATED, actor=world.owner, subjects=[monitor])
    with pytest.raises(MonitorDisabled):
        send(monitor, world, lines_of(a_frame(10, seed=2)))
    with pytest.raises(MonitorDisabled):
        runs.request_run(monitor_id=monitor.pk)


def test_a_monitor_needs_something_live_with_evaluation_data_and_stands_alone(monitor, world):
    with pytest.raises(MonitorExists):
        services.open_monitor(model=world.model, alias="champion", actor=world.owner)
    with pytest.raises(NothingToCompare, match="live behind canary"):
        services.open_monitor(model=world.model, alias="canary", actor=world.owner)
    with pytest.raises(InvalidSettings):
        services.open_monitor(model=world.model, alias="canary", actor=world.owner, settings={"bins": 2})
    world.version.evaluation_dataset = None
    with pytest.raises(NoReference, match="log_evaluation_data"):
        services.open_monitor(model=world.model, alias="canary", actor=world.owner, version=world.version)


def test_whatever_is_live_gets_a_monitor_once(world):
    (opened,) = services.watch_live()
    assert (opened.alias, opened.settings["bins"]) == ("champion", 10)
    assert services.watch_live() == []


def test_an_alert_is_taken_in_hand_and_resolved_by_those_who_keep_monitors(monitor, world):
    send(monitor, world, lines_of(a_frame(400, seed=3, shift=1)))
    alert = measure_week(monitor).alert
    with pytest.raises(Forbidden):
        alerts.acknowledge_alert(alert_id=alert.pk, person=world.auditor)
    alerts.acknowledge_alert(alert_id=alert.pk, person=world.owner)
    with pytest.raises(AlertSettled):
        alerts.acknowledge_alert(alert_id=alert.pk, person=world.engineer)
    alerts.resolve_alert(alert_id=alert.pk, person=world.engineer, how="A new channel; retraining is on its way.")
    with pytest.raises(AlertSettled):
        alerts.resolve_alert(alert_id=alert.pk, person=world.engineer, how="again and again")
    with pytest.raises(Unknown):
        alerts.resolve_alert(alert_id=uuid.uuid4(), person=world.engineer, how="none such there")
    alert.refresh_from_db()
    assert (alert.acknowledged_by, alert.resolved_by, alert.state) == (world.owner, world.engineer, "resolved")
    world.approval.refresh_from_db()
    assert world.approval.state == State.SUSPENDED


def test_one_alert_a_version_stands_also_against_the_database(monitor, world):
    send(monitor, world, lines_of(a_frame(400, seed=3, shift=1)))
    run = measure_week(monitor)
    other = measure_week(monitor)
    with pytest.raises(IntegrityError, match="one_standing_alert_per_version"), transaction.atomic():
        Alert.objects.create(
            run=other,
            monitor=monitor,
            version=run.version,
            number=99,
            newest_run=other,
            severity="watch",
            title="t",
            effect="e",
            opened_at=START,
            log_entry=uuid.uuid4(),
        )


def test_evidence_that_somebody_submits_makes_no_run(monitor, world):
    send(monitor, world, lines_of(a_frame(200, seed=2)))
    run = measure(monitor)
    from governance.evidence.producers import Product

    evidence.attach(
        evidence_type="drift/v1",
        subject_digest=world.version.artifact_digest,
        subject_name="credit-risk/2",
        product=Product(run.evidence.payload, {}),
        producer=world.owner,
        origin=Evidence.Origin.SUBMITTED,
    )
    assert DriftRun.objects.count() == 1


@pytest.mark.slow
def test_evidently_stands_beside_our_figures_and_its_report_is_kept_on_request(monitor, world):
    send(monitor, world, lines_of(a_frame(400, seed=3, shift=1)))
    job = runs.request_run(monitor_id=monitor.pk, evidently_report=True)
    run = run_job(job, check=crosscheck.compare)
    check = run.evidence.payload["reference_check"]
    assert check["library"] == "evidently"
    assert check["max_difference"] <= check["tolerance"]
    assert all(column["evidently"] is not None for column in run.evidence.payload["columns"])
    assert b"<html" in files.get(run.evidence.files[runs.EVIDENTLY_FILE])
    assert run.evidence.environment["sampled"] == {"reference": 600, "window": 400}


def test_a_job_that_failed_stays_visible_until_there_is_a_run(monitor, world):
    send(monitor, world, lines_of(a_frame(200, seed=2)))
    job = runs.request_run(monitor_id=monitor.pk)
    evidence.fail(job.pk, evidence.claim(job.pk), "The model was refused.", again=False)
    (listed,) = selectors.jobs_of(monitor)
    assert (listed.state, listed.error) == (EvidenceJob.State.FAILED, "The model was refused.")
