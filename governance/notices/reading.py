"""Whether a person may read what a notice is about, asked when it is made and again when it goes out."""

import uuid

from governance.accounts import access
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals.models import ApprovalRequest
from governance.approvals.selectors import findings_for, readable_requests
from governance.inventory.correspondence import may_read_correspondence
from governance.inventory.models import Correspondence
from governance.notices import topics

REQUEST, FINDING, PEOPLE, OWN = "request", "finding", "people", "own"
CORRESPONDENCE, SYSTEM = "correspondence", "system"


def may_read(person: User, kind: str, key: uuid.UUID | None) -> bool:
    """Return whether the person may read it now; nobody who was deactivated reads anything, and no machine is told.

    Args:
        kind: ``request``, ``finding``, ``correspondence``, ``system``, ``people`` (what administrators read), ``own``
            (the person's own affair), or the name of a topic.
        key: of the request, the finding, the correspondence, the system or the topic's thing.
    """
    if not person.is_active or person.is_service:
        return False
    if kind == REQUEST and key:
        return readable_requests(ApprovalRequest.objects.filter(pk=key), person).exists()
    if kind == FINDING and key:
        return findings_for(person, closed=True).filter(pk=key).exists()
    if kind == CORRESPONDENCE and key:
        row = Correspondence.objects.select_related("system").filter(pk=key).first()
        return row is not None and may_read_correspondence(row, person)
    if kind == SYSTEM and key:
        return access.may_read(person, key)
    if kind == PEOPLE:
        return has_role(person, Role.ADMINISTRATOR)
    if key and (topic := topics.named(kind)):
        return topic.may_read(person, key)
    return kind == OWN
