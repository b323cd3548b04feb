"""The revocation list: which permits are not simply in force, derived from the log and signed by the notary."""

import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import transaction

from governance.approvals import prohibition
from governance.approvals.models import ApprovalRequest, Finding, State
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.audit.notary import Notary
from governance.common import clock
from governance.policy.models import PolicyVersion
from governance.policy.selectors import document_of
from placet import permits as signing
from placet import revocations
from placet.derivation import Entry, LogDisagrees, still_approved
from placet.revocations import Withdrawn
from registry import permit_status, permits
from registry.models import AliasHistory, Permit, RevocationList

NOTARY = System("notary")
RECONCILER = "system:reconciler"
AGAIN_AFTER = timedelta(minutes=50)
"""How old the newest list may get while nothing changes; together with a notary's round less than ``NEXT_WITHIN``."""
NEXT_WITHIN = timedelta(hours=1)
SERVING = (Event.APPROVAL_APPROVED, Event.APPROVAL_CHANGED)
FINDINGS = (Event.FINDING_OPENED, Event.FINDING_CLOSED)
ENDED = frozenset({State.REVOKED, State.LAPSED, State.RENEWED})


@dataclass(frozen=True)
class Force:
    """What the log says an approval is worth: its state, since when, by which entry and by whom.

    ``suspended`` is whether it was when it lapsed, or is; ``suspended_by`` who did that last. ``lifted`` is whether a
    suspension of it was lifted.
    """

    state: str
    since: str
    index: int
    by: str
    valid_until: str
    policy: str
    suspended: bool = False
    suspended_by: str = ""
    lifted: bool = False


def force_of(entries: Iterable[tuple[int, Entry]]) -> Force | None:
    """Return what the entries about one request make of it, None where none of them approves it.

    What has ended stays so, whatever a later entry says, and an entry that can't be read ends it. Whether a lifting was
    allowed is not asked here.
    """
    force: Force | None = None
    for index, entry in entries:
        try:
            force = _after(force, index, entry)
        except (KeyError, TypeError):
            force = Force(State.REVOKED, str(entry["at"]), index, str(entry["actor"]), "", "")
    return force


def _after(force: Force | None, index: int, entry: Entry) -> Force | None:
    data, at, by = entry["data"], str(entry["at"]), str(entry["actor"])
    if force is None:
        if entry["event"] != Event.APPROVAL_APPROVED:
            return None
        return Force(State.APPROVED, at, index, by, str(data["valid_until"]), str(data["policy"]["digest"]))
    if entry["event"] != Event.APPROVAL_CHANGED or force.state in ENDED:
        return force
    to = str(data["to"])
    suspended = to == State.SUSPENDED or (to == State.LAPSED and force.suspended)
    lifted = force.lifted or (to == State.APPROVED and force.suspended)
    force = replace(force, suspended_by=by) if to == State.SUSPENDED else force
    return replace(force, state=to, since=at, index=index, by=by, suspended=suspended, lifted=lifted)


def withdrawn_at(size: int, now: datetime) -> list[Withdrawn]:
    """Return every permit to serve that has not expired and is not simply in force, as ``size`` entries show it.

    Which permits there are is read from their table, which only the notary writes; all else is the log's word.
    """
    serving = Permit.objects.filter(kind="serve", expires_at__gt=now)
    rows = list(serving.filter(approval__isnull=False).values_list("digest", "approval_id"))
    reading = _Reading({str(approval) for _, approval in rows}, size, now)
    found = [(digest, reading.standing(str(approval))) for digest, approval in rows]
    found += [(permit.digest, _of_glass(permit, size)) for permit in serving.filter(approval__isnull=True)]
    return [Withdrawn(permit=digest, **said) for digest, said in found if said]


def _of_glass(permit: Permit, size: int) -> dict[str, Any] | None:
    """Return what the log says of a broken glass: it ends with the entry that ended what it put in place."""
    spans = list(AliasHistory.objects.filter(opened_by=permit.change_id).values_list("pk", flat=True))
    named = [entry for entry in log.entries_naming("registry_aliashistory", spans) if entry.index is not None]
    told = [entry for entry in named if entry.index is not None and entry.index < size]
    if len(told) < 2:  # the first began it
        return None
    last = told[1]
    return {"status": "revoked", "refuse_new_loads": True, "since": str(last.parsed["at"]), "index": last.index}


class _Reading:
    """One reading of the log: the forces of the requests asked about, and of what has renewed them."""

    def __init__(self, requests: Collection[str], size: int, now: datetime) -> None:
        self.size, self.now = size, now
        self.forces: dict[str, Force | None] = {}
        self.renewed_by: dict[str, str] = {}
        waiting = set(requests)
        while waiting:
            entries = log.entries_of_requests(sorted(waiting), SERVING, size)
            new = {request: force_of(entries.get(request, ())) for request in waiting}
            self.forces |= new
            renewed = [request for request, force in new.items() if force and force.state == State.RENEWED]
            self.renewed_by |= _renewals(renewed, size)
            waiting = {self.renewed_by[r] for r in renewed if r in self.renewed_by} - set(self.forces)

    def standing(self, request: str) -> dict[str, Any] | None:
        """Return status, whether it refuses, since when and by which entry; None for what is simply in force."""
        seen: set[str] = set()
        while (force := self.forces.get(request)) and force.state == State.RENEWED and request in self.renewed_by:
            if request in seen:
                return _said("revoked", force, refuses=True)
            seen.add(request)
            request = self.renewed_by[request]
        if force is None:
            return {"status": "revoked", "refuse_new_loads": True, "since": clock.rfc3339(self.now), "index": None}
        if force.state == State.APPROVED and force.lifted and not self._lifting_holds(request):
            force = replace(force, state=State.SUSPENDED, suspended=True)
        if force.state == State.APPROVED:
            if force.valid_until > clock.rfc3339(self.now):
                return None
            return _said("lapsed", replace(force, since=force.valid_until), refuses=False)
        if force.state not in {State.SUSPENDED, State.LAPSED}:
            return _said("revoked", force, refuses=True)
        refuses = force.suspended and self._suspension_refuses(request, force)
        return _said(str(force.state), force, refuses=refuses)

    def _lifting_holds(self, request: str) -> bool:
        approval = ApprovalRequest.objects.get(pk=request)
        known = [(index, entry) for index, entry in permits.entries_about(approval) if index < self.size]
        try:
            still_approved(known, request)
        except LogDisagrees:
            return False
        return True

    def _suspension_refuses(self, request: str, force: Force) -> bool:
        """Return whether nothing may load: a prohibited practice, other bytes, or the policy says so.

        A finding counts as closed when the log says so; a suspension over bytes whose finding is gone refuses.
        """
        if force.suspended_by == prohibition.CLASS.actor_id:
            return True
        policy = PolicyVersion.objects.filter(digest=force.policy).first()
        if policy is None or document_of(policy).digest != force.policy:
            return True
        if document_of(policy).approval.on_suspend != "keep_serving":
            return True
        found = list(
            Finding.objects.filter(request__pk=request, code__in=permit_status.CHANGED).values_list("pk", flat=True)
        )
        return len(self._closed(found)) < len(found) or (force.by == RECONCILER and not found)

    def _closed(self, findings: Sequence[uuid.UUID]) -> set[str]:
        entries = log.entries_naming("approvals_finding", findings) if findings else []
        closing = [
            e for e in entries if e.event == Event.FINDING_CLOSED and e.index is not None and e.index < self.size
        ]
        return {row["key"] for e in closing for row in e.parsed["subjects"] if row["table"] == "approvals_finding"}


def _said(status: str, force: Force, *, refuses: bool) -> dict[str, Any]:
    return {"status": status, "refuse_new_loads": refuses, "since": force.since, "index": force.index}


def _renewals(requests: Sequence[str], size: int) -> dict[str, str]:
    """Return which request took whose place, as the log says: it was opened to renew that one, and was applied."""
    candidates = ApprovalRequest.objects.filter(renews__in=requests).values_list("pk", flat=True) if requests else ()
    events = (Event.APPROVAL_OPENED, Event.PROMOTION_APPLIED)
    taken = {}
    for request, entries in log.entries_of_requests([str(pk) for pk in candidates], events, size).items():
        said = {str(entry["event"]): entry["data"] for _, entry in reversed(entries)}  # of several the first counts
        if len(said) == len(events):
            taken[str(said[Event.APPROVAL_OPENED].get("renews"))] = request
    return taken


def newest() -> RevocationList | None:
    """Return the newest list, None before the first permit."""
    return RevocationList.objects.order_by("-number").first()


def sign_due(notary: Notary) -> None:
    """Sign a new list when one is due: something changed, the newest ages, or the key is another. A notary's duty."""
    now, checkpoint = clock.now(), log.newest_checkpoint()
    if checkpoint is None or not Permit.objects.filter(kind="serve", expires_at__gt=now).exists():
        return
    last = newest()
    if last is None or _is_due(last, notary, checkpoint.size, now):
        sign(notary, size=checkpoint.size, root=bytes(checkpoint.root))


def _is_due(last: RevocationList, notary: Notary, size: int, now: datetime) -> bool:
    key = signing.key_digest(notary.permit_key.public_key())
    if now - last.issued_at >= AGAIN_AFTER or last.envelope["signatures"][0]["keyid"] != key:
        return True
    since = min(last.log_size, size)  # after a fork the new tree may be the smaller one
    told = log.entries_between(since, size, (Event.APPROVAL_CHANGED, *FINDINGS))
    moved = {str(said["data"].get("request")) for said in told if said["event"] == Event.APPROVAL_CHANGED}
    permitted = Permit.objects.filter(kind="serve", expires_at__gt=now)
    if permitted.filter(approval__in=[request for request in moved if _is_uuid(request)]).exists():
        return True
    if any(said["data"].get("code") in permit_status.CHANGED for said in told if said["event"] in FINDINGS):
        return True
    ended = ApprovalRequest.objects.filter(state=State.APPROVED, permits__kind="serve", permits__expires_at__gt=now)
    return ended.filter(valid_until__gt=last.issued_at, valid_until__lte=now).exists()


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def sign(notary: Notary, *, size: int, root: bytes) -> RevocationList:
    """Derive and sign the list of the tree with ``size`` entries.

    Its number is the time in seconds, or one more than the last: so it grows also where a restored database has
    forgotten lists that loaders have seen.
    """
    now, last = clock.now(), newest()
    number = max(int(now.timestamp()), last.number + 1 if last else 0)
    entries = withdrawn_at(size, now)
    statement = revocations.build_statement(
        origin=notary.origin,
        size=size,
        root=root,
        number=number,
        issued_at=now,
        next_update=now + NEXT_WITHIN,
        entries=entries,
    )
    envelope = signing.sign(statement, notary.permit_key)
    row = RevocationList(
        number=number,
        envelope=envelope,
        digest="sha256:" + sha256(json.dumps(envelope, sort_keys=True).encode()).hexdigest(),
        log_size=size,
        withdrawn=len(entries),
        issued_at=now,
        next_update=now + NEXT_WITHIN,
    )
    data: Mapping[str, Any] = {
        "number": number,
        "list": row.digest,
        "size": size,
        "withdrawn": len(entries),
        "next_update": row.next_update,
    }
    with transaction.atomic():
        audit.append(event=Event.REVOCATION_LIST_SIGNED, actor=NOTARY, subjects=[row], data=data)
    return row
