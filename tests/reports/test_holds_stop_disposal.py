"""Everything that deletes asks for a legal hold first: each row of the table, each kind of hold that it names."""

import ast
import inspect
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection, transaction

from governance.accounts import holds, idempotency
from governance.accounts.errors import UnderLegalHold
from governance.accounts.models import IdempotentAnswer
from governance.accounts.roles import Role
from governance.audit import erasure
from governance.audit import services as audit
from governance.audit.events import Event
from governance.audit.selectors import payload_of
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.common.retention import table as retention
from governance.common.retention.period import Period
from governance.evidence import storage
from governance.inventory import correspondence as letters
from governance.inventory.retiring import retire_system
from governance.notices import outbox
from governance.notices.kinds import Kind
from governance.notices.models import Notice
from monitoring import retention as record_retention
from monitoring.intake_settings import MIN_RETENTION_DAYS, IntakeSettings
from monitoring.models import LabelBatch
from monitoring.services import open_monitor
from registry import datasets
from reports.bundles import selectors as bundle_files
from reports.bundles import services as bundles
from reports.models import BundleJob
from reports.retention import disposing
from tests.factories import PASSWORD, a_dataset, a_model, a_system, a_user, a_version
from tests.reports.retaining import a_document, a_paper
from tests.roles import as_role

pytestmark = pytest.mark.django_db(transaction=True)  # the privacy role has a connection of its own
WHY = "The time to keep them is over since ten years."


@dataclass
class Cast:
    """A retired system whose ten years are over, and people."""

    system: Any
    model: Any
    version: Any
    officer: Any
    person: Any


@pytest.fixture
def cast(settings, tmp_path):
    settings.STORAGE_ROOT = str(tmp_path)
    system = a_system(placed_on=date(2001, 1, 1))
    model = a_model(system)
    return Cast(system, model, a_version(model), a_user(Role.DATA_PROTECTION_OFFICER), a_user(Role.ENGINEER))


class Texts:
    """Words behind an entry about the system: why a notice was erased."""

    def __init__(self, cast):
        row = letters.record_correspondence(
            ai_system=cast.system, by=cast.system.owner, kind="notice-26-11", reference="LET-2026-7", text="Dear all"
        )
        letters.send_correspondence(correspondence_id=row.pk, by=cast.system.owner, sent_on=clock.now().date())
        erased = letters.erase_correspondence(correspondence_id=row.pk, by=cast.officer, reason=WHY)
        self.entry, self.officer = erased.log_entry, cast.officer
        self.keys = {"system": cast.system.pk, "entry": erased.log_entry}

    def run(self):
        with as_role("privacy"):
            erasure.redact(entry_id=self.entry, actor=self.officer, reason=WHY)

    def gone(self):
        return payload_of(self.entry) is None


class Letters:
    def __init__(self, cast):
        row = letters.record_correspondence(
            ai_system=cast.system, by=cast.system.owner, kind="notice-26-11", reference="LET-2026-7", text="Dear all"
        )
        letters.send_correspondence(correspondence_id=row.pk, by=cast.system.owner, sent_on=clock.now().date())
        self.keys, self.row, self.officer = {"system": cast.system.pk, "correspondence": row.pk}, row, cast.officer

    def run(self):
        letters.erase_correspondence(correspondence_id=self.row.pk, by=self.officer, reason=WHY)

    def gone(self):
        self.row.refresh_from_db()
        return self.row.text == ""


class Files:
    row = ""

    def __init__(self, cast):
        self.digest = self.made(cast)
        retire_system(ai_system=cast.system, by=cast.system.owner, reason="It was replaced by another system.")
        self.keys, self.cast = {"system": cast.system.pk}, cast

    def run(self):
        with clock.frozen(clock.now() + timedelta(days=1)):  # it had to be kept on the day on which it was retired
            disposing.dispose(
                system=self.cast.system, row=self.row, reason=WHY, by=self.cast.officer, password=PASSWORD
            )
            disposing.finish()

    def gone(self):
        return not storage.holds(self.digest)


class EvidenceFiles(Files):
    row = disposing.EVIDENCE

    def made(self, cast):
        return a_paper(cast.system)


class DocumentFiles(Files):
    row = disposing.DOCUMENTS

    def made(self, cast):
        return a_document(cast.system).pdf_digest


class Bundles:
    def __init__(self, cast):
        job = bundles.request_bundle(requester=a_user(Role.AUDITOR), ai_system=cast.system)
        digest = storage.put_stream([b"zip"], folder=bundle_files.FOLDER)
        past = clock.now() - timedelta(minutes=1)
        BundleJob.objects.filter(pk=job.pk).update(state="done", file_digest=digest, file_bytes=3, kept_until=past)
        self.keys, self.digest = {"system": cast.system.pk, "bundle": job.pk}, digest

    def run(self):
        bundles.delete_old()

    def gone(self):
        return not storage.holds(self.digest, folder=bundle_files.FOLDER)


class Datasets:
    def __init__(self, cast):
        row = a_dataset()
        row.delete_by = clock.now().date() - timedelta(days=1)
        with transaction.atomic():
            audit.append(event=Event.DATASET_MIRRORED, actor=cast.officer, subjects=[row])
        path = storage.path_of(row.digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"rows")
        self.digest, self.keys = row.digest, {"system": cast.system.pk, "dataset": row.digest}
        assert datasets.systems_of(row.digest) == {cast.system.pk}

    def run(self):
        datasets.delete_due()

    def gone(self):
        return not storage.holds(self.digest)


class Records:
    def __init__(self, cast):
        monitor = open_monitor(model=cast.model, alias="champion", actor=cast.system.owner, version=cast.version)
        now = clock.now()
        self.batch = LabelBatch.objects.create(
            monitor=monitor,
            batch_id="l-1",
            digest="sha256:0",
            rows=1,
            day=now.date() - timedelta(days=400),
            sender=cast.system.owner,
            received_at=now,
        )
        self.keys = {"system": cast.system.pk, "monitor": monitor.pk}

    def run(self):
        record_retention.expire_records()

    def gone(self):
        self.batch.refresh_from_db()
        return self.batch.expired_at is not None


class Notices:
    def __init__(self, cast):
        old = clock.now() - retention.kept_for("notices") - timedelta(days=1)
        self.row = Notice.objects.create(
            person=cast.person,
            kind=Kind.SYSTEM,
            occasion="x",
            words="w",
            detail="d",
            path="/",
            about_kind="system",
            about_id=cast.system.pk,
            made_at=old,
        )
        self.keys = {"system": cast.system.pk, "person": cast.person.pk}

    def run(self):
        outbox.forget()

    def gone(self):
        return not Notice.objects.filter(pk=self.row.pk).exists()


class Answers:
    def __init__(self, cast):
        made = IdempotentAnswer.objects.create(
            person=cast.person, key=str(uuid.uuid4()), request_digest="sha256:0", status=201, body={}
        )
        old = clock.now() - retention.kept_for("answers") - timedelta(hours=1)
        IdempotentAnswer.objects.filter(pk=made.pk).update(made_at=old)
        self.keys = {"person": cast.person.pk}

    def run(self):
        idempotency.forget()

    def gone(self):
        return not IdempotentAnswer.objects.exists()


class Sessions:
    def __init__(self, cast):
        data = SessionStore().encode({SESSION_KEY: str(cast.person.pk)})
        Session.objects.create(session_key="ended", session_data=data, expire_date=clock.now() - timedelta(minutes=1))
        self.keys = {"person": cast.person.pk}

    def run(self):
        idempotency.forget()

    def gone(self):
        return not Session.objects.exists()


CASES: dict[str, Any] = {
    "texts": Texts,
    "correspondence": Letters,
    "evidence": EvidenceFiles,
    "documents": DocumentFiles,
    "bundles": Bundles,
    "datasets": Datasets,
    "records": Records,
    "notices": Notices,
    "answers": Answers,
    "sessions": Sessions,
}
JOBS: dict[Any, list[int]] = {
    idempotency: [],
    outbox: [1],  # tomorrow's digest
    bundles: [3660],  # the longest period that a bundle may be about
    datasets: [],
    record_retention: [],
    disposing: [],
}
KINDS = [(row.id, kind) for row in retention.table() for kind in row.holds]


def test_every_row_of_which_something_goes_says_which_hold_stops_it_and_is_tried_here():
    deleted = {row.id for row in retention.table() if row.ended_by or row.by_hand}
    assert deleted == set(CASES) == {row.id for row in retention.table() if row.holds}
    assert {kind for _, kind in KINDS} == set(holds.Kind.values)


@pytest.mark.parametrize(("row", "kind"), KINDS, ids=lambda value: value)
def test_what_is_held_stays_and_goes_once_the_hold_is_lifted(cast, row, kind):
    case = CASES[row](cast)
    hold = holds.set_hold(kind=kind, key=case.keys[kind], reason="A court asked for it.", by=cast.officer)
    with suppress(UnderLegalHold):
        case.run()
    assert not case.gone()
    holds.lift_hold(hold_id=hold.pk, reason="It is settled.", by=cast.officer)
    case.run()
    assert case.gone()


@pytest.mark.parametrize("row", ["texts", "correspondence", "evidence", "documents"])
def test_a_person_who_deletes_is_told_of_the_hold(cast, row):
    case = CASES[row](cast)
    holds.set_hold(kind="system", key=cast.system.pk, reason="A court asked for it.", by=cast.officer)
    with pytest.raises(UnderLegalHold, match="Lift the hold first"):
        case.run()


@pytest.mark.parametrize("row", ["answers", "notices"])
def test_the_job_counts_with_the_period_that_the_table_says(cast, monkeypatch, row):
    case = CASES[row](cast)
    longer = [replace(kept, period=Period.read("P9999D")) if kept.id == row else kept for kept in retention.table()]
    with monkeypatch.context() as patched:
        patched.setattr(retention, "table", lambda: tuple(longer))
        case.run()
        assert not case.gone()
    case.run()
    assert case.gone()


def test_a_monitor_keeps_its_records_as_long_as_the_table_says():
    row = retention.row("records")
    assert IntakeSettings().retention_days == row.period.days
    assert row.least.days == MIN_RETENTION_DAYS


def test_no_job_has_a_period_of_its_own():
    for module, longest_allowed in JOBS.items():
        calls = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call)]
        days = [
            word.value.value
            for call in calls
            if getattr(call.func, "id", "") == "timedelta"
            for word in call.keywords
            if word.arg in ("days", "weeks") and isinstance(word.value, ast.Constant)
        ]
        assert days == longest_allowed, module.__name__


def test_a_hold_on_what_is_out_of_reach_is_one_on_nothing(cast):
    given = {"reason": "A court asked for it."}
    with pytest.raises(Unknown):
        holds.set_hold(kind="system", key=cast.system.pk, by=a_user(), **given)
    with pytest.raises(Forbidden):
        holds.set_hold(kind="system", key=cast.system.pk, by=cast.person, **given)
    with pytest.raises(Unknown):
        holds.set_hold(kind="monitor", key="no id", by=cast.officer, **given)
    with pytest.raises(InvalidInput, match="kind is one of"):
        holds.set_hold(kind="model", key=cast.model.pk, by=cast.officer, **given)


def test_an_id_in_another_form_is_held_all_the_same(cast):
    written = cast.system.pk.hex.upper()
    holds.set_hold(kind="system", key=written, reason="A court asked for it.", by=cast.officer)
    assert holds.in_force().on(("system", cast.system.pk))


def test_words_of_an_entry_that_names_no_row_stay_while_any_system_is_held(cast):
    with transaction.atomic():
        entry = audit.append(event=Event.GATE_REFUSED, actor=cast.officer, payload={"reason": "Some words"})
    hold = holds.set_hold(kind="system", key=cast.system.pk, reason="A court asked for it.", by=cast.officer)
    with as_role("privacy"), pytest.raises(UnderLegalHold, match="does not say which system"):
        erasure.redact(entry_id=entry, actor=cast.officer, reason=WHY)
    holds.lift_hold(hold_id=hold.pk, reason="It is settled.", by=cast.officer)
    with as_role("privacy"):
        erasure.redact(entry_id=entry, actor=cast.officer, reason=WHY)
    assert payload_of(entry) is None


def test_setting_a_hold_waits_for_a_deletion_under_way(cast):
    answered = threading.Event()

    def hold():
        try:
            holds.set_hold(kind="system", key=cast.system.pk, reason="A court asked for it.", by=cast.officer)
            answered.set()
        finally:
            connection.close()

    other = threading.Thread(target=hold)
    with transaction.atomic():
        assert holds.standing().on(("system", cast.system.pk)) is None
        other.start()
        assert not answered.wait(1)
    other.join(30)
    assert answered.is_set()
    assert holds.in_force().on(("system", cast.system.pk))
