"""The risk file of a system as documents state it: the snapshot's ``risks`` part."""

from governance.accounts.roles import Role
from governance.common import clock
from governance.inventory import declaring, risks
from governance.inventory.models import AISystem
from reports.facts_log import Json, LogFacts
from reports.facts_people import Roles


def risk_rows(ai_system: AISystem, roles: Roles, log: LogFacts) -> list[Json]:
    """Return every risk of the file by number, closed ones included, with the roles of its author and its accepter."""
    return [
        {
            "id": str(row.pk),
            "number": row.number,
            "title": row.title,
            "kind": row.kind,
            "hazard": row.hazard,
            "affected": row.affected,
            "likelihood": row.likelihood,
            "severity": row.severity,
            "measures": row.measures or None,
            "tests": row.tests or None,
            "residual_likelihood": row.residual_likelihood,
            "residual_severity": row.residual_severity,
            "state": row.state,
            "review_on": row.review_on.isoformat(),
            "role": roles.of(row.changed_by, row.changed_at, acting_as=[Role.OWNER, *sorted(declaring.AUTHORS)]),
            "at": clock.rfc3339(row.changed_at),
            "accepted_by_role": roles.of(row.accepted_by, row.accepted_at, acting_as=risks.ACCEPTERS),
            "accepted_at": clock.rfc3339(row.accepted_at) if row.accepted_at else None,
            "reason": row.reason or None,
            "digest": log.digest(row),
            "log_index": row.log_entry,
        }
        for row in risks.risks_of(ai_system)
    ]
