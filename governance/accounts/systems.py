"""Names of AI systems for pages about people. The inventory lies above accounts, so only its table is known here."""

import uuid
from collections.abc import Iterable

from django.apps import apps


def names_of(ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, str]:
    """Return the names of AI systems by id."""
    wanted = {pk for pk in ids if pk}
    rows = apps.get_model("inventory", "AISystem").objects.filter(pk__in=wanted) if wanted else ()
    return {row.pk: row.name for row in rows}


def choices() -> list[tuple[str, str]]:
    """Return all AI systems as choices of a form."""
    rows = apps.get_model("inventory", "AISystem").objects.order_by("name").values_list("pk", "name")
    return [(str(pk), name) for pk, name in rows]
