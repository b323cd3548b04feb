"""What every page shows: the last outside anchor, the person's role, how much waits for them."""

from typing import Any

from django.http import HttpRequest

from governance.accounts.models import User
from governance.accounts.selectors import role_titles
from governance.approvals.selectors import waiting_count
from governance.audit.selectors import newest_anchor
from governance.common import clock


def header(request: HttpRequest) -> dict[str, Any]:
    """Return the header's facts; nothing is asked of the database for people who are not signed in."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"anchor": None, "role": "", "inbox_count": None}
    last = newest_anchor()
    anchor = {"at": last.at, "age": clock.now() - last.at, "size": last.size, "where": last.where} if last else None
    return {"anchor": anchor, "role": ", ".join(role_titles(user)), "inbox_count": waiting_count(user)}
