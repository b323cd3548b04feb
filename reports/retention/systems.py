"""Read of each AI system until when its records are kept, what is held, and what has become due."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import F, Max, QuerySet
from django.db.models.functions import Lower

from governance.accounts import holds
from governance.accounts.access import readable
from governance.accounts.hold_models import LegalHold
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.common import clock
from governance.common.errors import Unknown
from governance.common.retention.table import Kept, table
from governance.inventory.models import AISystem, Classification
from registry.models import AliasHistory
from reports.disposal_models import Disposal
from reports.retention.dates import Until, until

DISPOSERS = (Role.RISK_OFFICER, Role.DATA_PROTECTION_OFFICER)
"""Who disposes of a system's records: neither who owns it nor who runs the installation."""
KEPT, DUE, HELD, DISPOSED, STAYS = "kept", "due", "held", "disposed", "stays"


@dataclass(frozen=True)
class Standing:
    """One row of the table for one system.

    Attributes:
        until: until when it has to be kept.
        hold: a legal hold on the system.
        disposal: the last disposal.
    """

    system: AISystem
    kept: Kept
    until: Until
    hold: LegalHold | None
    disposal: Disposal | None

    @property
    def state(self) -> str:
        """``kept``, ``due``, ``held`` past its day, ``disposed``, or ``stays`` past its day since nothing can go."""
        if self.disposal:
            return DISPOSED
        if not self.until.is_over(clock.now().date()):
            return KEPT
        if not self.kept.by_hand:
            return STAYS
        return HELD if self.hold else DUE


def dated_rows() -> list[Kept]:
    """Return the rows of the table whose period begins with the placing on the market."""
    return [row for row in table() if row.period.years]


def systems_for(person: User) -> QuerySet[AISystem]:
    """Return the systems that a person may read: those retired first, of which something may be due, then by name."""
    rows = AISystem.objects.order_by(F("retired_at").asc(nulls_last=True), "name")
    return readable(rows, person, system="pk")


def standings(systems: Sequence[AISystem]) -> list[list[Standing]]:
    """Return for each system one standing a row of :func:`dated_rows`."""
    placed, live = _placed(systems), _live(systems)
    disposals: dict[tuple[uuid.UUID, str], Disposal] = {}
    for disposal in Disposal.objects.filter(system__in=systems).select_related("disposed_by").order_by("made_at"):
        disposals[disposal.system_id, disposal.row] = disposal
    held = holds.in_force()
    return [
        [
            Standing(
                system,
                row,
                until(
                    row.period,
                    placed_on=placed.get(system.pk),
                    live_on=live.get(system.pk),
                    retired_on=system.retired_at.date() if system.retired_at else None,
                ),
                held.on((holds.Kind.SYSTEM, system.pk)),
                disposals.get((system.pk, row.id)),
            )
            for row in dated_rows()
        ]
        for system in systems
    ]


def standing_of(system: AISystem, name: str) -> Standing:
    """Return one row of one system.

    Raises:
        Unknown: there is no such row, or its period is another.
    """
    found = next((one for one in standings([system])[0] if one.kept.id == name), None)
    if found is None:
        names = ", ".join(row.id for row in dated_rows())
        raise Unknown(f"There are no records {name[:40]!r} of a system; there are: {names}.")
    return found


def due() -> list[Standing]:
    """Return what of which system is past its day, and a person may dispose of or hold."""
    retired = list(AISystem.objects.filter(state=AISystem.State.RETIRED).order_by("name"))
    return [one for rows in standings(retired) for one in rows if one.state == DUE]


def may_dispose(person: User, system: AISystem) -> bool:
    """Return whether a person may dispose of a system's records, or decide not to."""
    return not person.is_service and has_role(person, *DISPOSERS, system_id=system.pk)


def _placed(systems: Sequence[AISystem]) -> dict[uuid.UUID, date]:
    """Return the latest signed day of each system: a substantial modification makes it a new placing on the market."""
    signed = Classification.objects.filter(system__in=systems, signed_at__isnull=False, placed_on__isnull=False)
    return dict(signed.order_by().values_list("system").annotate(day=Max("placed_on")))


def _live(systems: Sequence[AISystem]) -> dict[uuid.UUID, date]:
    rows = AliasHistory.objects.filter(model__system__in=systems).order_by().values_list("model__system")
    return {pk: at.date() for pk, at in rows.annotate(at=Max(Lower("during"))) if at}
