"""What every page shows: the last outside anchor, the person's role, what waits for them, whether the gate prevents."""

from typing import Any

from django.http import HttpRequest

from governance.accounts import single_sign_on
from governance.accounts.models import User
from governance.accounts.roles import PERMISSIONS, Role
from governance.accounts.selectors import roles_anywhere
from governance.approvals.selectors import waiting_count
from governance.audit.selectors import newest_anchor
from governance.common import clock
from registry import protected
from reports.bundles.access import TAKERS

MAY = (
    *("may_read_log", "may_take_log", "may_read_health", "may_read_people", "may_read_replays"),
    *("may_take_papers", "may_validate"),
)
VALIDATION = frozenset({Role.VALIDATOR, Role.RISK_OFFICER, Role.AUDITOR})  # to whom the menu offers validations


def header(request: HttpRequest) -> dict[str, Any]:
    """Return the header's facts; nothing is asked of the database for people who are not signed in."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"anchor": None, "role": "", "inbox_count": None, "gate_notice": None, **dict.fromkeys(MAY, False)}
    held = roles_anywhere(user)
    everywhere = {role for role, whole in held.items() if whole}
    last = newest_anchor()
    anchor = {"at": last.at, "age": clock.now() - last.at, "size": last.size, "where": last.where} if last else None
    return {
        "anchor": anchor,
        "role": ", ".join(Role(role).label for role in held),
        "inbox_count": waiting_count(user),
        "may_validate": bool(held.keys() & VALIDATION),
        "may_take_papers": bool(held.keys() & TAKERS or everywhere & PERMISSIONS["audit.export_bundle"]),
        "may_take_log": bool(everywhere & PERMISSIONS["audit.export_bundle"]),
        "may_read_log": bool(everywhere & PERMISSIONS["audit.read_log"]),
        "may_read_health": bool(everywhere & PERMISSIONS["operations.read_health"]),
        "may_read_people": bool(everywhere & PERMISSIONS["accounts.read_people"]),
        "may_read_replays": bool(everywhere),  # of the whole deployment, as what a replay reads is
        "sign_again": single_sign_on.asked_anew(request),
        "gate_notice": _gate_notice(request),
    }


def _gate_notice(request: HttpRequest) -> dict[str, str] | None:
    """Return the banner of a gate that only detects; asked for once in a request, however many pieces it draws."""
    if not hasattr(request, "gate_in_force"):
        request.gate_in_force = protected.in_force()  # type: ignore[attr-defined]
    if not request.gate_in_force.detect_only:  # type: ignore[attr-defined]
        return None
    return {"tone": "warn", "title": f"{protected.DETECTED}.", "text": protected.WHY_DETECTED}
