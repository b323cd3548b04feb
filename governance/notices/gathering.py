"""Find what an entry of the log is about, as it stands now, so that the rules can say who is told."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.urls import reverse

from governance.accounts.models import AccessReview, Passkey, Token, User
from governance.accounts.roles import Role
from governance.accounts.selectors import people_with, roles_held
from governance.approvals import kinds, selectors
from governance.approvals.findings import QUESTIONS, asks_for_review, closers
from governance.approvals.models import ApprovalRequest, Delegation, Finding, State, Waiver
from governance.audit.selectors import LogEntry
from governance.common import clock
from governance.inventory.models import AISystem, Correspondence
from governance.notices import topics
from governance.notices.reading import CORRESPONDENCE, FINDING, OWN, PEOPLE, REQUEST, SYSTEM
from governance.notices.rules import About, Fact, People
from governance.validation.calendar import Due
from governance.validation.selectors import parts_of

Data = dict[str, Any]


def fact_of(entry: LogEntry) -> Fact | None:
    """Return the fact that an entry states; None where it is about nothing that anybody is told of."""
    body = entry.parsed
    subject, _, _ = entry.event.partition(".")
    gather = _GATHERERS.get(entry.event) or _GATHERERS.get(subject)
    about = gather(body["data"], body) if gather else None
    if topic := topics.of_event(entry.event):
        about = topic.about(body["data"])
    return Fact(entry.event, f"entry:{entry.id}", about, body["data"], _person(entry.actor)) if about else None


def about_request(approval: ApprovalRequest, data: Data) -> About:
    """Return a request with everybody who has a part in it now, and who may sign it."""
    shown = kinds.presented([approval])[approval.pk]
    stage = selectors.open_stage(approval) if approval.state == State.IN_REVIEW else None
    named = f" ({shown.reference})" if shown.reference and shown.reference not in shown.title else ""
    comment = data.get("comment")
    anchor = f"#comment-{comment}" if comment else ""
    return About(
        title=f"{shown.title} for {approval.asks_for}{named}",
        path=(shown.url or reverse("inbox")) + anchor,
        key=str(approval.pk),
        read=(REQUEST, approval.pk),
        state=approval.state,
        stage=stage["name"] if stage else "",
        round=selectors.current_round(approval),
        people={
            "requester": answering(approval.requester),
            "owner": answering(approval.system.owner),
            "concerned": _concerned(approval),
            "signers": _signers(approval) if stage else (),
            "escalated": [person.pk for person in people_with(data.get("to", ()), system_id=approval.system_id)]
            if isinstance(data.get("to"), list)
            else (),
            "mentioned": _known(data.get("mentions", ())),
        },
    )


def about_finding(finding: Finding) -> About:
    """Return a finding and its owner; while it asks for a review or a decision, also who may give it, and the system's
    owner.
    """
    where = finding.system.name if finding.system else "this installation"
    return About(
        title=f"{finding.get_severity_display()} finding of {where}",
        path=reverse("finding-detail", args=[finding.pk]),
        key=str(finding.pk),
        read=(FINDING, finding.pk),
        people={"owner": answering(finding.owner), **(_reviewers(finding) if asks_for_review(finding) else {})},
    )


def about_correspondence(row: Correspondence) -> About:
    """Return a notice or request by its number, and who may say that it was sent: owner, data protection officers."""
    officers = people_with([Role.DATA_PROTECTION_OFFICER], system_id=row.system_id)
    return About(
        title=f"{row} of {row.system.name}",
        path=reverse("correspondence-detail", args=[row.system_id, row.pk]),
        key=str(row.pk),
        read=(CORRESPONDENCE, row.pk),
        people={"senders": {*answering(row.system.owner), *(person.pk for person in officers)}},
    )


def about_review(review: AccessReview) -> About:
    """Return an access review that is not signed, its reviewer, and who else has roles to decide on in it."""
    others = review.items.filter(verdict="").values_list("assigned_to", flat=True).distinct()
    return About(
        title=f"to be signed by {clock.day(review.due_on)}",
        path=reverse("access-review-detail", args=[review.pk]),
        key=str(review.pk),
        read=(OWN, None),
        people={"reviewers": {review.reviewer_id, *others}},
    )


def about_validation(due: Due) -> About:
    """Return a live version that is due to be validated again, who may do that, and the owner of its AI system.

    While somebody is at it, it waits for nobody else.
    """
    system = due.approval.system
    able = [row for row in people_with([Role.VALIDATOR], system_id=system.pk) if not parts_of(due.approval, row)]
    return About(
        title=due.title,
        path=reverse("validation-calendar"),
        key=str(due.approval.subject_id),
        read=(REQUEST, due.approval.pk),
        people={
            "validators": (due.under_way.validator_id,) if due.under_way else [row.pk for row in able],
            "owner": answering(system.owner),
        },
    )


def about_token(token: Token) -> About:
    """Return a token and who answers for it."""
    return About(
        title=f"The token {token.label} of {token.holder.name}",
        path=reverse("security"),
        key=str(token.pk),
        read=(OWN, None),
        people={"person": answering(token.holder)},
    )


def answering(account: User) -> tuple[uuid.UUID, ...]:
    """Return the person behind an account: themselves, or the sponsor of a service account."""
    return (account.sponsor_id or account.pk,)


def _request(data: Data, body: Data) -> About | None:
    del body
    if "request" not in data:
        return None
    rows = ApprovalRequest.objects.select_related("system__owner", "requester", "policy_version")
    row = rows.prefetch_related("decisions").filter(pk=data["request"]).first()
    return about_request(row, data) if row else None


def _finding(data: Data, body: Data) -> About | None:
    del data
    keys = [row["key"] for row in body["subjects"] if row["table"] == Finding._meta.db_table]
    row = Finding.objects.select_related("system__owner", "owner").filter(pk__in=keys).first()
    return about_finding(row) if row else None


def _review(data: Data, body: Data) -> About | None:
    del body
    row = AccessReview.objects.filter(pk=data["review"], closed_at__isnull=True).first()
    return None if row is None or data.get("from_item") else about_review(row)


def _modified(data: Data, body: Data) -> About | None:
    del body
    row = AISystem.objects.select_related("owner").filter(slug=data["system"]).first()
    if row is None or not data["reopens"]:
        return None
    return About(
        title=row.name,
        path=reverse("system-detail", args=[row.pk]),
        key=str(row.pk),
        read=(SYSTEM, row.pk),
        people={"owner": answering(row.owner)},
    )


def _delegation(data: Data, body: Data) -> About | None:
    del body
    rows = Delegation.objects.select_related("delegator", "delegate")
    row = rows.filter(pk=data["delegation"]).first()
    if row is None:
        return None
    waits = row.confirmed_at is None and row.ended_at is None
    parties = {row.delegator_id, row.delegate_id}
    return About(
        title=f"{row.delegate.name} signs for {row.delegator.name}",
        path=reverse("delegation-list"),
        key=str(row.pk),
        read=(OWN, None),
        people={"parties": parties, "administrators": _administrators(but=parties) if waits else ()},
    )


def _proposal(data: Data, body: Data) -> About:
    del body
    person, by = _account(data.get("person")), _person(data.get("proposed_by"))
    but = {pk for pk in (person.pk if person else None, by) if pk}
    return About(
        title=f"{_role(data)} for {person.name if person else 'an account'}",
        path=reverse("proposal-list"),
        read=(PEOPLE, None),
        people={"administrators": _administrators(but=but)},
    )


def _passkey(data: Data, body: Data) -> About | None:
    del body
    row = Passkey.objects.select_related("person").filter(credential_id=data.get("passkey")).first()
    if row is None:
        return None
    waits = row.confirmed_at is None and row.ended_at is None
    return About(
        title=row.person.name,
        path=reverse("passkey-list"),
        read=(OWN, None),
        people={
            "person": (row.person_id,),
            "administrators": _administrators(but={row.person_id}) if waits else (),
        },
    )


def _account_changed(data: Data, body: Data) -> About | None:
    del body
    account = _account(data.get("person") or data.get("holder"))
    if account is None:
        return None
    return About(path=reverse("security"), read=(OWN, None), people={"person": answering(account)})


def _role_changed(data: Data, body: Data) -> About | None:
    del body
    person = _account(data.get("person"))
    if person is None or person.is_service:
        return None
    return About(title=_role(data), path=reverse("security"), read=(OWN, None), people={"person": (person.pk,)})


_GATHERERS: dict[str, Callable[[Data, Data], About | None]] = {
    "approval": _request,
    "finding": _finding,
    "access_review": _review,
    "delegation": _delegation,
    "system.modified": _modified,
    "role.proposed": _proposal,
    "role.granted": _role_changed,
    "role.revoked": _role_changed,
    "passkey": _passkey,
    **dict.fromkeys(("second_factor", "recovery_codes", "person", "token", "identity"), _account_changed),
}


def _signers(approval: ApprovalRequest) -> list[uuid.UUID]:
    stage = selectors.open_stage(approval) or {}
    listed = {*stage.get("eligible", ()), *stage.get("delegates", {})}
    people = User.objects.filter(pk__in=listed, is_active=True)
    return [person.pk for person in people if selectors.can_sign_now(approval, person, roles_held(person))]


def _reviewers(finding: Finding) -> dict[str, People]:
    able = people_with(closers(finding), system_id=finding.system_id)
    had = {finding.owner_id, *finding.former_owners}
    return {
        "deciders" if finding.code in QUESTIONS else "reviewers": [
            person.pk for person in able if person.pk not in had
        ],
        "system_owner": answering(finding.system.owner) if finding.system else (),
    }


def _concerned(approval: ApprovalRequest) -> tuple[uuid.UUID, ...]:
    """Return who asked for what a waiver lets stand, if somebody else asked for the waiver."""
    waived = Waiver.objects.select_related("request__requester").filter(approval=approval).first()
    return answering(waived.request.requester) if waived else ()


def _administrators(*, but: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    return [person.pk for person in people_with([Role.ADMINISTRATOR]) if person.pk not in set(but)]


def _role(data: Data) -> str:
    system = AISystem.objects.filter(pk=data["system"]).first() if data.get("system") else None
    return Role(data["role"]).label + (f" of {system.name}" if system else "")


def _person(actor: str | None) -> uuid.UUID | None:
    kind, _, key = (actor or "").partition(":")
    return uuid.UUID(key) if kind == "person" else None


def _account(actor: str | None) -> User | None:
    _, _, key = (actor or "").partition(":")
    return User.objects.filter(pk=key).first() if key else None


def _known(people: Iterable[Any]) -> list[uuid.UUID]:
    """Return which of the ids that an entry names are people; bare ids and ``person:<id>`` are both understood."""
    keys = [str(row).rpartition(":")[2] for row in people]
    known = User.objects.filter(pk__in=keys, is_active=True, sponsor__isnull=True)
    return list(known.values_list("pk", flat=True))
