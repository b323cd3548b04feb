"""What a person often asks the inbox for, under a name of their own."""

import uuid
from typing import Any

from django.db import transaction

from governance.accounts.models import User
from governance.approvals.errors import ViewNotSaved
from governance.approvals.listing import Asked
from governance.approvals.models import SavedView

MOST = 20
LONGEST_NAME = 60


@transaction.atomic
def save_view(*, person: User, name: str, wanted: Asked) -> SavedView:
    """Keep what is asked for under a name; a view of that name asks for this from now on.

    Raises:
        ViewNotSaved: the name is empty or too long, or the person has ``MOST`` views.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise ViewNotSaved(f"Give the view a name of at most {LONGEST_NAME} characters.")
    User.objects.select_for_update().get(pk=person.pk)
    if SavedView.objects.filter(person=person).exclude(name=name).count() >= MOST:
        raise ViewNotSaved(f"You have {MOST} saved views; delete one first.")
    view, _ = SavedView.objects.update_or_create(person=person, name=name, defaults={"query": wanted.address()})
    return view


@transaction.atomic
def delete_view(*, person: User, view_id: uuid.UUID) -> None:
    """Forget one of the person's own views; one that is gone, or somebody else's, is none of theirs."""
    SavedView.objects.filter(person=person, pk=view_id).delete()


def shown(person: User, wanted: Asked) -> list[dict[str, Any]]:
    """Return the person's views by name, and which of them is being looked at."""
    here = wanted.address()
    rows = SavedView.objects.filter(person=person).order_by("name")
    return [{"pk": row.pk, "name": row.name, "url": f"?{row.query}", "current": row.query == here} for row in rows]
