"""Read requests: what evidence they rest on, who may sign now, what waits for whom."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Aggregate, Count, DurationField, Q, QuerySet

from governance.accounts.access import Reach, Reader, readable, readable_systems
from governance.accounts.models import User
from governance.accounts.roles import DECIDING
from governance.accounts.selectors import RolesHeld, grants_in_force, roles_held
from governance.approvals import delegated, inherited
from governance.approvals.models import OPEN, ApprovalRequest, Decision, Finding, RequestIndex, State
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import Unknown
from governance.evidence import fitting, papers
from governance.evidence import selectors as evidence_selectors
from governance.evidence.canary import CANARY
from governance.evidence.models import Evidence
from governance.policy import duties
from governance.policy.document import HUMAN_REVIEW
from governance.policy.evaluate import evidence_names
from governance.policy.selectors import document_of


class Median(Aggregate):
    """The middle value, as PostgreSQL interpolates it; None of no rows."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


ERASED = "The words were erased; their commitment stays in the log."


def readable_requests(rows: QuerySet[ApprovalRequest], reader: Reader) -> QuerySet[ApprovalRequest]:
    """Return the requests among ``rows`` that a person may read.

    They are of the systems in reach; besides those, what the person made, signed, or can sign now in another's place.
    """
    reach = readable_systems(reader)
    if reach.everything:
        return rows
    signed = Decision.objects.filter(approver=reach.person).values("request")
    now = waiting(reach.person).values("request")
    own = Q(requester=reach.person) | Q(pk__in=signed) | Q(pk__in=now)
    return readable(rows, reach, system="system", own=own)


def request_for(user: User, pk: uuid.UUID) -> ApprovalRequest:
    """Return one request with what its page needs, as a person asks for it.

    Raises:
        Unknown: there is none, or none that the person may read.
    """
    if not readable_requests(ApprovalRequest.objects.filter(pk=pk), user).exists():
        raise Unknown(_no_request(pk))
    return request(pk)


def request(pk: uuid.UUID) -> ApprovalRequest:
    """Return one request, as Placet's own work needs it; what people see comes from :func:`request_for`."""
    try:
        return ApprovalRequest.objects.select_related("system", "system__owner", "policy_version", "requester").get(
            pk=pk
        )
    except ApprovalRequest.DoesNotExist:
        raise Unknown(_no_request(pk)) from None


def _no_request(pk: uuid.UUID) -> str:
    return f"There is no approval request {pk}."


def open_requests() -> QuerySet[ApprovalRequest]:
    """Return requests that are not settled, oldest first."""
    return (
        ApprovalRequest.objects.filter(state__in=OPEN)
        .select_related("system", "policy_version", "requester")
        .order_by("opened_at")
    )


def required_evidence(approval: ApprovalRequest) -> list[tuple[dict[str, Any], Evidence | None]]:
    """Return each requirement with the newest evidence made from exactly its inputs, None where there is none.

    A validation by somebody who has a part in this request, or made other evidence of it, is none: see
    :func:`newest_validation`.
    """
    found = [
        (wanted, None if wanted["type"] == HUMAN_REVIEW else _made_for(approval, wanted))
        for wanted in approval.required_evidence
    ]
    if all(wanted["type"] != HUMAN_REVIEW for wanted, _ in found):
        return found
    made = set[str]().union(*producers_of([item for _, item in found if item]).values())
    return [
        (wanted, _counting(approval, _validations_for(wanted), made) if wanted["type"] == HUMAN_REVIEW else item)
        for wanted, item in found
    ]


def _validations_for(wanted: Mapping[str, Any]) -> QuerySet[Evidence]:
    return evidence_selectors.all_from(wanted["inputs"], not_before=wanted.get("not_before"))


def producers_of(evidence: Iterable[Evidence]) -> dict[str, set[str]]:
    """Return who made evidence and who stands behind them, as ids, by the part that this gives them.

    A human review is not meant: who signs one may well decide, and a policy can ask for just that.
    """
    actors = (item.producer_id.partition(":") for item in evidence if item.type != HUMAN_REVIEW)
    made = {who for kind, _, who in actors if kind in {"person", "service"}}
    return {"evidence_producer": made, "sponsor": sponsors_of(made)}


def sponsors_of(people: Iterable[str]) -> set[str]:
    """Return who stands behind those of the people that are service accounts."""
    behind = User.objects.filter(pk__in=set(people), sponsor__isnull=False).values_list("sponsor_id", flat=True)
    return {str(person) for person in behind}


def _made_for(approval: ApprovalRequest, wanted: Mapping[str, Any]) -> Evidence | None:
    asker = approval.requester_id
    if "kind" in wanted:
        own = papers.counting(approval.system_id, wanted, clock.now(), asker=asker)
        return own or inherited.of_a_base(wanted, asker=asker)
    if wanted["type"] == CANARY:  # as of its own request, so nothing else can stand for it
        return evidence_selectors.evidence_from(wanted["inputs"], not_before=wanted.get("not_before"))
    who, digest = approval.subject_id, approval.subject_digest
    found = fitting.fitting(wanted, subject_id=who, subject_digest=digest)
    if found is None and fitting.choosy(wanted):
        return fitting.nearest(wanted, subject_id=who, subject_digest=digest)
    return found or inherited.of_a_base(wanted, asker=asker)


def reviews(approval: ApprovalRequest) -> list[Evidence]:
    """Return the signed human reviews of checks given in this request, oldest first."""
    return list(
        Evidence.objects.filter(
            type="human_review/v1",
            subject_digest=approval.subject_digest,
            parameters__request=str(approval.pk),
            payload__has_key="check",  # a validation of the version is of no check
        ).order_by("made_at")
    )


def newest_validation(approval: ApprovalRequest) -> Evidence | None:
    """Return the newest signed validation of the version that a request is about, for whichever request it was made.

    One by somebody who had a part in this request does not count, unless it says that the version is not fit: they were
    independent when they signed, and a part that they have by now must not unsay it.
    """
    signed = Evidence.objects.filter(
        type=HUMAN_REVIEW,
        subject_digest=approval.subject_digest,
        subject_id=approval.subject_id,
        payload__kind="validation",
    )
    return _counting(approval, signed.order_by("-made_at"))


def _counting(approval: ApprovalRequest, newest_first: Iterable[Evidence], made: Iterable[str] = ()) -> Evidence | None:
    parts = {row["person"] for row in approval.excluded if duties.FLOOR.intersection(row["reasons"])}
    involved = {f"person:{person}" for person in (*parts, *made, approval.requester_id, approval.system.owner_id)}
    return next(
        (row for row in newest_first if row.payload.get("opinion") == "not_fit" or row.producer_id not in involved),
        None,
    )


def standing_reviews(approval: ApprovalRequest) -> list[Evidence]:
    """Return those human reviews whose check still reads the evidence that the reviewer saw, oldest first."""
    given = reviews(approval)
    if not given:
        return []
    frozen = _frozen(approval)
    return [row for row in given if row.payload["evidence"] == _behind(approval, row.payload["check"], frozen)]


def evidence_behind(approval: ApprovalRequest, check_id: str) -> list[str]:
    """Return the payload digests, sorted, of the frozen evidence that a check reads; of all of it for a check that
    is not in the policy."""
    return _behind(approval, check_id, _frozen(approval))


def _frozen(approval: ApprovalRequest) -> list[tuple[str, str]]:
    """Return type and payload digest of the frozen evidence, without its payloads: they are long."""
    return list(evidence_selectors.with_ids(approval.evidence_ids).values_list("type", "payload_digest"))


def _behind(approval: ApprovalRequest, check_id: str, frozen: Sequence[tuple[str, str]]) -> list[str]:
    rule = next((row for row in document_of(approval.policy_version).checks if row.id == check_id), None)
    names = evidence_names(rule) if rule else {kind.partition("/")[0] for kind, _ in frozen}
    return sorted({digest for kind, digest in frozen if kind.partition("/")[0] in names})


def review_given(approval: ApprovalRequest, stage: Mapping[str, Any]) -> bool:
    """Return whether an accepted human review by somebody who may sign in the stage stands."""
    return any(
        row.payload["verdict"] == "accepted"
        and row.producer_id.removeprefix("person:") in {*stage["eligible"], *stage.get("delegates", {})}
        for row in standing_reviews(approval)
    )


def reviewable_checks(approval: ApprovalRequest) -> list[dict[str, Any]]:
    """Return the checks of which a human review can be signed now.

    Those that are held for one; if none is, and the open stage requires a review that nobody has given, every check.
    """
    if approval.state != State.IN_REVIEW:
        return []
    rows: list[dict[str, Any]] = approval.verdict.get("checks", [])
    held = [row for row in rows if row["wants_review"]]
    stage = open_stage(approval)
    if held or stage is None or stage["requires"] != HUMAN_REVIEW or review_given(approval, stage):
        return held
    return rows


def due_at(approval: ApprovalRequest) -> datetime | None:
    """Return when a request in review expires undecided, None in any other state."""
    if approval.state != State.IN_REVIEW or approval.review_opened_at is None:
        return None
    return approval.review_opened_at + approval.decide_within


def serves_until(approval: ApprovalRequest) -> datetime | None:
    """Return until when what was approved may be loaded: the end of its validity and the policy's grace.

    None for a request that was never approved. A revoked approval serves nothing, whatever this says.
    """
    if approval.valid_until is None:
        return None
    return approval.valid_until + document_of(approval.policy_version).approval.grace


def state_said(approval: ApprovalRequest) -> str:
    """Return why a request is in its state: the row's neutral reason, and the words of the person who moved it.

    The words lie in the log's erasable payload; once they are erased, that is what is said.
    """
    if approval.state in {State.REJECTED, State.CHANGES_REQUESTED}:
        last = approval.decisions.order_by("-decided_at").first()
        entry_id, key = (last.log_entry, "rationale") if last else (None, "")
    else:
        entry_id, key = approval.log_entry if approval.state_reason else None, "words"
    if entry_id is None or log.entry_by_id(entry_id).parsed["payload"] is None:
        return approval.state_reason
    payload = log.payload_of(entry_id)
    words = ERASED if payload is None else payload.get(key, "")
    return f"{approval.state_reason} {words}".strip()


def decisions(approval: ApprovalRequest) -> list[Decision]:
    """Return every decision on the request, in order."""
    return list(approval.decisions.select_related("approver").order_by("decided_at"))


def current_round(approval: ApprovalRequest) -> int:
    """Return the round that decisions count for: one more for each time changes were requested."""
    return 1 + sum(row.verdict == Decision.Verdict.REQUEST_CHANGES for row in approval.decisions.all())


def open_stage(approval: ApprovalRequest) -> dict[str, Any] | None:
    """Return the first stage whose quorum is not met, None when all are."""
    rounds = current_round(approval)
    approving = Decision.Verdict.APPROVE
    signatures = [row for row in approval.decisions.all() if row.round == rounds and row.verdict == approving]
    for stage in approval.stages:
        signed = sum(row.stage == stage["name"] for row in signatures)
        if signed < stage["quorum"]:
            return dict(stage, signed=signed)
    return None


def exclusion_of(approval: ApprovalRequest, person: User) -> list[str]:
    """Return why the person can't sign this request; empty when nothing keeps them from it."""
    for row in approval.excluded:
        if row["person"] == str(person.pk):
            return list(row["reasons"])
    return []


def is_eligible(approval: ApprovalRequest, stage: Mapping[str, Any], person: User, held: RolesHeld) -> bool:
    """Return whether the person may sign in a stage: listed when the request was made, and since then without a break.

    A role that ended or a deactivation ends it at once; a role given after the request was made gives nothing. In whose
    place it is, their own or another's, :func:`governance.approvals.delegated.place_in` says.
    """
    return delegated.place_in(approval, stage, person, held) is not None


def can_sign_now(approval: ApprovalRequest, person: User, held: RolesHeld | None = None) -> bool:
    """Return whether the person may decide in the open stage; give ``held`` when you ask about many requests."""
    if approval.state != State.IN_REVIEW or exclusion_of(approval, person):
        return False
    stage = open_stage(approval)
    if stage is None or not is_eligible(approval, stage, person, held or roles_held(person)):
        return False
    return not place_taken(approval, stage, person)


def place_taken(approval: ApprovalRequest, stage: Mapping[str, Any], person: User) -> bool:
    """Return whether the person, or somebody in the place in which they would sign, has signed in this round."""
    place = stage.get("delegates", {}).get(str(person.pk), str(person.pk))
    rounds = current_round(approval)
    return any(
        row.round == rounds and (row.approver_id == person.pk or str(row.on_behalf_of_id or row.approver_id) == place)
        for row in approval.decisions.all()
    )


def signable(person: User) -> Q:
    """Return the condition on the index of requests that the person can sign one now.

    Its index knows whom the open stage lists and who has signed; the roles that the person has held without a break
    since a request was made, or that were lent to them, are asked for here, because they end by the clock.
    """
    grants = grants_in_force().filter(person=person, role__in=DECIDING)
    may = Q()
    for role, system_id, valid_from in grants.values_list("role", "system_id", "valid_from"):
        here = Q(open_roles__contains=[role], opened_at__gte=valid_from)
        may |= here & Q(system_id=system_id) if system_id else here
    for role, systems, since in delegated.lent_to(person):
        lent = Q(open_roles__contains=[role], opened_at__gte=since)
        for system_id in systems:
            lent &= Q(system_id=system_id)
        may |= lent
    return may & Q(open_to__contains=[person.pk]) if may else Q(pk__in=[])


def waiting(person: User) -> QuerySet[RequestIndex]:
    """Return the requests that the person can sign now, as the index has them."""
    return RequestIndex.objects.filter(signable(person))


def waiting_for(person: User) -> list[ApprovalRequest]:
    """Return the requests that the person can sign now, oldest first."""
    rows = open_requests().filter(pk__in=waiting(person).values("request"))
    return list(rows.prefetch_related("decisions"))


def waiting_count(person: User, *, most: int = 100) -> int:
    """Return how many requests the person can sign now, counted up to ``most``: the badge of every page."""
    return waiting(person)[:most].count()


def findings_for(reader: Reader, *, closed: bool = False) -> QuerySet[Finding]:
    """Return the findings that a person may read, due first: those that they own, and those of systems in their reach.

    Args:
        closed: whether closed ones are among them.
    """
    rows = Finding.objects.select_related("system", "owner").order_by("due_on") if closed else open_findings()
    person = reader.person if isinstance(reader, Reach) else reader
    return readable(rows, reader, system="system", own=Q(owner=person))


def finding_for(user: User, pk: uuid.UUID) -> Finding:
    """Return one finding, open or closed, as a person asks for it.

    Raises:
        Unknown: there is none with that id, or it is out of the person's reach.
    """
    found = findings_for(user, closed=True).select_related("closed_by", "closure_evidence").filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no finding {pk}.")
    return found


def open_findings() -> QuerySet[Finding]:
    """Return findings that nobody closed, due first."""
    return Finding.objects.filter(closed_at__isnull=True).select_related("system", "owner").order_by("due_on")


def open_finding_counts(reach: Reach, today: date) -> dict[str, int]:
    """Return how many findings are open, how many of them overdue, and how many are the viewer's and due today."""
    return findings_for(reach).aggregate(
        open_findings=Count("pk"),
        overdue_findings=Count("pk", filter=Q(due_on__lt=today)),
        due_today=Count("pk", filter=Q(due_on=today, owner=reach.person)),
    )
