"""The thread of comments on a request's pages, and the form for another."""

from typing import Any

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.approvals import comments
from governance.approvals.models import ApprovalRequest
from registry.reviewing.people import People, person_ids
from registry.reviewing.stages import PARTS

MOST_NAMES = 200


def comments_shown(approval: ApprovalRequest, viewer: User) -> dict[str, Any]:
    """Return the comments on a request, oldest first, and whom another can mention."""
    said = comments.comments_on(approval)
    erasers = People(person_ids(row.erased_by for row in said if row.erased_by))
    return {
        "rows": [
            {
                "name": row.comment.author.name,
                "was": _was(row.comment.author_was, is_service=row.comment.author.is_service),
                "at": row.comment.written_at,
                "text": row.text,
                "erased_by": erasers.actor(row.erased_by)["name"] if row.erased_by else "",
                "erased_at": row.erased_at,
                "mentions": [person.name for person in row.mentions],
                "index": row.index,
                "entry": row.comment.log_entry,
                "own": row.comment.author_id == viewer.pk,
                "pk": row.comment.pk,
            }
            for row in said
        ],
        "names": list(comments.readers(approval).exclude(pk=viewer.pk).values_list("name", flat=True)[:MOST_NAMES]),
        "longest": comments.LONGEST,
        "form": {},
    }


def with_refused(context: dict[str, Any], values: dict[str, Any], errors: dict[str, list[str]]) -> dict[str, Any]:
    """Return a page's context with the form of a refused comment: what was typed, and why it can't stand."""
    return context | {"comments": context["comments"] | {"form": values | {"errors": errors}}}


def _was(codes: str, *, is_service: bool) -> str:
    words = [PARTS.get(code) or _role(code) for code in codes.split(",") if code]
    return ", ".join(["service account", *words] if is_service else words)


def _role(code: str) -> str:
    return str(Role(code).label).lower() if code in Role.values else code.replace("_", " ")
