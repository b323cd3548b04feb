"""Which columns come in beside features and predictions, which stay outside, and which are kept hashed alone."""

import json
from unittest.mock import patch

import pyarrow.parquet as pq
import pytest
from django.test import Client
from monitor_world import FEATURES, a_frame, an_officer, lines_of, measure, send

from governance.accounts import holds
from governance.accounts.errors import AlreadyHeld, HoldLifted
from governance.audit.selectors import entries_naming
from governance.common.errors import Forbidden, InvalidInput
from monitoring import erasure, keeping, predictions, services, windows
from monitoring.errors import InvalidSettings, RecordsKeyChanged, RecordsKeyMissing, SchemaDrift
from monitoring.intake_settings import IntakeSettings

DAY = 24


@pytest.fixture(autouse=True)
def _key(settings):
    settings.RECORDS_KEY = "a key of this installation"


def with_columns(n=40, *, seed=2, **columns):
    """Return records with more columns: a value, or a function of the row's number."""
    found = []
    for row, line in enumerate(lines_of(a_frame(n, seed=seed), hours=DAY).splitlines()):
        more = {name: value(row) if callable(value) else value for name, value in columns.items()}
        found.append(json.dumps({**json.loads(line), **more}))
    return "\n".join(found).encode()


def kept(batch):
    return [row for path in windows.paths_of(batch) for row in pq.read_table(path).to_pylist()]


def set_intake(monitor, world, **intake):
    return keeping.set_intake(monitor_id=monitor.pk, intake=intake, actor=world.owner)


@pytest.mark.parametrize(
    ("intake", "match"),
    [
        ({"retention_days": 183}, r"at least 184: Articles 19 and 26\(6\).*at least six months"),
        ({"retention_days": 40_000}, "at most 36525"),
        ({"retention_days": "365"}, "retention_days is a whole number"),
        ({"retention_days": True}, "retention_days is a whole number"),
        ({"quarantine": 1}, "quarantine is true or false"),
        ({"kpis": "margin"}, "kpis is a list of names"),
        ({"kpis": ["margin", "margin"]}, "each once"),
        ({"kpis": [""]}, "1 to 200 characters"),
        ({"kpis": ["amount"]}, "'amount' can not be a KPI"),
        ({"kpis": ["prediction_id"]}, "'prediction_id' can not be a KPI"),
        ({"sensitive": ["months"]}, "'months' is a feature"),
        ({"sensitive": ["sex"]}, "no column 'sex'"),
        ({"keep_out": ["amount"]}, "'amount' can not be kept out; every record needs it"),
        ({"keep_out": ["margin"], "kpis": ["margin"]}, "'margin' can not be kept out and taken"),
        ({"hash": ["purpose"]}, "'purpose' can not be hashed"),
        ({"hash": ["latency_ms"]}, "'latency_ms' can not be hashed"),
        ({"kpi": []}, "there is no setting 'kpi'"),
    ],
)
def test_settings_that_can_not_be_are_refused_with_the_reason(monitor, world, intake, match):
    with pytest.raises(InvalidSettings, match=match):
        set_intake(monitor, world, **intake)
    monitor.refresh_from_db()
    assert IntakeSettings.from_json(monitor.intake) == IntakeSettings()


def test_latency_label_subject_kpis_and_sensitive_columns_come_in_beside_the_features(monitor, world):
    set_intake(monitor, world, kpis=["margin"], sensitive=["credit_risk"])
    body = with_columns(latency_ms=12.5, label="good", subject_id="s-1", margin=3, credit_risk="bad")
    row = kept(send(monitor, world, body).batch)[0]
    assert {name: row[name] for name in ("latency_ms", "label", "subject_id", "margin", "credit_risk")} == {
        "latency_ms": 12.5,
        "label": "good",
        "subject_id": "s-1",
        "margin": 3.0,
        "credit_risk": "bad",
    }
    assert measure(monitor).rows == 40, "what is compared with the reference is what it was"


def test_a_batch_may_leave_them_out_and_batches_of_both_kinds_are_read_together(monitor, world):
    send(monitor, world, with_columns(latency_ms=1), "a")
    plain = send(monitor, world, lines_of(a_frame(60, seed=3), hours=DAY), "b")
    assert "latency_ms" not in kept(plain.batch)[0]
    send(monitor, world, with_columns(seed=4, subject_id=lambda row: "s" if row > 20 else None), "c")
    assert measure(monitor).rows == 140


@pytest.mark.parametrize(
    ("columns", "column", "found"),
    [
        ({"latency_ms": -1}, "latency_ms", "a negative number"),
        ({"latency_ms": "fast"}, "latency_ms", "a text"),
        ({"subject_id": 7}, "subject_id", "an integer"),
        ({"label": 1}, "label", "an integer"),
        ({"margin": 1}, "margin", "a value"),
        ({"credit_risk": "bad"}, "credit_risk", "a value"),
    ],
)
def test_what_is_not_listed_or_does_not_fit_refuses_the_batch(monitor, world, columns, column, found):
    with pytest.raises(SchemaDrift) as refusal:
        send(monitor, world, with_columns(3, **columns))
    (problem,) = refusal.value.extra["problems"]
    assert (problem["column"], problem["found"]) == (column, found)


def test_what_is_kept_out_is_dropped_at_the_door_and_stands_in_no_file(monitor, world, storage):
    set_intake(monitor, world, keep_out=["name", "subject_id"], quarantine=True)
    body = with_columns(name="Ada Lovelace", subject_id="s-1", months=lambda row: "x" if row == 3 else 12)
    taken = send(monitor, world, body).batch
    assert (taken.rows, taken.quarantined) == (39, 1)
    assert not {"name", "subject_id"} & kept(taken)[0].keys()
    files = b"".join(path.read_bytes() for path in (storage / "records").rglob("*") if path.is_file())
    assert b"Lovelace" not in files
    assert b"s-1" not in files


def test_hashed_columns_are_kept_under_the_installation_s_key_and_equal_values_stay_equal(
    monitor, world, storage, settings
):
    set_intake(monitor, world, hash=["subject_id", "prediction_id"], quarantine=True)
    body = with_columns(
        subject_id=lambda row: f"ada-{row % 2}",
        prediction_id=lambda row: f"loan-{row}",
        months=lambda row: None if row else "x",
    )
    batch = send(monitor, world, body).batch
    rows = kept(batch)
    assert {row["subject_id"][:12] for row in rows} == {"hmac-sha256:"}
    assert len({row["subject_id"] for row in rows}) == 2
    assert len({row["prediction_id"] for row in rows}) == 39
    files = b"".join(path.read_bytes() for path in (storage / "records").rglob("*") if path.is_file())
    assert b"ada-" not in files, "nor beside the batch, where row 1 was put aside"
    assert b"loan-" not in files
    found = predictions.logged_prediction(world.owner, world.version, "loan-7")
    assert found.batch == batch, "a prediction is found by the id that was sent"
    other = services.open_monitor(
        model=world.model, alias="shadow", actor=world.owner, version=world.version, intake={"hash": ["subject_id"]}
    )
    theirs = kept(send(other, world, with_columns(seed=5, subject_id="ada-0"), version=2).batch)
    assert theirs[0]["subject_id"] not in {row["subject_id"] for row in rows}, "nobody is followed across monitors"


def test_without_a_key_nothing_is_hashed_and_nothing_taken_that_should_be(monitor, world, settings):
    settings.RECORDS_KEY = ""
    with pytest.raises(RecordsKeyMissing, match="PLACET_RECORDS_KEY"):
        set_intake(monitor, world, hash=["subject_id"])
    with patch.object(settings, "RECORDS_KEY", "k"):
        set_intake(monitor, world, hash=["subject_id"])
    with pytest.raises(RecordsKeyMissing):
        send(monitor, world, with_columns(subject_id="s"))


def test_another_key_is_noticed_once_records_are_here(monitor, world, settings):
    set_intake(monitor, world, hash=["subject_id"])
    settings.RECORDS_KEY = "another key"
    with pytest.raises(RecordsKeyChanged, match="Set the key that was set before"):
        send(monitor, world, with_columns(subject_id="s"))
    set_intake(monitor, world, hash=["subject_id"])
    first = send(monitor, world, with_columns(subject_id="s")).batch
    settings.RECORDS_KEY = "a third key"
    with pytest.raises(RecordsKeyChanged):
        set_intake(monitor, world, hash=["subject_id"])
    with pytest.raises(RecordsKeyChanged):
        send(monitor, world, with_columns(subject_id="t"), "b")
    with pytest.raises(RecordsKeyChanged):
        erasure.erase_records(monitor_id=monitor.pk, by=an_officer(world), reason="Art. 17", subject="s")
    settings.RECORDS_KEY = "another key"
    again = send(monitor, world, with_columns(subject_id="s", seed=5), "b").batch
    assert kept(again)[0]["subject_id"] == kept(first)[0]["subject_id"]


def test_what_is_hashed_or_kept_out_is_no_part_of_the_rows_that_are_downloaded(monitor, world):
    set_intake(monitor, world, hash=["subject_id"], quarantine=True, kpis=["margin"])
    body = with_columns(subject_id="ada-0", margin=4, months=lambda row: None if row else "x")
    batch = send(monitor, world, body).batch
    assert b"hmac-sha256:" in windows.quarantine_path(batch).read_bytes(), "by which an erasure finds it"
    set_intake(monitor, world, hash=["subject_id"], quarantine=True, keep_out=["margin"])
    client = Client()
    client.force_login(world.owner)
    answer = client.get(f"/api/v1/monitors/{monitor.pk}/records/{batch.batch_id}/quarantine")
    (line,) = b"".join(answer.streaming_content).splitlines()
    assert json.loads(line)["record"].keys() == {*FEATURES, "prediction", "predicted_at", "prediction_id"}
    assert answer["Content-Disposition"] == 'attachment; filename="b-1.quarantine.jsonl"'


def test_a_column_that_came_in_hashed_stays_hashed(monitor, world):
    set_intake(monitor, world, hash=["subject_id"])
    set_intake(monitor, world)
    set_intake(monitor, world, hash=["subject_id"])
    send(monitor, world, with_columns(subject_id="s"))
    with pytest.raises(InvalidSettings, match="subject_id is kept hashed"):
        set_intake(monitor, world, kpis=["margin"])
    set_intake(monitor, world, kpis=["margin"], hash=["subject_id"])


def test_a_change_stands_in_the_log_with_before_and_after(monitor, world):
    set_intake(monitor, world, kpis=["margin"], retention_days=400)
    entry = entries_naming("monitoring_monitor", [monitor.pk])[-1].parsed
    assert entry["event"] == "monitor.changed"
    assert (entry["data"]["before"]["retention_days"], entry["data"]["after"]["retention_days"]) == (365, 400)
    assert entry["data"]["after"]["kpis"] == ["margin"]


def test_a_monitor_is_opened_with_an_intake(world):
    opened = services.open_monitor(
        model=world.model, alias="champion", actor=world.owner, intake={"quarantine": True, "kpis": ["margin"]}
    )
    assert (opened.intake["quarantine"], opened.intake["retention_days"]) == (True, 365)


def test_a_hold_is_set_and_lifted_with_a_reason_by_those_who_may(monitor, world):
    def hold(by, reason="Litigation of 2026"):
        return holds.set_hold(kind="monitor", key=monitor.pk, reason=reason, by=by)

    with pytest.raises(Forbidden):
        hold(world.owner)
    officer = an_officer(world)
    with pytest.raises(InvalidInput, match="4 to 500"):
        hold(officer, " ")
    held = hold(officer)
    assert keeping.hold_on(monitor) == held
    with pytest.raises(AlreadyHeld):
        hold(officer)
    with pytest.raises(Forbidden):
        holds.lift_hold(hold_id=held.pk, reason="It is settled", by=world.owner)
    with pytest.raises(InvalidInput, match="4 to 500"):
        holds.lift_hold(hold_id=held.pk, reason="", by=officer)
    assert holds.lift_hold(hold_id=held.pk, reason="It is settled", by=officer).lifted_by == officer
    with pytest.raises(HoldLifted):
        holds.lift_hold(hold_id=held.pk, reason="It is settled", by=officer)
    assert keeping.hold_on(monitor) is None
    entries = entries_naming("accounts_legalhold", [held.pk])
    assert [entry.event for entry in entries] == ["legal_hold.set", "legal_hold.lifted"]
    assert all(entry.parsed["data"]["systems"] == [str(world.model.system_id)] for entry in entries)
