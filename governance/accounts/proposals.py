"""Roles that take two administrators, given in two sign-ins: the first proposes, the second confirms.

Nothing is given by a proposal. The grant begins when it is confirmed, so it counts for nothing that was asked before.
"""

import uuid
from datetime import datetime, timedelta

from django.db import transaction

from governance.accounts import administration, administrators, services
from governance.accounts.errors import ProposalOpen, ProposalSettled, SecondAdministratorNeeded
from governance.accounts.models import Grant, GrantProposal, User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown

OPEN_FOR = timedelta(days=14)
"""How long a proposal can be confirmed; after that nobody remembers why it was made."""


def waiting() -> list[GrantProposal]:
    """Return the proposals that can be confirmed still, oldest first."""
    rows = GrantProposal.objects.filter(settled_at__isnull=True, proposed_at__gt=clock.now() - OPEN_FOR)
    return list(rows.select_related("person", "proposed_by").order_by("proposed_at"))


def why_not(proposal: GrantProposal, by: User, *, administrator: bool) -> str:
    """Return why this person, who administers or not, cannot confirm the proposal; empty if they can."""
    if by.is_service or not administrator:
        return "An administrator confirms a role."
    if by.pk == proposal.person_id:
        return "Nobody confirms a role of their own."
    if by.pk == proposal.proposed_by_id:
        return "You proposed it; another administrator confirms it."
    return ""


@transaction.atomic
def propose_role(
    *, person: User, role: Role, by: User, system_id: uuid.UUID | None = None, valid_until: datetime | None = None
) -> GrantProposal:
    """Propose, as an administrator, a role that takes two.

    Raises:
        Forbidden: ``by`` is no administrator, or a machine would decide.
        SelfGrant: the role would be the proposer's own.
        SecondAdministratorNeeded: there is no second administrator who could confirm.
        PersonInactive, RoleHeld, RolesExclude, InvalidInput: as for :func:`administration.give_role`.
        ProposalOpen: the same waits already.
    """
    person = administrators.locked(person)
    actor = administrators.acting(by)
    if role not in administration.GRAVE:
        raise InvalidInput(f"One administrator gives the role {role.label.lower()}; give it.")
    if by.pk == person.pk:
        raise services.SelfGrant(f"{person} can't propose a role of their own; another administrator must.")
    administration.check_giveable(person, role, system_id, valid_until)
    if not administrators.known() - {by.pk, person.pk}:
        raise SecondAdministratorNeeded(
            f"{role.label} is given by two administrators; there is no other one who could confirm it."
        )
    held = GrantProposal.objects.filter(person=person, role=role, system_id=system_id, settled_at__isnull=True).first()
    if held is not None:
        raise ProposalOpen(f"{held.proposed_by} proposed this already; confirm or withdraw that.")
    proposal = GrantProposal(
        person=person,
        role=role,
        system_id=system_id,
        valid_until=valid_until,
        proposed_by=by,
        proposed_at=clock.now(),
    )
    audit.append(event=Event.ROLE_PROPOSED, actor=actor, subjects=[proposal], data=_said(proposal))
    return proposal


@transaction.atomic
def confirm_role(*, proposal_id: uuid.UUID, by: User, password: str) -> Grant:
    """Confirm a proposal as the second administrator; the person holds the role from now on.

    Raises:
        Unknown: no such proposal.
        Forbidden: ``by`` is no administrator, or proposed it, or would get the role.
        ProposalSettled: it was confirmed or withdrawn, waited too long, or who proposed it administers no more.
        SignInAgain: the password is not the administrator's.
        PersonInactive, RoleHeld, RolesExclude, InvalidInput: what was so when it was proposed is no more.
    """
    proposal = _locked(proposal_id)
    if refusal := why_not(proposal, by, administrator=has_role(by, Role.ADMINISTRATOR)):
        raise Forbidden(refusal)
    if proposal.settled_at is not None or proposal.proposed_at <= clock.now() - OPEN_FOR:
        raise ProposalSettled("It was confirmed or withdrawn, or nobody confirmed it in time. Propose it anew.")
    if proposal.proposed_by_id not in administrators.known():
        raise ProposalSettled(f"{proposal.proposed_by} administers no more; withdraw it and propose it anew.")
    administration.check_giveable(proposal.person, Role(proposal.role), proposal.system_id, proposal.valid_until)
    services.require_password(by, password)
    grant = services.grant_role(
        person=proposal.person,
        role=Role(proposal.role),
        granted_by=proposal.proposed_by,
        confirmed_by=by,
        actor=by,
        system_id=proposal.system_id,
        valid_until=proposal.valid_until,
    )
    proposal.grant, proposal.settled_by, proposal.settled_at = grant, by, grant.valid_from
    audit.append(event=Event.ROLE_CONFIRMED, actor=by, subjects=[proposal], data=_said(proposal) | {"grant": grant.pk})
    return grant


@transaction.atomic
def withdraw_proposal(*, proposal_id: uuid.UUID, by: User) -> GrantProposal:
    """Take a proposal back, or decline it: any administrator may, since it takes no power away.

    Raises:
        Unknown: no such proposal.
        Forbidden: ``by`` is no administrator.
        ProposalSettled: it was confirmed or withdrawn.
    """
    proposal = _locked(proposal_id)
    actor = administrators.acting(by)
    if proposal.settled_at is not None:
        raise ProposalSettled("It was confirmed or withdrawn already.")
    proposal.settled_by, proposal.settled_at = by, clock.now()
    audit.append(event=Event.ROLE_PROPOSAL_WITHDRAWN, actor=actor, subjects=[proposal], data=_said(proposal))
    return proposal


def _locked(proposal_id: uuid.UUID) -> GrantProposal:
    """Lock the person and the administrators first, as every act on people does, then the proposal."""
    found = GrantProposal.objects.select_related("person").filter(pk=proposal_id).first()
    if found is None:
        raise Unknown(f"There is no proposal {proposal_id}.")
    administrators.locked(found.person)
    rows = GrantProposal.objects.select_for_update(of=("self",)).select_related("person", "proposed_by")
    return rows.get(pk=proposal_id)


def _said(proposal: GrantProposal) -> dict[str, object]:
    return {
        "proposal": proposal.pk,
        "person": proposal.person.actor_id,
        "role": proposal.role,
        "system": proposal.system_id,
        "until": proposal.valid_until,
        "proposed_by": proposal.proposed_by.actor_id,
    }
