"""Take the records of one person, or of one prediction, out of the files of a monitor: whole files anew, never half.

The new files lie beside the old ones before anything is said. The log, the batches' counts and the list of files go in
one transaction; after that each new file takes its old one's place, by a rename. Whoever dies in between leaves a list
by which the next erasure, or the sweep, goes on.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import rfc8785
from django.db import transaction
from django.db.models import F, QuerySet

from governance.accounts import holds
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import require_password
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock, files
from governance.common.errors import Forbidden, InvalidInput
from monitoring import hashing, selectors, windows
from monitoring.adopting import adopt
from monitoring.door import is_hashed
from monitoring.errors import NothingToErase
from monitoring.intake_settings import SUBJECT
from monitoring.keeping import things_of
from monitoring.models import ErasedFile, LabelBatch, Monitor, RecordBatch, RecordErasure, WindowProfile
from monitoring.schema import ID_COLUMN
from monitoring.whose import Whose

log = logging.getLogger(__name__)

NAMED_IN_ENTRY = 100
DOMAIN = b"placet/erasure/v1\x00"
WHAT_STAYS = (
    "Profiles of the days that were touched are deleted and counted anew. Evidence that was made before stays: it "
    "counts the erased records, without a text or number that only one of them had, and says that it can't be made "
    "again."
)


@dataclass(frozen=True)
class Erased:
    """What an erasure did, and what only its officer gets.

    Attributes:
        salt: hex; ``sha256(domain || salt || value)`` is the commitment in the log. Kept nowhere.
        profiles: kept sums of days that are counted anew, since they count the erased records.
    """

    erasure: RecordErasure
    salt: str
    profiles: int


@dataclass
class _Found:
    """One file that holds rows to erase, and what it becomes."""

    path: Path
    batch: RecordBatch | LabelBatch
    day: date | None
    rows: int
    draft: Path = field(default_factory=Path)
    before: str = ""
    after: str = ""


def erase_records(
    *,
    monitor_id: uuid.UUID,
    by: User,
    reason: str,
    subject: str = "",
    prediction_id: str = "",
    password: str | None = None,
) -> Erased:
    """Erase what a monitor keeps of a data subject, or of one prediction.

    Args:
        subject: a ``subject_id`` as it was sent; hashed where the monitor hashes.
        prediction_id: instead of it. The late labels of every erased prediction go too.
        password: typed for it in a browser; None at the command line of the host.
    Raises:
        Unknown: there is no such monitor.
        Forbidden: the person is no data protection officer of the model's system.
        InvalidInput: none or both of subject and prediction are named, or there is no reason.
        SignInAgain: the password is another.
        UnderLegalHold: the monitor or its system is held.
        NothingToErase: nothing of it is here.
        UnreadableRecords: a file is damaged; nothing was erased.
    """
    monitor = selectors.monitor(monitor_id)
    if not has_role(by, Role.DATA_PROTECTION_OFFICER, system_id=monitor.model.system_id):
        raise Forbidden("A data protection officer of the model's AI system has records erased.")
    if bool(subject) == bool(prediction_id):
        raise InvalidInput("Name either the data subject or the prediction.")
    if not reason.strip():
        raise InvalidInput("Say why the records are to be erased; the log keeps it.")
    if password is not None:
        require_password(by, password)
    column, value = (SUBJECT, subject) if subject else (ID_COLUMN, prediction_id)
    drafts: list[Path] = []
    said = False
    try:
        with transaction.atomic():
            monitor = Monitor.objects.select_for_update(of=("self",)).select_related("model").get(pk=monitor_id)
            finish(ErasedFile.objects.filter(erasure__monitor=monitor))
            adopt(monitor)
            done = _erase(monitor, column, value, by=by, reason=reason.strip()[:2000], drafts=drafts)
            said = True
    except BaseException:
        # If the answer to COMMIT was lost, the log may say it, and what is said is done with these drafts.
        if not said:
            for draft in drafts:
                files.remove(draft)
        raise
    return done


def finish(waiting: QuerySet[ErasedFile] | None = None) -> int:
    """Let the new files of erasures take the old ones' places, those that still wait; returns how many did.

    Under a legal hold they wait until it is lifted.
    """
    rows = ErasedFile.objects.all() if waiting is None else waiting
    waits = rows.filter(replaced_at=None, lost_at=None).select_related("erasure").order_by("pk")
    return sum(_replace(row) for row in waits)


@transaction.atomic
def _replace(row: ErasedFile) -> bool:
    monitor = Monitor.objects.select_for_update(of=("self",)).select_related("model").get(pk=row.erasure.monitor_id)
    if holds.standing().on(*things_of(monitor)):
        return False
    draft, path = windows.records_root() / row.draft, windows.records_root() / row.path
    try:
        files.settle(draft, path)
    except FileNotFoundError:  # another did it, and died before it said so
        files.fetch([path])
        if path.exists() and _digest(path) == row.before:
            _lose(row)
            return False
    if row.batch_id and row.day:
        # Who counts the day now looks at the list of files under this lock, before keeping what was counted.
        RecordBatch.objects.select_for_update(of=("self",)).get(pk=row.batch_id)
        WindowProfile.objects.filter(batch=row.batch_id, day=row.day).delete()
    ErasedFile.objects.filter(pk=row.pk, replaced_at=None).update(replaced_at=clock.now())
    return True


def _lose(row: ErasedFile) -> None:
    """Say that a file still holds what was erased from it: what its new one held is gone, and whose it was not kept."""
    log.error("The new file of %s is gone; the old one holds what %s erased. Erase it again.", row.path, row.erasure_id)
    change = {"erased": F("erased") - row.rows} if row.day else {"quarantined": F("quarantined") + row.rows}
    for model in (RecordBatch, LabelBatch):
        model._default_manager.filter(rewritten=row).update(**change)
    ErasedFile.objects.filter(pk=row.pk).update(lost_at=clock.now())


def _erase(monitor: Monitor, column: str, value: str, *, by: User, reason: str, drafts: list[Path]) -> Erased:
    holds.standing().check(*things_of(monitor))
    whose = Whose(column, hashing.forms_of(monitor, column, value))
    if column == SUBJECT:
        # The same predictions may have been sent again without the person, and their labels never name one.
        whose = replace(whose, ids=_predictions_of(monitor, whose))
    found = [*_in_files(_record_places(monitor), whose), *_in_files(_label_places(monitor), whose)]
    found += [one for model in (RecordBatch, LabelBatch) for one in _put_aside(model, monitor, whose)]
    for one in found:
        _rewrite(one, whose, drafts)
    if not found:
        raise NothingToErase(f"{monitor} keeps no record with this {column}.")
    salt = secrets.token_bytes(32)
    listed: list[Any] = [
        {"path": _below(one.path), "rows": one.rows, "before": one.before, "after": one.after}
        for one in sorted(found, key=lambda one: one.path)
    ]
    erasure = RecordErasure(
        monitor=monitor,
        column=column,
        commitment="sha256:" + hashlib.sha256(DOMAIN + salt + value.encode()).hexdigest(),
        officer=by,
        records=sum(one.rows for one in found if one.day and isinstance(one.batch, RecordBatch)),
        labels=sum(one.rows for one in found if one.day and isinstance(one.batch, LabelBatch)),
        quarantined=sum(one.rows for one in found if one.day is None),
        files_digest="sha256:" + hashlib.sha256(rfc8785.dumps(listed)).hexdigest(),
        made_at=clock.now(),
    )
    audit.append(
        event=Event.RECORDS_ERASED,
        actor=by,
        subjects=[erasure],
        data={
            "monitor": monitor.pk,
            "by": column,
            "value": erasure.commitment,
            "records": erasure.records,
            "labels": erasure.labels,
            "quarantined": erasure.quarantined,
            "files": len(listed),
            "files_digest": erasure.files_digest,
            "first_files": listed[:NAMED_IN_ENTRY],
        },
        payload={"reason": reason},
    )
    ErasedFile.objects.bulk_create(_row(erasure, one) for one in found)
    for one in found:
        if one.day:
            type(one.batch).objects.filter(pk=one.batch.pk).update(erased=F("erased") + one.rows)
        else:
            type(one.batch).objects.filter(pk=one.batch.pk).update(quarantined=F("quarantined") - one.rows)
    transaction.on_commit(lambda: finish(ErasedFile.objects.filter(erasure=erasure)), robust=True)
    return Erased(erasure, salt.hex(), _profiles(found))


def _predictions_of(monitor: Monitor, whose: Whose) -> frozenset[str]:
    """Return the ids of somebody's predictions in each form in which they may stand in a file."""
    from monitoring import quarantine, record_files  # DuckDB, that other pages need not wait for

    records, labels = _record_places(monitor), _label_places(monitor)
    aside = [files.read(path) for model in (RecordBatch, LabelBatch) for _, path in _quarantines(model, monitor)]
    ids = record_files.ids_in(records, whose).union(*(quarantine.ids_in(content, whose) for content in aside))
    forms = set().union(*(hashing.forms_of(monitor, ID_COLUMN, name) for name in ids if not is_hashed(name)), ids)
    if any(map(is_hashed, ids)):
        # From before the column was hashed, what came of the same prediction stands as it is.
        others = [record_files.ids_in(paths) for paths in (records, labels)] + [*map(quarantine.ids_in, aside)]
        plain = {name for name in set().union(*others) if not is_hashed(name)}
        forms |= {name for name in plain if not ids.isdisjoint(hashing.forms_of(monitor, ID_COLUMN, name))}
    return frozenset(forms)


def _record_places(monitor: Monitor) -> dict[Path, tuple[RecordBatch | LabelBatch, date]]:
    return {
        windows.path_of(batch, day): (batch, day)
        for batch in RecordBatch.objects.filter(monitor=monitor)
        for day in (date.fromisoformat(partition["day"]) for partition in batch.partitions)
    }


def _label_places(monitor: Monitor) -> dict[Path, tuple[RecordBatch | LabelBatch, date]]:
    rows = LabelBatch.objects.filter(monitor=monitor, expired_at__isnull=True)
    return {windows.label_path(row): (row, row.day) for row in rows}


def _in_files(places: Mapping[Path, tuple[RecordBatch | LabelBatch, date]], whose: Whose) -> Iterator[_Found]:
    from monitoring.record_files import rows_with  # as above

    for path, rows in sorted(rows_with(places, whose).items()):
        yield _Found(path, *places[path], rows)


def _quarantines(
    model: type[RecordBatch | LabelBatch], monitor: Monitor
) -> Iterator[tuple[RecordBatch | LabelBatch, Path]]:
    for batch in model._default_manager.filter(monitor=monitor, quarantined__gt=0):
        path = windows.quarantine_path(batch)
        if files.exists(path):
            yield batch, path


def _put_aside(model: type[RecordBatch | LabelBatch], monitor: Monitor, whose: Whose) -> Iterator[_Found]:
    from monitoring.quarantine import lines_without

    for batch, path in _quarantines(model, monitor):
        if rows := lines_without(files.read(path), whose)[1]:
            yield _Found(path, batch, None, rows)


def _rewrite(one: _Found, whose: Whose, drafts: list[Path]) -> None:
    """Write the file anew beside itself, without the rows."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from monitoring.quarantine import lines_without
    from monitoring.records import draft_parquet

    files.fetch([one.path])
    one.before = _digest(one.path)
    if one.day is None:
        one.draft = files.draft(lines_without(one.path.read_bytes(), whose)[0], one.path)
    else:
        table = pq.ParquetFile(one.path).read()
        one.draft = draft_parquet(table.filter(pc.invert(whose.in_table(table))), one.path)
    drafts.append(one.draft)
    one.after = _digest(one.draft)
    files.share(one.draft)


def _profiles(found: Iterable[_Found]) -> int:
    days: set[Any] = {(one.batch.pk, one.day) for one in found if one.day and isinstance(one.batch, RecordBatch)}
    kept = WindowProfile.objects.filter(batch__in={pk for pk, _ in days}).values_list("batch", "day")
    return sum(row in days for row in kept)


def _row(erasure: RecordErasure, one: _Found) -> ErasedFile:
    return ErasedFile(
        erasure=erasure,
        batch=one.batch if isinstance(one.batch, RecordBatch) else None,
        label_batch=one.batch if isinstance(one.batch, LabelBatch) else None,
        day=one.day,
        path=_below(one.path),
        draft=_below(one.draft),
        rows=one.rows,
        before=one.before,
        after=one.after,
    )


def _below(path: Path) -> str:
    return path.relative_to(windows.records_root()).as_posix()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
