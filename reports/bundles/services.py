"""Ask for bundles and make them. What goes out is on record: the log names the manifest and who asked for it."""

import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from governance.accounts import holds
from governance.accounts.models import User
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.audit.export import Wait, head, wait_until_placed
from governance.audit.receipts import wait_for_receipt
from governance.common import clock
from governance.common.errors import DomainError, Forbidden, InvalidInput
from governance.common.retention.table import kept_for
from governance.evidence import storage
from governance.evidence.errors import LeaseLost
from governance.inventory.models import AISystem
from placet.case_files import FORMAT, write_case
from registry.models import PromotionRequest
from reports.bundles.access import check_may_ask, may_take_all, system_of
from reports.bundles.contents import Contents
from reports.bundles.gathering import Gathered, gather
from reports.bundles.selectors import FOLDER
from reports.models import BundleJob

LONGEST = timedelta(days=3660)
ATTEMPTS = 3
MOST_OPEN = 5
"""So many bundles of one person may be waited for: workers make them for everybody, one after the other."""
OPEN = (BundleJob.State.QUEUED, BundleJob.State.RUNNING)
_TELL_EVERY_S, _POLL_S = 1.0, 0.1
_SENT_FOR, _TOLD_FOR = timedelta(minutes=2), timedelta(minutes=30)
"""After how long a message counts as lost: the one that the request sends, and those of the sweep."""
_AGAIN_AFTER, _GRACE = timedelta(minutes=1), timedelta(minutes=1)
_PIECE = 1 << 20


class TooManyBundles(DomainError):
    """One person waits for as many bundles as anybody may."""

    status = 429
    title = "Too many bundles at once"


@transaction.atomic
def request_bundle(
    *,
    requester: User,
    promotion: PromotionRequest | None = None,
    ai_system: AISystem | None = None,
    period: tuple[datetime, datetime] | None = None,
    seen_size: int | None = None,
) -> BundleJob:
    """Ask for the bundle of a promotion, of an AI system or of a period (its end no part of it); a worker makes it.

    Args:
        seen_size: the size of a checkpoint that the asker kept; the bundle proves that the log grew from it.

    Raises:
        Forbidden: the asker may not take these papers away.
        InvalidInput: not exactly one of the three, a period without length, beyond ten years or ahead, or no size.
        TooManyBundles: as many as one person may wait for are not done yet.
    """
    given = [row for row in (promotion, ai_system, period) if row is not None]
    if len(given) != 1:
        raise InvalidInput("Name one of these: a promotion request, an AI system, or a period.")
    check_may_ask(requester, promotion.approval.system_id if promotion else ai_system.pk if ai_system else None)
    if period and not (period[0] < period[1] <= period[0] + LONGEST and period[0] <= clock.now()):
        raise InvalidInput("A period ends after it begins, begins before now, and is of ten years at most.")
    if seen_size is not None and not 0 < seen_size < 2**48:
        raise InvalidInput("The size of a checkpoint is its second line, a whole number from 1 on.")
    User.objects.select_for_update(no_key=True).get(pk=requester.pk)  # who asks twice at once is counted twice
    if BundleJob.objects.filter(requested_by=requester, state__in=OPEN).count() >= MOST_OPEN:
        raise TooManyBundles(f"{MOST_OPEN} bundles that you asked for are not done yet; wait until one is.")
    now = clock.now()
    scope = BundleJob.Scope.PROMOTION if promotion else BundleJob.Scope.SYSTEM if ai_system else BundleJob.Scope.PERIOD
    return BundleJob.objects.create(
        scope=scope,
        promotion=promotion,
        system=ai_system,
        begins_at=period[0] if period else None,
        ends_at=period[1] if period else None,
        seen_size=seen_size,
        requested_by=requester,
        made_at=now,
        due_at=now + _SENT_FOR,
    )


def build_bundle(job_id: uuid.UUID, *, wait: Wait = lambda: time.sleep(_POLL_S)) -> BundleJob:
    """Make one bundle and keep its file for the time of retention; whatever goes wrong is kept with the job.

    Safe twice: a job that is done, or that another worker holds, stays as it is; one that is begun anew gives the same
    bytes. What may pass is tried again, :data:`ATTEMPTS` times in all.

    Args:
        wait: called between two looks at what the notary has done.
    Raises:
        Forbidden: the asker has lost the right since.
        InvalidInput: too many entries speak of it.
        LeaseLost: the job went to another worker meanwhile; nothing of this one remains.
        NotIntegrated: the log has no checkpoint yet, or the notary stands still.
    """
    job, taken = _take(job_id)
    if not taken:
        return job
    try:
        _build(job, wait)
    except LeaseLost:
        raise
    except (Forbidden, InvalidInput) as refusal:
        _fail(job, refusal.detail, again=False)
        raise
    except Exception as error:
        _fail(job, error.detail if isinstance(error, DomainError) else f"{type(error).__name__}: {error}", again=True)
        raise
    job.refresh_from_db()
    return job


@transaction.atomic
def _take(job_id: uuid.UUID) -> tuple[BundleJob, bool]:
    """Return a job, and whether it is this worker's from now on, under its own number of attempt."""
    wanted = BundleJob.objects.select_for_update(of=("self",)).select_related(
        "promotion__version__model", "promotion__approval__policy_version", "system", "requested_by"
    )
    job = wanted.get(pk=job_id)
    if job.state != BundleJob.State.QUEUED:
        return job, False
    now = clock.now()
    job.state, job.attempt, job.error = BundleJob.State.RUNNING, job.attempt + 1, ""
    # Nobody works longer than the broker lets a task run, so that a lease needs no extending.
    job.started_at, job.due_at = now, now + timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT) + _GRACE
    job.save(update_fields=["state", "attempt", "error", "started_at", "due_at"])
    return job, True


def _held(job: BundleJob) -> QuerySet[BundleJob]:
    """Return the row of a job for as long as the worker that took it as ``job`` holds it; else no row."""
    return BundleJob.objects.filter(pk=job.pk, state=BundleJob.State.RUNNING, attempt=job.attempt)


def _note(job: BundleJob, **fields: Any) -> None:
    """Write into the row of a job that is held.

    Raises:
        LeaseLost: it is not.
    """
    if not _held(job).update(**fields):
        raise LeaseLost(f"Attempt {job.attempt} of the {job} was replaced.")


def _build(job: BundleJob, wait: Wait) -> None:
    check_may_ask(job.requested_by, system_of(job))
    if job.log_size is None:
        wait_until_placed(wait)
        job.log_size = head().size
        _note(job, log_size=job.log_size)
    top = head(job.log_size)
    with transaction.atomic():
        found = gather(job, top.size)
        whole = may_take_all(job.requested_by)
        contents = Contents(found, top, about=job.about, whole=whole, seen=job.seen_size)
    with tempfile.TemporaryDirectory(prefix="placet-case-") as folder:
        path = _write(job, found, contents, Path(folder) / "case.zip", wait)
        size, digest = path.stat().st_size, storage.put_stream(_pieces(path), folder=FOLDER)
    now = clock.now()
    made = {"whole": whole, "worded": contents.worded, "file_digest": digest, "file_bytes": size}
    try:
        _note(job, state=BundleJob.State.DONE, finished_at=now, kept_until=now + kept_for("bundles"), **made)
    except BaseException:
        _drop(digest)
        raise


def _write(job: BundleJob, found: Gathered, contents: Contents, path: Path, wait: Wait) -> Path:
    top = contents.head
    period = {"from": clock.rfc3339(found.start), "to": clock.rfc3339(found.end)}
    scope = {"kind": str(job.scope), "name": job.about, **period}
    return write_case(
        path,
        origin=top.origin,
        size=top.size,
        root=top.root,
        scope=scope,
        created_at=clock.rfc3339(top.at),
        members=_telling(job, contents),
        left_out=lambda: contents.left_out,
        seal=lambda manifest: _seal(job, manifest, scope, top.size, wait),
    )


def _telling(job: BundleJob, contents: Contents) -> Iterator[tuple[str, bytes]]:
    """Yield the members, and note with the job how far it is."""
    told = 0.0
    for number, member in enumerate(contents.members(), start=1):
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            _note(job, steps_done=number, steps_total=max(len(contents), number))
        yield member


def _seal(job: BundleJob, manifest: bytes, scope: dict[str, str], size: int, wait: Wait) -> bytes:
    """Log what goes out and return the entry's receipt; a job that comes to the same manifest again has its entry.

    Raises:
        LeaseLost: another worker has the job now, and logs what it makes itself.
    """
    digest = f"sha256:{sha256(manifest).hexdigest()}"
    with transaction.atomic():
        row = _held(job).select_for_update().first()
        if row is None:
            raise LeaseLost(f"Attempt {job.attempt} of the {job} was replaced.")
        if row.entry is None or row.manifest_digest != digest:
            data = {"manifest": digest, "size": size, "format": FORMAT, **scope}
            row.entry = audit.append(event=Event.BUNDLE_EXPORTED, actor=job.requested_by, data=data)
            row.manifest_digest = digest
            row.save(update_fields=["entry", "manifest_digest"])
    return wait_for_receipt(row.entry, wait=wait)


def _fail(job: BundleJob, error: str, *, again: bool) -> None:
    """Say why a job came to nothing: people see it. It waits for another attempt if that may help and one is left."""
    now = clock.now()
    if again and job.attempt < ATTEMPTS:
        _held(job).update(state=BundleJob.State.QUEUED, error=error[:2000], due_at=now + _AGAIN_AFTER)
    else:
        _held(job).update(state=BundleJob.State.FAILED, error=error[:2000], finished_at=now)


def due_bundles() -> list[uuid.UUID]:
    """Return the jobs of which a worker must be told (again), and take them for told; free those of dead workers."""
    now = clock.now()
    dead = BundleJob.objects.filter(state=BundleJob.State.RUNNING, due_at__lt=now)
    dead.filter(attempt__gte=ATTEMPTS).update(
        state=BundleJob.State.FAILED,
        finished_at=now,
        error=f"The worker died in the last of {ATTEMPTS} attempts; its memory or time limit may be too small for it. "
        "Ask for a shorter period or for one promotion.",
    )
    dead.update(state=BundleJob.State.QUEUED)
    waiting = BundleJob.objects.filter(state=BundleJob.State.QUEUED, due_at__lt=now).order_by("made_at", "pk")
    due = list(waiting.values_list("pk", flat=True)[:50])
    # A worker that is busy still has the message: telling it each minute would only lengthen its queue.
    BundleJob.objects.filter(pk__in=due, state=BundleJob.State.QUEUED).update(due_at=now + _TOLD_FOR)
    return due


def delete_old() -> int:
    """Delete the files whose time is over, or that hold erased words, unless a legal hold keeps them; return how many.

    Jobs and entries stay.
    """
    kept, now = BundleJob.objects.exclude(file_digest="").select_related("promotion__approval"), clock.now()
    over = [job for job in kept.iterator() if (job.kept_until and job.kept_until < now) or log.erased_of(job.worded)]
    return sum(_delete(job) for job in over)


@transaction.atomic
def _delete(job: BundleJob) -> bool:
    if holds.standing().on((holds.Kind.BUNDLE, job.pk), *holds.of_systems([system_of(job)])):
        return False
    BundleJob.objects.filter(pk=job.pk).update(file_digest="", worded=[])
    _drop(job.file_digest)
    return True


def _drop(digest: str) -> None:
    """Delete a file that no job names (any more)."""
    if not BundleJob.objects.filter(file_digest=digest).exists():
        storage.remove(digest, folder=FOLDER)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
