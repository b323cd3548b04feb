"""The risk file of a system as documents state it: the snapshot's ``risks`` part."""

from collections.abc import Collection

from governance.accounts.roles import Role
from governance.common import clock
from governance.evidence.models import Evidence
from governance.inventory import declaring, risks
from governance.inventory.models import AISystem
from reports.facts_log import Json, LogFacts
from reports.facts_people import Roles


def risk_rows(ai_system: AISystem, roles: Roles, log: LogFacts) -> list[Json]:
    """Return every risk of the file by number, closed ones included, with the roles of its author and its accepter."""
    found = list(risks.risks_of(ai_system))
    shown = _evidence({pk for row in found for pk in row.evidence})
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
            "evidence": [shown[pk] for pk in row.evidence if pk in shown],
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
        for row in found
    ]


def _evidence(ids: Collection[str]) -> dict[str, Json]:
    """Return by id what the tests of risks name: as a document cites evidence, without its payload."""
    rows = Evidence.objects.filter(pk__in=ids).defer("payload", "projection")
    return {
        str(row.pk): {
            "id": str(row.pk),
            "type": row.type,
            "about": row.subject_name,
            "origin": row.origin,
            "made_at": clock.rfc3339(row.made_at),
            "payload_digest": row.payload_digest,
            "log_index": row.log_entry,
        }
        for row in rows
    }
