"""Coverage of AI systems on a day: the duties that bind them or a framework's controls, and what is held for each."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Literal

from governance.inventory import selectors as inventory
from governance.inventory.law import as_classified
from governance.inventory.models import AISystem
from governance.regulation import record
from governance.regulation.crosswalk import crosswalk, framework, frameworks, superseded_by
from governance.regulation.dates import Duty, Standing, standing
from governance.regulation.register import Framework, load
from reports import holdings, latest
from reports.coverage import Asked, Holdings, Line, Share, asked_by_point, by_group, lines_of_controls, lines_of_duties

ACT = "ai-act"
When = Literal["now", "all"]
WHENS: tuple[When, ...] = ("now", "all")


def offered() -> list[Framework]:
    """Return the frameworks to choose from: a superseded one is shown under the one that took its place."""
    return [row for row in frameworks() if superseded_by(row) is None]


def controls_shown(picked: Framework) -> Framework:
    """Return the framework whose controls are shown for one: the one that it superseded, if it names none itself."""
    claims = any(mapped.rows for mapped in crosswalk().for_framework(picked))
    return picked if claims or not picked.supersedes else framework(picked.supersedes)


def lines_of(ai_system: AISystem, *, picked: Framework | None, when: When, today: date) -> tuple[Line, ...]:
    """Return a line for each point that binds a system, or for each control of a framework.

    Args:
        picked: one of :func:`offered`; None for the points of the Act, of which there are none before the system's
            classification is signed.
        when: of points, those that apply ``now``, or ``all`` that apply now or later.
    """
    if picked is not None:
        controls = crosswalk().for_framework(controls_shown(picked))
        return lines_of_controls(controls, record.load(), _held(ai_system))
    signed = inventory.classification_in_force(ai_system)
    if signed is None:
        return ()
    stands = standing(as_classified(signed, ai_system), load(), on=today)
    return lines_of_duties(_duties(stands, when), asked_by, _held(ai_system))


def _held(ai_system: AISystem) -> Holdings:
    return holdings.holdings_of([ai_system.pk])[ai_system.pk]


def shares_of(systems: Sequence[AISystem], *, when: When, today: date) -> dict[uuid.UUID, dict[str, Share] | None]:
    """Return for each system the share of each article that binds it; None before its classification is signed.

    The number of queries does not depend on how many systems there are.
    """
    ids = [row.pk for row in systems]
    signed, held, law = latest.classifications_of(ids), holdings.holdings_of(ids), load()
    stands = cache(lambda system: standing(system, law, on=today))  # many systems are classified alike
    return {
        row.pk: by_group(
            lines_of_duties(_duties(stands(as_classified(signed[row.pk], row)), when), asked_by, held[row.pk])
        )
        if row.pk in signed
        else None
        for row in systems
    }


@cache
def asked_by(point: str) -> Asked:
    """Return what a point asks for by the crosswalk and the record of this release; many systems ask for the same."""
    return asked_by_point(point, crosswalk(), record.load())


def _duties(stands: Standing, when: When) -> tuple[Duty, ...]:
    return stands.duties if when == "all" else tuple(duty for duty in stands.duties if duty.state == "applies")
