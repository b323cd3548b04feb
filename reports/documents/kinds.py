"""The kinds of document by id."""

from __future__ import annotations

from collections.abc import Mapping

from reports.documents import (
    annex_iv,
    annex_v,
    annex_viii,
    authority_letters,
    impact_assessment,
    incident,
    instructions,
    letters,
    model_card,
    model_risk,
    monitoring_plan,
    review_pack,
    risk_file,
    validation_report,
)
from reports.documents.kind import Kind
from reports.documents.snapshot import Snapshot, SnapshotInvalid

_ALL = (
    annex_iv.KIND,
    annex_v.KIND,
    annex_viii.KIND,
    instructions.KIND,
    impact_assessment.KIND,
    risk_file.KIND,
    monitoring_plan.KIND,
    incident.KIND,
    model_risk.KIND,
    model_card.KIND,
    validation_report.KIND,
    review_pack.KIND,
    letters.NOTICE_KIND,
    authority_letters.NOTIFICATION_KIND,
    authority_letters.REGISTRATION_KIND,
    letters.ANSWER_KIND,
)
KINDS: Mapping[str, Kind] = {kind.id: kind for kind in _ALL}


def kind_of(snapshot: Snapshot) -> Kind:
    """Return the kind that a snapshot is for; Annex IV where it names none.

    Raises:
        SnapshotInvalid: there is no such kind.
    """
    named = str(snapshot.part("document").get("kind") or annex_iv.KIND.id).replace("_", "-")
    if named not in KINDS:
        raise SnapshotInvalid(f"There is no kind of document {named!r}; this release builds {', '.join(KINDS)}.")
    return KINDS[named]
