"""Make evidence again from what is stored of it, and say whether the same comes out."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import rfc8785
from django.db import transaction

from governance.accounts.models import User
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Unknown
from governance.evidence import comparing, levels
from governance.evidence.errors import CannotProduce, NotReproducible
from governance.evidence.models import Evidence, EvidenceJob, Reproduction
from governance.evidence.producers import Product, Task, producer, producible

PURE = levels.RUN_THE_MODEL | {"data_quality"}
"""Types, without version, that are made of bytes that are kept. The others count records of their own time."""
WORKER = System("evidence-worker")

COUNTED = frozenset({"drift/v1", "canary/v1"})
DataCheck = Callable[[Evidence], str]
_checks: list[DataCheck] = []


def register_data_check(check: DataCheck) -> None:
    """Ask ``check(evidence)`` before evidence is made again: a sentence if what it was made on is gone, else empty."""
    _checks.append(check)


def why_not(evidence: Evidence) -> str:
    """Return in a sentence why evidence can't be asked for again; empty when it can."""
    if evidence.origin != Evidence.Origin.COMPUTED:
        return "It was submitted; Placet did not make it, so only its sender can make it again."
    if evidence.type in COUNTED:
        return f"{evidence.type} counts the records of its time; it is not made again from stored bytes."
    if evidence.type.partition("/")[0] not in PURE or not producible(evidence.type):
        return f"{evidence.type} measures nothing, so there is nothing to measure again."
    return ""


def data_gone(evidence: Evidence) -> str:
    """Return in a sentence that what the evidence was made on is gone; empty while it is there."""
    return next(filter(None, (check(evidence) for check in _checks)), "")


@transaction.atomic
def ask_reproduction(*, evidence_id: uuid.UUID, by: User) -> EvidenceJob:
    """Return a job that makes evidence again and compares; the open one, if somebody asked already.

    Who may is for the caller to ask, as for other jobs.

    Raises:
        Unknown: there is no such evidence.
        NotReproducible: it was submitted, or counts records of its time.
    """
    evidence = Evidence.objects.select_for_update().filter(pk=evidence_id).first()
    if evidence is None:
        raise Unknown(f"There is no evidence {evidence_id}.")
    if wrong := why_not(evidence):
        raise NotReproducible(wrong)
    job, _ = EvidenceJob.objects.filter(finished_at=None).get_or_create(
        again=evidence.pk,
        inputs_digest=evidence.inputs_digest,
        defaults={
            "type": evidence.type,
            "subject_digest": evidence.subject_digest,
            "subject_name": evidence.subject_name,
            "dataset_digest": evidence.dataset_digest,
            "baseline_digest": evidence.baseline_digest,
            "parameters": evidence.parameters,
            "subject_id": evidence.subject_id,
            "baseline_id": evidence.baseline_id,
            "settings": evidence.settings,
            "asked_by": by,
            "made_at": clock.now(),
        },
    )
    return job


def seed_of(job: EvidenceJob) -> int:
    """Return the seed of a job: by its inputs, or the one that the evidence which it makes again was made with."""
    if job.again:
        environment = Evidence.objects.values_list("environment", flat=True).get(pk=job.again)
        if isinstance(seed := environment.get("seed"), int):
            return seed
    return int(job.inputs_digest[7:15], 16)


def original(job: EvidenceJob) -> Evidence:
    """Return the evidence that a job makes again."""
    return Evidence.objects.get(pk=str(job.again))


def produced_again(job: EvidenceJob, task: Task) -> Product:
    """Run the producer of a job that makes evidence again.

    Raises:
        CannotProduce: what the evidence was made on is gone, or whatever the producer says.
    """
    if gone := data_gone(original(job)):
        raise CannotProduce(gone)
    return producer(job.type)(task)


def compare(evidence: Evidence, product: Product) -> tuple[str, list[dict[str, Any]], list[str]]:
    """Return the result, the fields that differ (the first 200) and what was not the same as then."""
    tolerance = comparing.tolerance_of(evidence.type)
    found = comparing.differences(evidence.payload, product.payload, tolerance)
    reasons = _reasons(evidence, product)
    if not found:
        libraries = evidence.payload.get("libraries") == product.payload.get("libraries")
        result = Reproduction.Result.IDENTICAL if libraries else Reproduction.Result.WITHIN
    else:
        outside = any(not row.within for row in found)
        result = Reproduction.Result.DIFFERS if outside else Reproduction.Result.WITHIN
    if len(found) > comparing.MOST:
        reasons.append(f"{len(found):,} fields differ; {comparing.MOST} are kept, those out of tolerance first.")
    shown = sorted(found, key=lambda row: row.within)[: comparing.MOST]
    return result, [row.as_json() for row in shown], reasons


def _reasons(evidence: Evidence, product: Product) -> list[str]:
    then, now = evidence.environment, product.environment
    said = comparing.libraries_told(
        _texts(evidence.payload.get("libraries")) | _texts(then.get("libraries")),
        _texts(product.payload.get("libraries")) | _texts(now.get("libraries")),
    )
    names = {"python": "Python", "lock_digest": "Placet's locked libraries", "isolation": "Isolation"}
    for key, name in names.items():
        if then.get(key) != now.get(key):
            said.append(f"{name}: {then.get(key) or 'not stated'} then, {now.get(key) or 'not stated'} now.")
    return said


def _texts(value: Any) -> dict[str, str]:
    return {str(key): str(said) for key, said in value.items()} if isinstance(value, Mapping) else {}


@transaction.atomic
def write(
    job: EvidenceJob,
    *,
    result: str,
    reasons: Sequence[str],
    differences: Sequence[Mapping[str, Any]] = (),
    product: Product | None = None,
) -> Reproduction:
    """Keep what came of making evidence again, once for each job."""
    digest = "sha256:" + sha256(rfc8785.dumps(product.payload)).hexdigest() if product else ""
    row = Reproduction(
        evidence=original(job),
        job=job,
        asked_by=job.asked_by,
        result=result,
        payload_digest=digest,
        differences=list(differences),
        reasons=list(reasons),
        environment=product.environment if product else {},
        made_at=clock.now(),
    )
    audit.append(
        event=Event.EVIDENCE_REPRODUCED,
        actor=WORKER,
        subjects=[row],
        data={
            "evidence": job.again,
            "type": job.type,
            "subject": {"name": job.subject_name, "digest": job.subject_digest},
            "asked_by": job.asked_by.actor_id if job.asked_by else None,
            "result": str(result),
            "payload_digest": digest or None,
            "differing": len(row.differences),
            "reasons": list(reasons),
        },
    )
    return row
