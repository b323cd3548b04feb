"""The past that a policy is replayed on: requests with their frozen evidence, in as few queries as there are tables."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from governance.accounts.access import readable_systems
from governance.accounts.models import User
from governance.approvals import facts
from governance.approvals.models import ApprovalRequest, PolicyReplay
from governance.common.errors import Unknown
from governance.evidence import levels, papers
from governance.evidence.models import Evidence
from governance.evidence.standing import TYPE
from governance.inventory.mirrored import mirror
from governance.policy.document import PolicyDocument
from governance.policy.evaluate import Review
from governance.policy.replay import Case, Made, Reviewed
from governance.policy.selectors import document_of


def replay(pk: uuid.UUID) -> PolicyReplay:
    """Return one replay.

    Raises:
        Unknown: there is none with that id.
    """
    found = PolicyReplay.objects.select_related("policy_version", "asked_by").filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no policy replay {pk}.")
    return found


def replay_for(user: User, pk: uuid.UUID) -> PolicyReplay:
    """Return one replay as a person asks for it. It speaks of requests of every system: who reads them all reads it.

    Raises:
        Unknown: there is none with that id, or some system is out of the person's reach.
    """
    found = replay(pk)
    if not readable_systems(user).everything:
        raise Unknown(f"There is no policy replay {pk}.")
    return found


def replays() -> list[PolicyReplay]:
    """Return the newest replays, without their rows."""
    rows = PolicyReplay.objects.select_related("policy_version", "asked_by").defer("result", "text")
    return list(rows.order_by("-made_at")[:50])


def requests_for(document: PolicyDocument, *, most: int) -> list[ApprovalRequest]:
    """Return the newest requests that the policy would govern and that were evaluated once, oldest first.

    Those of systems which the policy is for as they are classified now, for one of its targets. A request whose
    evidence never was complete had no verdict that could be compared.
    """
    rows = ApprovalRequest.objects.filter(
        review_opened_at__isnull=False,
        asks_for__in=[f"alias {target.casefold()}" for target in document.targets],
        system__ai_act_class__in=document.ai_act_classes,
    ).exclude(verdict={})
    if document.model_tiers:
        rows = rows.filter(system__model_tier__in=document.model_tiers)
    newest = rows.select_related("policy_version").order_by("-opened_at", "-pk")[:most]
    return list(newest)[::-1]


def cases(requests: Sequence[ApprovalRequest]) -> list[Case]:
    """Return the requests as the pure core takes them, with three queries however many they are."""
    evidence = _evidence({pk for row in requests for pk in row.evidence_ids})
    roles = mirror().roles_by_dataset({item.dataset_digest for item in evidence.values() if item.dataset_digest})
    reviews = _reviews(requests)
    documents = papers.papers([item.pk for item in evidence.values() if item.type == TYPE])
    rules = _Rules()
    found = []
    for request in requests:
        items = [evidence[pk] for pk in request.evidence_ids if pk in evidence]
        found.append(
            Case(
                id=str(request.pk),
                asked_at=request.opened_at,
                facts=facts.of_request(request, items, at=request.review_opened_at, read=documents, whole=True),
                evidence=[_made(item, roles.get(item.dataset_digest, frozenset())) for item in items],
                then=request.verdict,
                holds=request.context.get("holds", []),
                reviews=[_reviewed(item, rules.of(request)) for item in reviews.get(str(request.pk), [])],
            )
        )
    return found


class _Rules:
    """What each check asked, by policy version; a version is read once."""

    def __init__(self) -> None:
        self._known: dict[uuid.UUID, dict[str, tuple[str, str | None]]] = {}

    def of(self, request: ApprovalRequest) -> dict[str, tuple[str, str | None]]:
        if request.policy_version_id not in self._known:
            checks = document_of(request.policy_version).checks
            self._known[request.policy_version_id] = {check.id: (check.expr, check.fails_if) for check in checks}
        return self._known[request.policy_version_id]


def _evidence(ids: Iterable[str]) -> dict[str, Evidence]:
    wanted = (
        "type",
        "subject_id",
        "projection",
        "payload_digest",
        "parameters",
        "dataset_digest",
        "made_at",
        "origin",
        "environment",
    )
    return {str(item.pk): item for item in Evidence.objects.filter(pk__in=set(ids)).only(*wanted)}


def _reviews(requests: Sequence[ApprovalRequest]) -> dict[str, list[Evidence]]:
    """Return the human reviews signed in each request, oldest first."""
    found: dict[str, list[Evidence]] = {}
    given = Evidence.objects.filter(
        type="human_review/v1",
        payload__has_key="check",  # a validation of the version is of no check
        subject_digest__in={row.subject_digest for row in requests},
        parameters__request__in=[str(row.pk) for row in requests],
    )
    for item in given.only("payload", "parameters", "producer_id", "made_at").order_by("made_at", "pk"):
        found.setdefault(item.parameters["request"], []).append(item)
    return found


def _made(item: Evidence, roles: Collection[str]) -> Made:
    computed = item.origin == Evidence.Origin.COMPUTED
    level = levels.reached(item.environment)
    return Made(item.type, item.payload_digest, item.parameters, roles, item.dates_from, computed, level)


def _reviewed(item: Evidence, rules: Mapping[str, tuple[str, str | None]]) -> Reviewed:
    said: dict[str, Any] = item.payload
    review = Review(said["check"], said["verdict"], said["reviewer_role"], item.producer_id)
    return Reviewed(review, rules.get(said["check"], ("", None)), tuple(said["evidence"]))
