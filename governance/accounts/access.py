"""What a person may read: their own profile, the requests they made, and what their roles reach.

A role for the whole deployment reaches every AI system. A role for one AI system reaches that system: its models,
requests, evidence, findings, monitors and documents. Nobody reads anything else; a token reaches what its holder does.

What is out of reach does not exist for the person. Selectors that take a user answer it with the very sentence of a row
that is missing, and leave it out of lists in SQL. The log's pages are not of one system: ``roles.PERMISSIONS`` opens
them. docs/reference/permissions.md has the whole table.
"""

import uuid
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from governance.accounts.models import User
from governance.accounts.selectors import grants_in_force

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Reach:
    """The AI systems that a person reads. A page that asks often passes it on instead of the person.

    Attributes:
        everything: every system, and what belongs to none: models without a system, findings of the installation.
        systems: the ids of the systems, where it is not everything.
    """

    person: User
    everything: bool
    systems: frozenset[uuid.UUID]

    @property
    def anything(self) -> bool:
        """Whether the person holds any role at all, which is what reading policies takes."""
        return self.everything or bool(self.systems)

    def covers(self, system_id: uuid.UUID | None) -> bool:
        """Return whether it reaches a system; None stands for what belongs to no system."""
        return self.everything or system_id in self.systems


Reader = User | Reach


def readable_systems(reader: Reader) -> Reach:
    """Return the systems that the person's roles reach now; one query, none for a reach."""
    if isinstance(reader, Reach):
        return reader
    held = set(grants_in_force().filter(person=reader).values_list("system_id", flat=True))
    return Reach(reader, everything=None in held, systems=frozenset(system for system in held if system))


def may_read(user: User, system_id: uuid.UUID | None) -> bool:
    """Return whether the person may read what belongs to a system; None stands for what belongs to no system."""
    return readable_systems(user).covers(system_id)


def readable(rows: QuerySet[M], reader: Reader, *, system: str, own: Q | None = None) -> QuerySet[M]:
    """Return the rows that the person may read.

    Args:
        system: the path from a row to its AI system, such as ``model__system``.
        own: which rows the person reads whatever their roles, such as the requests that they made.
    """
    reach = readable_systems(reader)
    if reach.everything:
        return rows
    within = Q(**{f"{system}__in": reach.systems})
    return rows.filter(within | own if own else within)
