"""People as a document states them: by the role in which they acted, never by name."""

import re
import uuid
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Q

from governance.accounts.models import Grant, User
from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force
from governance.common import clock
from governance.inventory.models import AISystem

SERVICE_ACCOUNT = "service_account"
WITHOUT_A_ROLE = "person_without_a_role"


class Roles:
    """The roles that people held at the moment they acted, for one AI system. Each person's grants are read once."""

    def __init__(self, *, system_id: uuid.UUID, owner_id: uuid.UUID) -> None:
        self._system_id, self._owner_id = system_id, owner_id
        self._grants: dict[uuid.UUID, list[Grant]] = {}

    def of(self, person: User | None, at: datetime | None, *, acting_as: Collection[str] = ()) -> str | None:
        """Return the role of ``person`` at ``at``, as an identifier such as ``risk_officer``.

        Args:
            person: None (nobody is recorded) gives None.
            at: when the person acted. Later grants and revocations change nothing.
            acting_as: the roles that the act asks for, the first that was held counts. Without one of them every role
                that was held is named, in alphabetical order.
        """
        if person is None or at is None:
            return None
        if person.is_service:
            return SERVICE_ACCOUNT
        held = {grant.role for grant in self._of(person) if _in_force(grant, at)}
        if person.pk == self._owner_id:
            held.add("owner")
        for role in acting_as:
            if role in held:
                return str(role)
        return ", ".join(sorted(held)) or WITHOUT_A_ROLE

    def _of(self, person: User) -> list[Grant]:
        if person.pk not in self._grants:
            self._grants[person.pk] = [
                grant for grant in person.grants.all() if grant.system_id in {None, self._system_id}
            ]
        return self._grants[person.pk]


def _in_force(grant: Grant, at: datetime) -> bool:
    return grant.valid_from <= at and (grant.valid_until is None or grant.valid_until > at)


def owners_part(ai_system: AISystem) -> dict[str, str]:
    """Return the snapshot's ``owners``: what a role owes that nobody holds for the system now, its owner owes."""
    here = Q(system_id__isnull=True) | Q(system_id=ai_system.pk)
    held = set(grants_in_force().filter(here, person__sponsor__isnull=True).values_list("role", flat=True))
    return {role: str(Role.OWNER) for role in Role.values if role not in held | {Role.OWNER, Role.AUDITOR}}


class Named:
    """Whoever some texts name, so that a document says the role that they hold now instead."""

    def __init__(self, texts: Iterable[str], roles: Roles) -> None:
        read = list(texts)
        self._roles = roles
        self._people = {
            person.name: person for person in User.objects.exclude(name="") if any(person.name in text for text in read)
        }

    def get(self, name: str) -> User | None:
        """Return the person of a name that the texts hold, or None."""
        return self._people.get(name)

    def without(self, text: str) -> str:
        """Return the text with ``the risk officer`` where it names one."""
        if not self._people:
            return text
        pattern = "|".join(_whole(name) for name in sorted(self._people, key=len, reverse=True))
        return re.sub(pattern, lambda match: self._role(self._people[match.group()]), text)

    def _role(self, person: User) -> str:
        return f"the {(self._roles.of(person, clock.now()) or 'person').replace('_', ' ')}"


def _whole(name: str) -> str:
    """Return a pattern of a name as a word of its own: Max is nobody in Maximum, but he is in Max's.

    Scripts without capitals put no space between a name and what follows, or join words to it: there it is found
    anywhere.
    """
    begins = r"\b" if _stands_alone(name[0]) else ""
    ends = r"(?=s?\b)" if _stands_alone(name[-1]) else ""
    return f"{begins}{re.escape(name)}{ends}"


def _stands_alone(edge: str) -> bool:
    return edge.isdigit() or edge.lower() != edge.upper()
