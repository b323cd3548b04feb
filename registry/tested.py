"""Evidence about the versions of a system's models, for the tests that its risks name."""

import uuid
from collections.abc import Collection

from django.db.models import Q

from governance.evidence.models import Evidence
from governance.inventory.models import AISystem
from governance.inventory.tested import Tested
from registry.models import ModelVersion


def evidence_about(ai_system: AISystem, ids: Collection[uuid.UUID] | None) -> list[Tested]:
    """Return those of ``ids`` that are about the system or a version; for None the newest of each subject and type."""
    versions = ModelVersion.objects.filter(model__system=ai_system).values("pk")
    rows = Evidence.objects.filter(Q(subject_id__in=versions) | Q(subject_id=ai_system.pk))
    if ids is None:
        rows = rows.order_by("subject_id", "type", "-made_at", "-pk").distinct("subject_id", "type")
    else:
        rows = rows.filter(pk__in=ids)
    found = rows.values_list("pk", "type", "subject_name", "payload_digest", "made_at")
    return sorted((Tested(*row) for row in found), key=lambda row: (row.about, row.type, row.made_at, row.pk))
