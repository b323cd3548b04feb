"""One incident as the report under Article 73 states it, as the snapshot's ``incident`` part.

Placet's draft of the report names people; a document names their roles. What people wrote about people is printed as it
stands in the log on the day: what was erased before is not there, what is erased later stays in the report (ADR 15).
"""

from __future__ import annotations

import re
from uuid import UUID

from django.db.models.fields.json import KT

from governance.audit.selectors import entry_by_id
from governance.common import clock
from governance.common.errors import Unknown
from governance.inventory.models import AISystem
from monitoring.incidents.facts import draft_of
from monitoring.incidents.models import Incident
from monitoring.incidents.report import Line
from reports.facts_log import Json
from reports.facts_people import Named, Roles
from reports.models import Document

# What was done is labelled with its moment.
_ACT = re.compile(r"\d{4}-\d\d-\d\dT")


def incident_of(ai_system: AISystem, about: str) -> Incident:
    """Return the incident of a system that a document is about.

    Raises:
        Unknown: the system has no such incident.
    """
    try:
        return Incident.objects.select_related("system", "version__model", "alert").get(
            pk=UUID(about), system=ai_system
        )
    except (ValueError, Incident.DoesNotExist):
        raise Unknown(
            f"{ai_system} has no incident {about or 'of no id'}: ask from the page of the incident."
        ) from None


def incident_part(incident: Incident, roles: Roles) -> Json:
    """Return the draft of the report with roles where it has names."""
    draft = draft_of(incident)
    named = Named((f"{line.text}\n{line.by}" for section in draft.sections for line in section.lines), roles)
    return {
        "id": str(incident.pk),
        "number": draft.number,
        "title": draft.title,
        "notices": list(draft.notices),
        "equivalent_law": incident.equivalent_law or None,
        "reports": incident.reports,
        "opened_at": clock.rfc3339(incident.opened_at),
        "log_index": incident.log_entry,
        "sections": [
            {
                "title": section.title,
                "point": section.point,
                "lines": [_line(line, named, roles) for line in section.lines],
            }
            for section in draft.sections
        ],
    }


def reports_with_words_of(entry_id: UUID) -> list[str]:
    """Return the reports of incidents that print what people wrote in an entry: their rows and files stay (ADR 15)."""
    place = entry_by_id(entry_id).index
    if place is None:
        return []
    # The database looks into the snapshots: none of them is loaded, however many reports there are.
    words = {"incident": {"sections": [{"lines": [{"state": "declared", "place": place}]}]}}
    reports = Document.objects.filter(kind=Document.Kind.INCIDENT, snapshot__contains=words).order_by("made_at", "pk")
    named = reports.annotate(number=KT("snapshot__incident__number")).values_list("number", "made_at", "pdf_digest")
    return [f"the report {number} of {clock.rfc3339(made_at)}, {digest}" for number, made_at, digest in named]


def incident_rows(ai_system: AISystem) -> list[Json]:
    """Return the incidents of a system as the snapshot's ``incidents`` part: no word that people wrote about people."""
    return [
        {
            "id": str(row.pk),
            "number": str(row),
            "state": row.state,
            "aware_at": clock.rfc3339(row.aware_at),
            "opened_at": clock.rfc3339(row.opened_at),
            "reported_at": clock.rfc3339(row.reported_at) if row.reported_at else None,
            "log_index": row.log_entry,
        }
        for row in ai_system.incidents.order_by("opened_at")
    ]


def _line(line: Line, named: Named, roles: Roles) -> Json:
    person = named.get(line.by)
    return {
        "label": line.label,
        "state": line.state,
        "text": named.without(line.text),
        "role": (roles.of(person, clock.now()) or "person") if line.state == "declared" else None,
        "at": line.on or (line.label[:10] if _ACT.match(line.label) else None),
        "digest": line.digest or None,
        "place": line.log_index,
    }
