"""A new version of the legal register: a finding for each AI system whose class was signed under other words or dates.

Only points that concern the system count. Whoever closes the finding has seen it: the same version opens it once.
"""

import uuid

from django.db import transaction

from governance.approvals.findings import open_finding, settle_findings
from governance.approvals.models import Finding
from governance.audit.actors import System
from governance.inventory.law import as_classified, signed_for
from governance.inventory.models import AISystem, Classification
from governance.regulation.register import Register, load
from governance.regulation.versions import Difference, by_digest, difference, touched

CLOCK = System("clock")
FINDING = "law-changed"
NAMED = 20


def sweep() -> int:
    """Open a finding for each system in use that the register in use touches, and settle those signed anew since.

    A class that was signed under a register which never shipped is left out: nobody can say what differs. Returns how
    many were opened.
    """
    law = load()
    found: dict[str, tuple[Register, Difference]] = {}
    systems = list(AISystem.objects.exclude(state=AISystem.State.RETIRED).select_related("owner").order_by("slug"))
    signed = signed_for(systems)
    _settle({pk for pk, row in signed.items() if row.law_version == law.version})
    opened = 0
    for ai_system in systems:
        row = signed.get(ai_system.pk)
        if row is None or row.law_version == law.version:
            continue
        if row.law_version not in found:
            if (old := by_digest(row.law_version)) is None:
                continue
            found[row.law_version] = (old, difference(old, law))
        opened += _opened(ai_system, row, law, *found[row.law_version])
    return opened


@transaction.atomic
def _opened(ai_system: AISystem, row: Classification, law: Register, old: Register, changed: Difference) -> bool:
    points = [change.point_id for change in touched(as_classified(row, ai_system), changed, old, law)]
    if not points:
        return False
    digest = law.digest.removeprefix("sha256:")[:8]
    title = f"The AI Act as of {law.as_of.isoformat()} ({digest}) differs from the one that the class was signed under"
    if Finding.objects.filter(system=ai_system, code=FINDING, title=title).exists():
        return False
    listed = ", ".join(points[:NAMED]) + (f" and {len(points) - NAMED} more" if len(points) > NAMED else "")
    finding = open_finding(
        system=ai_system,
        code=FINDING,
        title=title,
        severity=Finding.Severity.MEDIUM,
        source="register",
        actor=CLOCK,
        description=f"Points that concern it: {listed}. Read what changed at /register/changes, then classify it anew.",
    )
    return finding is not None


def _settle(signed_anew: set[uuid.UUID]) -> None:
    rows = Finding.objects.filter(system__in=signed_anew, code=FINDING, closed_at__isnull=True)
    settle_findings(rows, actor=CLOCK, how="The class was signed anew under the register in use.")
