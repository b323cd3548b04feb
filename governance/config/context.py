"""What every page shows: the last outside anchor, the person's role, how much waits for them, what they may open."""

from typing import Any

from django.http import HttpRequest

from governance.accounts import single_sign_on
from governance.accounts.models import User
from governance.accounts.roles import PERMISSIONS, Role
from governance.accounts.selectors import roles_of
from governance.approvals.selectors import waiting_count
from governance.audit.selectors import newest_anchor
from governance.common import clock


def header(request: HttpRequest) -> dict[str, Any]:
    """Return the header's facts; nothing is asked of the database for people who are not signed in."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"anchor": None, "role": "", "inbox_count": None, "may_read_log": False, "may_read_people": False}
    roles = roles_of(user)
    last = newest_anchor()
    anchor = {"at": last.at, "age": clock.now() - last.at, "size": last.size, "where": last.where} if last else None
    return {
        "anchor": anchor,
        "role": ", ".join(Role(role).label for role in sorted(roles)),
        "inbox_count": waiting_count(user),
        "may_read_log": bool(roles & PERMISSIONS["audit.read_log"]),
        "sign_again": single_sign_on.asked_anew(request),
        "may_read_people": bool(roles & PERMISSIONS["accounts.read_people"]),
    }
