"""Ask for bundles and make them. What goes out is on record: the log names the manifest and who asked for it."""

import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from django.db import transaction

from governance.accounts.models import User
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.audit.export import Wait, head, wait_until_placed
from governance.audit.receipts import wait_for_receipt
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.evidence import storage
from governance.inventory.models import AISystem
from placet.case_files import FORMAT, write_case
from registry.models import PromotionRequest
from reports.bundles.access import check_may_ask, may_take_all, system_of
from reports.bundles.contents import Contents
from reports.bundles.gathering import Gathered, gather
from reports.bundles.selectors import FOLDER
from reports.models import BundleJob

KEPT = timedelta(days=7)
LONGEST = timedelta(days=3660)
_TELL_EVERY_S, _POLL_S = 1.0, 0.1
_PIECE = 1 << 20


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
    """
    given = [row for row in (promotion, ai_system, period) if row is not None]
    if len(given) != 1:
        raise InvalidInput("Name one of these: a promotion request, an AI system, or a period.")
    check_may_ask(requester, promotion.approval.system_id if promotion else ai_system.pk if ai_system else None)
    if period and not (period[0] < period[1] <= period[0] + LONGEST and period[0] <= clock.now()):
        raise InvalidInput("A period ends after it begins, begins before now, and is of ten years at most.")
    if seen_size is not None and not 0 < seen_size < 2**48:
        raise InvalidInput("The size of a checkpoint is its second line, a whole number from 1 on.")
    scope = BundleJob.Scope.PROMOTION if promotion else BundleJob.Scope.SYSTEM if ai_system else BundleJob.Scope.PERIOD
    return BundleJob.objects.create(
        scope=scope,
        promotion=promotion,
        system=ai_system,
        begins_at=period[0] if period else None,
        ends_at=period[1] if period else None,
        seen_size=seen_size,
        requested_by=requester,
        made_at=clock.now(),
    )


def build_bundle(job_id: uuid.UUID, *, wait: Wait = lambda: time.sleep(_POLL_S)) -> BundleJob:
    """Make one bundle and keep its file for a week. Safe twice: a finished job stays, a begun one makes the same bytes.

    Args:
        wait: called between two looks at what the notary has done.
    Raises:
        Forbidden: the asker has lost the right since.
        InvalidInput: too many entries speak of it.
        NotIntegrated: the log has no checkpoint yet, or the notary stands still.
    """
    open_states = [BundleJob.State.QUEUED, BundleJob.State.RUNNING]
    rows = BundleJob.objects.filter(pk=job_id)
    taken = rows.filter(state__in=open_states).update(state=BundleJob.State.RUNNING, started_at=clock.now())
    job = BundleJob.objects.select_related(
        "promotion__version__model", "promotion__approval__policy_version", "system", "requested_by"
    ).get(pk=job_id)
    if not taken:
        return job
    check_may_ask(job.requested_by, system_of(job))
    if job.log_size is None:
        wait_until_placed(wait)
        job.log_size = head().size
        rows.update(log_size=job.log_size)
    top = head(job.log_size)
    with transaction.atomic():
        found = gather(job, top.size)
        whole = may_take_all(job.requested_by)
        contents = Contents(found, top, about=job.about, whole=whole, seen=job.seen_size)
    with tempfile.TemporaryDirectory(prefix="placet-case-") as folder:
        path = _write(job, found, contents, Path(folder) / "case.zip", wait)
        size, digest = path.stat().st_size, storage.put_stream(_pieces(path), folder=FOLDER)
    now = clock.now()
    rows.filter(state=BundleJob.State.RUNNING).update(
        state=BundleJob.State.DONE,
        whole=whole,
        worded=contents.worded,
        file_digest=digest,
        file_bytes=size,
        finished_at=now,
        kept_until=now + KEPT,
    )
    job.refresh_from_db()
    return job


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
    rows, told = BundleJob.objects.filter(pk=job.pk), 0.0
    for number, member in enumerate(contents.members(), start=1):
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            rows.update(steps_done=number, steps_total=max(len(contents), number))
        yield member


def _seal(job: BundleJob, manifest: bytes, scope: dict[str, str], size: int, wait: Wait) -> bytes:
    """Log what goes out and return the entry's receipt; a job that comes to the same manifest again has its entry."""
    digest = f"sha256:{sha256(manifest).hexdigest()}"
    with transaction.atomic():
        row = BundleJob.objects.select_for_update().get(pk=job.pk)
        if row.entry is None or row.manifest_digest != digest:
            data = {"manifest": digest, "size": size, "format": FORMAT, **scope}
            row.entry = audit.append(event=Event.BUNDLE_EXPORTED, actor=job.requested_by, data=data)
            row.manifest_digest = digest
            row.save(update_fields=["entry", "manifest_digest"])
    return wait_for_receipt(row.entry, wait=wait)


def fail_bundle(job_id: uuid.UUID, error: str) -> None:
    """Close a job that can't be done; people see why."""
    BundleJob.objects.filter(pk=job_id).exclude(state=BundleJob.State.DONE).update(
        state=BundleJob.State.FAILED, error=error[:2000], finished_at=clock.now()
    )


def delete_old() -> int:
    """Delete the files whose time is over, or that hold erased words, and return how many; jobs and entries stay."""
    kept, now = BundleJob.objects.exclude(file_digest="").only("file_digest", "kept_until", "worded"), clock.now()
    over = [job for job in kept.iterator() if (job.kept_until and job.kept_until < now) or log.erased_of(job.worded)]
    for job in over:
        BundleJob.objects.filter(pk=job.pk).update(file_digest="", worded=[])
        if not BundleJob.objects.filter(file_digest=job.file_digest).exists():
            storage.remove(job.file_digest, folder=FOLDER)
    return len(over)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
