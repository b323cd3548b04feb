"""What made a document out of date, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from governance.common.templatetags.placet import day
from reports.documents.freshness import Change, What


def sentences(changes: Sequence[Change]) -> list[str]:
    """Return one sentence for each thing that changed since a document was made."""
    return [_SAYS[change.what](change) for change in changes]


def _on(at: datetime | None) -> str:
    return day(at or "")


def _answers(change: Change) -> str:
    said = ngettext(
        "{n} answer of the record changed, on {day}.",
        "{n} answers of the record changed, the last on {day}.",
        len(change.which),
    )
    return said.format(n=len(change.which), day=_on(change.at))


_SAYS: Mapping[What, Callable[[Change], str]] = {
    "law": lambda change: _("The legal register has another version."),
    "version": lambda change: _("It describes another model version than the one in production or asked for."),
    "classification": lambda change: _("A classification was signed, or opened again, on {day}.").format(
        day=_on(change.at)
    ),
    "criteria": lambda change: _("Success criteria were signed on {day}.").format(day=_on(change.at)),
    "evidence": lambda change: _("Newer evidence: {types}, the last on {day}.").format(
        types=", ".join(change.which), day=_on(change.at)
    ),
    "decision": lambda change: _("A decision was made on {day}.").format(day=_on(change.at)),
    "answer": _answers,
    "risk": lambda change: _("The risk file changed on {day}.").format(day=_on(change.at)),
    "finding": lambda change: _("A finding was opened or closed on {day}.").format(day=_on(change.at)),
    "incident": lambda change: _("An incident was recorded, reported or closed on {day}.").format(day=_on(change.at)),
}
