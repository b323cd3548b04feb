"""Datasets as people see and delete them: who may read which, what rests on one, and what is gone."""

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from governance.accounts import holds
from governance.accounts.access import readable_systems
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.accounts.services import require_password
from governance.audit import services as audit
from governance.audit.actors import Actor, System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence import storage
from governance.evidence.models import Evidence
from governance.inventory.models import DatasetPin
from registry.errors import DatasetGone
from registry.models import DatasetSnapshot, ModelVersion

SWEEPER = System("retention")
LONGEST_REASON = 2_000


def gone_since(digest: str) -> datetime | None:
    """Return when a dataset's bytes were deleted; None while they are kept, and for what was never kept here."""
    return gone_of([digest]).get(digest)


def gone_of(digests: Collection[str]) -> dict[str, datetime]:
    """Return the same for many datasets at once, only those that are gone; one query."""
    rows = DatasetSnapshot.objects.filter(digest__in=set(digests) - {""}, gone_at__isnull=False)
    return {digest: at for digest, at in rows.values_list("digest", "gone_at") if at}


def gone_said(row: DatasetSnapshot) -> str:
    """Return in one sentence that evidence made on a dataset can't be made again; empty while it can."""
    if not row.gone_at:
        return ""
    return f"No longer reproducible since {clock.day(row.gone_at.date())}: the data was deleted, {_why(row)}."


def _why(row: DatasetSnapshot) -> str:
    return {
        DatasetSnapshot.Gone.OFFICER: "as a data protection officer had it",
        DatasetSnapshot.Gone.DUE: "because its delete-by date passed",
    }[DatasetSnapshot.Gone(row.gone_because)]


def data_gone(evidence: Evidence) -> str:
    """Return in a sentence that the data a piece of evidence was measured on is gone; empty while it is there."""
    if not evidence.dataset_digest:
        return ""
    row = DatasetSnapshot.objects.filter(digest=evidence.dataset_digest).order_by("gone_at").first()
    if row is None:  # records of a window, which are kept by their own rules
        return ""
    if not row.gone_at and row.role != DatasetSnapshot.Role.TRAINING and not storage.holds(row.digest):
        return "No longer reproducible: the bytes of its data are not in Placet's storage any more."
    return gone_said(row)


def not_repeatable(evidence: Iterable[Evidence]) -> list[str]:
    """Return in a sentence a dataset which of these pieces of evidence can't be made again; one query."""
    by_digest: dict[str, list[str]] = {}
    for item in evidence:
        by_digest.setdefault(item.dataset_digest, []).append(item.type)
    rows = DatasetSnapshot.objects.filter(digest__in=by_digest, gone_at__isnull=False).order_by("digest", "gone_at")
    said = {row.digest: f"{', '.join(sorted(set(by_digest[row.digest])))}: {gone_said(row)}" for row in rows}
    return list(said.values())


def systems_of(digest: str) -> frozenset[uuid.UUID | None]:
    """Return the AI systems that use a dataset: by a version's declaration, a pin, or evidence; None for none."""
    versions = ModelVersion.objects.filter(
        Q(evaluation_dataset__digest=digest)
        | Q(training_dataset__digest=digest)
        | Q(pk__in=Evidence.objects.filter(dataset_digest=digest, subject_id__isnull=False).values("subject_id"))
    )
    found = set(versions.values_list("model__system_id", flat=True))
    found |= set(DatasetPin.objects.filter(dataset_digest=digest).values_list("system_id", flat=True))
    return frozenset(found) or frozenset({None})


def datasets_for(user: User) -> QuerySet[DatasetSnapshot]:
    """Return the datasets that a person may read: those that a system in reach uses, newest first."""
    rows = DatasetSnapshot.objects.order_by("-mirrored_at", "digest", "role")
    reach = readable_systems(user)
    if reach.everything:
        return rows
    versions = ModelVersion.objects.filter(model__system__in=reach.systems)
    evidence = Evidence.objects.filter(subject_id__in=versions.values("pk")).exclude(dataset_digest="")
    pins = DatasetPin.objects.filter(system__in=reach.systems)
    return rows.filter(
        Q(pk__in=versions.filter(evaluation_dataset__isnull=False).values("evaluation_dataset"))
        | Q(pk__in=versions.filter(training_dataset__isnull=False).values("training_dataset"))
        | Q(digest__in=evidence.values("dataset_digest"))
        | Q(digest__in=pins.values("dataset_digest"))
    )


def dataset_for(user: User, digest: str) -> DatasetSnapshot:
    """Return a dataset as a person asks for it, by its digest with or without ``sha256:``.

    Raises:
        Unknown: there is none, or none that the person may read.
    """
    wanted = f"sha256:{digest.removeprefix('sha256:')}"
    known = "\0" not in digest and datasets_for(user).filter(digest=wanted).order_by("role")  # PostgreSQL takes no NUL
    found = known.first() if known else None
    if found is None:
        raise Unknown(f"There is no dataset {wanted[:80]}. The page of a model's version names those that it uses.")
    return found


def may_delete(user: User, digest: str) -> bool:
    """Return whether a person may have a dataset deleted: the data protection officer of every system that uses it."""
    return all(has_role(user, Role.DATA_PROTECTION_OFFICER, system_id=system_id) for system_id in systems_of(digest))


def check_may_delete(user: User, digest: str) -> None:
    """Refuse whoever may not have a dataset deleted.

    Raises:
        Forbidden: the person is not the data protection officer of every system that uses it.
    """
    if not may_delete(user, digest):
        raise Forbidden("A data protection officer of every AI system that uses the data has it deleted.")


@transaction.atomic
def delete_data(*, digest: str, by: User, reason: str, password: str | None = None) -> list[DatasetSnapshot]:
    """Delete the stored bytes of a dataset, in every role; what was measured on it stays and says so.

    The digest is over all columns, so a single column can't be taken out: what would be left is another dataset.

    Args:
        password: typed for it in a browser; None at the command line of the host.
    Raises:
        Forbidden: the person is not the data protection officer of every system that uses it.
        InvalidInput: no reason is given, one of more than 2,000 characters, or the password is another.
        DatasetGone: it was deleted before.
        UnderLegalHold: it, or a system that uses it, is held.
        Unknown: there is no such dataset.
    """
    check_may_delete(by, digest)
    if password is not None:
        require_password(by, password)
    if not reason.strip():
        raise InvalidInput("Say why the data is to be deleted; the log keeps it.")
    if len(reason.strip()) > LONGEST_REASON:
        raise InvalidInput(f"The reason takes at most {LONGEST_REASON:,} characters; this has {len(reason.strip()):,}.")
    rows = list(DatasetSnapshot.objects.select_for_update().filter(digest=digest).order_by("role"))
    if not rows:
        raise Unknown(f"There is no dataset {digest}.")
    kept = [row for row in rows if not row.gone_at]
    if not kept:
        raise DatasetGone(gone_said(rows[0]))
    holds.standing().check(*held_with(digest))
    _delete(kept, because=DatasetSnapshot.Gone.OFFICER, actor=by, payload={"reason": reason.strip()})
    return kept


def delete_due() -> int:
    """Delete what may not be kept any more, and what an interrupted deletion left, unless it is held.

    Returns: how many datasets.
    """
    today, gone = clock.now().date(), 0
    due = DatasetSnapshot.objects.filter(gone_at__isnull=True, delete_by__lt=today)
    digests = sorted(set(due.values_list("digest", flat=True)))
    for digest in digests:
        with transaction.atomic():
            if holds.standing().on(*held_with(digest)):
                continue
            rows = DatasetSnapshot.objects.select_for_update().filter(digest=digest, gone_at__isnull=True)
            _delete(list(rows.order_by("role")), because=DatasetSnapshot.Gone.DUE, actor=SWEEPER)
            gone += 1
    _remove(DatasetSnapshot.objects.filter(gone_at__isnull=False))
    return gone


def held_with(digest: str) -> list[holds.Thing]:
    """Return what keeps a dataset if it is under a legal hold: itself, and each system that uses it."""
    return [(holds.Kind.DATASET, digest), *holds.of_systems(systems_of(digest))]


def found(key: str) -> holds.Found:
    """Return what a hold on a dataset is on.

    Raises:
        Unknown: there is no such dataset.
    """
    row = DatasetSnapshot.objects.filter(digest=key).first() if "\0" not in key else None
    if row is None:
        raise Unknown(f"There is no dataset {key[:80]}. A dataset's page has its digest.")
    hexadecimal = key.removeprefix("sha256:")
    systems = frozenset(system for system in systems_of(key) if system)
    return holds.Found(f"Dataset {hexadecimal[:12]}", systems, reverse("dataset", args=[hexadecimal]))


def _delete(
    rows: list[DatasetSnapshot], *, because: DatasetSnapshot.Gone, actor: Actor, payload: dict[str, str] | None = None
) -> None:
    if not rows:
        return
    for row in rows:
        row.gone_at, row.gone_because = clock.now(), because
        row.profile = {}  # what was known of the training rows' columns goes with their digests
    audit.append(
        event=Event.DATASET_DELETED,
        actor=actor,
        subjects=rows,
        data={
            "digest": rows[0].digest,
            "roles": [row.role for row in rows],
            "rows": rows[0].rows,
            "because": because,
            "delete_by": rows[0].delete_by.isoformat() if rows[0].delete_by else None,
        },
        payload=payload,
    )
    transaction.on_commit(lambda: _remove(rows))


def _remove(rows: Iterable[DatasetSnapshot]) -> None:
    """Take the bytes away, once the log says so. Of a training set there are only the digests of its rows."""
    for row in rows:
        with transaction.atomic():
            if not holds.standing().on(*held_with(row.digest)):  # set since; then its bytes stay until it is lifted
                storage.remove(row.row_digests or row.digest)
