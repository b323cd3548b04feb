"""Where what is missing in a document is filled in: for each gap the page on which its owner can do so."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from governance.accounts.roles import Role
from governance.inventory.models import AISystem
from governance.regulation import record
from registry.models import ModelVersion
from reports.documents.building import build
from reports.documents.content import Content, Gap
from reports.documents.snapshot import Record
from reports.documents.translation import ENGLISH
from reports.web.documents import holders, role_word

Row = dict[str, Any]
_DOCUMENTS = ("Annex IV.1.h", "Annex IV.8", "Annex V.8", "Annex VIII.A.11", "Annex VIII.A.12", "Annex VIII.C.4")
_RISKS = ("Art 9", "Annex IV.5")
_MONITORING = ("Art 72", "Annex IV.9")
_INCIDENTS = ("Art 73",)
_CLASS = "classif"


def gap_rows(content: Content, snapshot: Record, ai_system: AISystem | None) -> list[Row]:
    """Return what a document is missing, each with who owes it, who holds that role now, and where to fill it."""
    # Where a gap is filled is told by its English words, whatever language the document speaks.
    told = content if content.language == ENGLISH else build(snapshot, language=ENGLISH)
    points = {section.anchor: section.point for section in content.sections}
    names = holders({gap.owner for gap in content.gaps}, ai_system) if ai_system else {}
    places = _Places(ai_system, snapshot) if ai_system else None
    return [
        {
            "anchor": gap.anchor,
            "point": gap.number,
            "what": gap.what,
            "role": role_word(gap.owner),
            "owner": ", ".join(names.get(gap.owner, [])),
            "place": places.of(in_english, points.get(gap.anchor) or "") if places else None,
        }
        for gap, in_english in zip(content.gaps, told.gaps, strict=True)
    ]


class _Places:
    """The pages on which gaps of one system's document are filled; at most one query."""

    def __init__(self, ai_system: AISystem, snapshot: Record) -> None:
        self._pk = ai_system.pk
        self._named = (snapshot.get("model") or {}).get("id")

    def of(self, gap: Gap, point: str) -> Row:
        """Return where a gap is filled: a question of the record first, then the page that fills its point."""
        question = next((row for row in record.load().serving(point) if gap.what.startswith(row.missing)), None)
        if question:
            return _row(_("Answer in the record"), self._page("system-record", f"#q-{question.id}"))
        if _under(point, _DOCUMENTS):
            return _row(_("Documents of the system"), self._page("system-documents"))
        if _under(point, _RISKS):
            return _row(_("Risk file"), self._page("risk-list"))
        if _under(point, _MONITORING):
            return _row(_("Monitors"), reverse("monitor-list"))
        if _under(point, _INCIDENTS):
            return _row(_("Incidents"), f"{reverse('incident-list')}?system={self._pk}")
        return self._by_owner(gap)

    def _by_owner(self, gap: Gap) -> Row:
        if _CLASS in gap.what:
            return _row(_("Classification"), self._page("system-detail", "#classification"))
        if gap.owner == Role.POLICY_PUBLISHER:
            return _row(_("Policies"), reverse("policy-list"))
        if gap.owner in {Role.RISK_OFFICER, Role.VALIDATOR}:
            return _row(_("Requests"), self._page("system-detail", "#requests"))
        if gap.owner == Role.ENGINEER:
            return self._evidence
        return _row(_("Page of the system"), self._page("system-detail"))

    def _page(self, name: str, anchor: str = "") -> str:
        return f"{reverse(name, args=[self._pk])}{anchor}"

    @cached_property
    def _evidence(self) -> Row:
        """Where evidence is asked for: the version that the document describes, or the models."""
        versions = ModelVersion.objects.select_related("model")
        version = versions.filter(pk=self._named).first() if self._named else None
        if version is None:
            return _row(_("Models"), reverse("model-list"))
        return _row(
            _("Evidence of {version}").format(version=version),
            reverse("version-evidence", args=[version.model_id, version.number]),
        )


def _row(label: str, url: str) -> Row:
    return {"label": label, "url": url}


def _under(point: str, references: tuple[str, ...]) -> bool:
    return any(point == reference or point.startswith(f"{reference}.") for reference in references)
