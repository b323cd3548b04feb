"""Names and roles of the people on a page, fetched at once."""

import uuid
from collections.abc import Iterable
from typing import Any

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force


class People:
    """The people of one page by id: ``{"name", "role"}``. Two queries, whatever their number.

    Roles are those held now, for every system or for ``system_id``.
    """

    def __init__(self, ids: Iterable[object], *, system_id: uuid.UUID | None = None) -> None:
        wanted = {str(found) for found in ids if found}
        self._names = {
            str(pk): (name, sponsor is not None)
            for pk, name, sponsor in User.objects.filter(pk__in=wanted).values_list("pk", "name", "sponsor_id")
        }
        self._roles: dict[str, list[str]] = {}
        grants = grants_in_force().filter(person_id__in=wanted).order_by("role")
        for person, role, scope in grants.values_list("person_id", "role", "system_id"):
            label = str(Role(role).label)
            if scope in {None, system_id} and label not in self._roles.setdefault(str(person), []):
                self._roles[str(person)].append(label)

    def __getitem__(self, person_id: object) -> dict[str, Any]:
        name, is_service = self._names.get(str(person_id), ("Unknown person", False))
        role = "Service account" if is_service else ", ".join(self._roles.get(str(person_id), []))
        return {"name": name, "role": role}

    def actor(self, actor_id: str) -> dict[str, Any]:
        """Return who stands behind ``person:<uuid>``, ``service:<uuid>`` or ``system:<name>``."""
        kind, _, name = actor_id.partition(":")
        if kind == "system":
            return {"name": name.replace("-", " ").capitalize(), "role": "Placet"}
        return self[name]


def person_ids(actors: Iterable[str]) -> set[str]:
    """Return the user ids among actor ids."""
    return {actor.partition(":")[2] for actor in actors if actor.partition(":")[0] in {"person", "service"}}


def words(codes: Iterable[str], joint: str = " or ") -> str:
    """Write role or part codes as words: ``validator or risk officer``."""
    return joint.join(code.replace("_", " ") for code in codes)
