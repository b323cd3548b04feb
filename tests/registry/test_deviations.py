"""What MLflow showed that Placet did not put there: seen once, for as long as it lasts, and on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from governance.approvals import services as approvals
from governance.approvals.models import Finding, State
from governance.audit.models import Entry
from governance.common import clock
from registry import reconcile, watches
from registry.models import ObservedAlias, WatchSpan
from tests.registry.test_reconcile import codes, live  # noqa: F401 (a fixture)

SOURCE = "reconciler:aliases"


def look():
    return reconcile.run_pass("aliases", reconcile.watch_aliases)


def events(prefix):
    found = Entry.objects.order_by("seq")
    import json

    return [said for row in found if (said := json.loads(bytes(row.body)))["event"].startswith(prefix)]


def test_an_unapproved_alias_is_one_row_and_two_entries_however_often_it_is_seen(live, cast, tracking):  # noqa: F811
    now = clock.now()
    tracking.add(cast.model.name, 7)
    tracking.aliases[cast.model.name]["champion"] = 7
    for after in (0, 10, 20):
        with clock.frozen(now + timedelta(seconds=after)):
            look()
    row = ObservedAlias.objects.get()
    assert (row.alias, row.number, row.first_seen_at, row.last_seen_at) == ("champion", 7, now, None)
    assert row.finding == Finding.objects.get(code="unapproved-alias")
    assert len(events("deviation.")) == 1
    tracking.aliases[cast.model.name]["champion"] = 1
    with clock.frozen(now + timedelta(seconds=30)):
        look()
    row.refresh_from_db()
    assert row.last_seen_at == now + timedelta(seconds=20)  # the last pass that saw it
    opened, ended = events("deviation.")
    assert opened["data"]["version"] == ended["data"]["version"] == 7
    assert opened["data"]["finding"] == str(row.finding_id)
    tracking.aliases[cast.model.name]["champion"] = 7
    look()
    assert ObservedAlias.objects.filter(last_seen_at=None).count() == 1  # it is back: another row
    assert ObservedAlias.objects.count() == 2


def test_nothing_behind_an_alias_and_a_stage_are_deviations_too(live, cast, tracking):  # noqa: F811
    tracking.aliases[cast.model.name].clear()
    tracking.versions[cast.model.name, 1]["current_stage"] = "Production"
    look()
    assert set(ObservedAlias.objects.values_list("alias", "number")) == {("champion", None), ("stage:production", 1)}


def test_what_could_not_be_checked_is_not_taken_for_gone(cast, tracking):
    tracking.add(cast.model.name, 1)
    tracking.aliases[cast.model.name]["champion"] = 1
    look()
    kept = tracking.versions.pop((cast.model.name, 1))  # now the alias points to nothing that MLflow would show
    look()
    assert codes() == ["unapproved-alias", "unchecked"]
    assert ObservedAlias.objects.get().last_seen_at is None
    tracking.versions[cast.model.name, 1] = kept
    tracking.aliases[cast.model.name].clear()
    look()
    assert ObservedAlias.objects.get().last_seen_at is not None


def test_an_observation_that_has_ended_stays_as_it_is_for_raw_sql_too(cast, tracking):
    tracking.add(cast.model.name, 1)
    tracking.aliases[cast.model.name]["champion"] = 1
    look()
    tracking.aliases[cast.model.name].clear()
    look()
    row = ObservedAlias.objects.get()
    for statement in ("UPDATE registry_observedalias SET number = 2", "DELETE FROM registry_observedalias"):
        with pytest.raises(DatabaseError, match="registry_observedalias"), transaction.atomic():
            connection.cursor().execute(statement)
    row.refresh_from_db()
    assert row.number == 1


@pytest.mark.parametrize(("state", "severity"), [(State.REVOKED, "critical"), (State.LAPSED, "high")])
def test_what_serves_without_its_approval_is_a_finding(live, cast, tracking, state, severity):  # noqa: F811
    cast.signed(live)
    look()
    assert codes() == []
    if state == State.REVOKED:
        approvals.revoke(request_id=live.approval_id, actor=cast.officer, reason="It is revoked.")
    else:
        with clock.frozen(clock.now() + timedelta(days=400)):
            approvals.lapse_overdue()
    look()
    finding = Finding.objects.get(code="approval-ended")
    assert (finding.severity, finding.request_id) == (severity, live.approval_id)
    assert finding.title == f"{cast.model.name} v1 still serves as champion; its approval is {state.label.lower()}"


def test_files_that_are_gone_are_told_from_files_that_changed(live, cast, tracking):  # noqa: F811
    cast.signed(live)
    tracking.files.clear()
    reconcile.reconcile()
    assert codes() == ["artifact-missing"]


# --- watches -----------------------------------------------------------------------------------------------------


def test_passes_are_one_span_until_there_is_a_gap(cast, tracking):
    now = clock.now()
    for after in (0, 10, 22, 30):
        with clock.frozen(now + timedelta(seconds=after)):
            look()
    span = WatchSpan.objects.select_related("pulse").get(source=SOURCE)
    assert (span.started_at, span.ended_at, span.pulse.beats, span.pulse.longest_gap_s) == (now, None, 4, 12.0)
    assert len(events("watch.")) == 1
    with clock.frozen(now + timedelta(seconds=30 + 41)):
        look()
    span.refresh_from_db()
    assert (span.ended_at, span.beats, span.longest_gap_s) == (now + timedelta(seconds=30), 4, 12.0)
    assert [row["event"] for row in events("watch.")] == ["watch.started", "watch.ended", "watch.started"]
    assert WatchSpan.objects.filter(source=SOURCE, ended_at=None).count() == 1


def test_a_span_ends_with_other_details_and_when_its_source_falls_silent(db):
    now = clock.now()
    with clock.frozen(now):
        watches.beat(source="plugin:a", details={"configuration": 1}, expected_every_s=15)
        watches.beat(source="plugin:a", details={"configuration": 2}, expected_every_s=15)
        watches.beat(source="plugin:b", details={}, expected_every_s=15)
    assert WatchSpan.objects.filter(ended_at=None).count() == 2
    with clock.frozen(now + timedelta(seconds=60)):
        assert watches.end_silent() == 0
    with clock.frozen(now + timedelta(seconds=61)):
        assert watches.end_silent() == 2
    assert set(WatchSpan.objects.values_list("ended_at", "beats")) == {(now, 1)}
    assert watches.last_beat("plugin:a") == now


def test_a_pass_that_failed_is_no_beat(cast, tracking, settings):
    settings.MLFLOW_TRACKING_URI = "http://127.0.0.1:9"
    look()
    assert not WatchSpan.objects.exists()


def test_beats_at_the_same_time_open_one_span(transactional_db):
    from threading import Thread

    def beat():
        watches.beat(source="plugin:a", details={}, expected_every_s=15)
        connection.close()

    threads = [Thread(target=beat) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    span = WatchSpan.objects.select_related("pulse").get()
    assert span.pulse.beats == 6
