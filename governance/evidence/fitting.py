"""Which evidence meets what a request asks for, and why other evidence does not. One place for pages and verdicts."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from governance.evidence import evaluation, levels
from governance.evidence.models import Evidence, EvidenceJob
from governance.evidence.producers import producible

Wanted = Mapping[str, Any]
"""One row of a request's ``required_evidence``: type, dataset, parameters, settings, inputs, not_before; ``origin`` and
``isolation`` where the policy says so."""


def why_not(wanted: Wanted, item: Evidence) -> str:
    """Return in one sentence, without its full stop, why evidence does not do; empty when it does."""
    if wanted.get("origin") == "computed" and item.origin != Evidence.Origin.COMPUTED:
        return f"The {item.type} evidence that is there was submitted, and the policy wants what Placet computed"
    if least := wanted.get("isolation"):
        level = levels.reached(item.environment)
        if not levels.suffices(level, least):
            said = f"says isolation {level}" if level else "says nothing of isolation"
            return f"The {item.type} evidence that is there {said}, and the policy wants {least} at least"
    return ""


def fitting(wanted: Wanted, *, subject_id: uuid.UUID, subject_digest: str) -> Evidence | None:
    """Return the newest evidence that meets a requirement about a subject: computed first, else submitted, else None.

    What Placet computed counts from exactly its inputs. What somebody submitted counts for the same subject and data,
    if it states the very parameters that the policy names and the decision threshold of the version.
    """
    found = [item for item in _candidates(wanted, subject_id, subject_digest) if not why_not(wanted, item)]
    computed = [item for item in found if item.origin == Evidence.Origin.COMPUTED]
    return next(iter([*computed, *found]), None)


def nearest(wanted: Wanted, *, subject_id: uuid.UUID, subject_digest: str) -> Evidence | None:
    """Return the newest evidence that is there without doing, once no job is to bring better; None while one may.

    A request that can have nothing better is reviewed with it, and its verdict says what is missing.
    """
    newest = EvidenceJob.objects.filter(inputs_digest=wanted["inputs"], again=None).order_by("-made_at").first()
    if newest and newest.state != EvidenceJob.State.DONE:
        return None
    items = list(_candidates(wanted, subject_id, subject_digest))
    if newest is None and producible(wanted["type"]):  # a producer's work that nobody has asked for yet
        return None
    return items[0] if items else None


def choosy(wanted: Wanted) -> bool:
    """Return whether a requirement says more of evidence than how it is to be made."""
    return bool(wanted.get("origin") or wanted.get("isolation"))


def of_type(wanted: Iterable[Wanted], evidence_type: str) -> Wanted | None:
    """Return the requirement of a type, None where there is none."""
    return next((row for row in wanted if row["type"] == evidence_type), None)


def _candidates(wanted: Wanted, subject_id: uuid.UUID, subject_digest: str) -> list[Evidence]:
    own = wanted["type"] == evaluation.TYPE  # made on data of its own
    rows: QuerySet[Evidence] = Evidence.objects.filter(
        Q(inputs_digest=wanted["inputs"])
        | Q(
            subject_digest=subject_digest,
            subject_id=subject_id,
            type=wanted["type"],
            origin=Evidence.Origin.SUBMITTED,
            **({} if own else {"dataset_digest": wanted["dataset"]}),
        )
    )
    if oldest := wanted.get("not_before"):
        rows = rows.filter(made_at__gte=oldest)
    found = [item for item in rows.order_by("-made_at") if _made_alike(wanted, item)]
    fresh = [item for item in found if not oldest or item.dates_from >= datetime.fromisoformat(oldest)]
    return sorted(fresh, key=lambda item: item.dates_from, reverse=True)  # a late push is no newer for it


def _made_alike(wanted: Wanted, item: Evidence) -> bool:
    """Return whether submitted evidence states what computed evidence of these inputs would have been made with."""
    if item.inputs_digest == wanted["inputs"]:
        return True
    subject = wanted.get("settings", {}).get("subject", {})
    stated = item.settings.get("subject", {})
    return bool(item.parameters == wanted["parameters"] and stated == subject)
