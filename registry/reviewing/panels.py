"""What layers above add to the pages here: their own rows, registered upward; nothing is imported from above."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.models import RegisteredModel

Rows = list[dict[str, Any]]
DocumentRows = Callable[[uuid.UUID], Rows]
MonitorRows = Callable[["RegisteredModel"], Rows]
Warnings = Callable[[uuid.UUID], list[str]]
_documents: list[DocumentRows] = []
_monitors: list[MonitorRows] = []
_warnings: list[Warnings] = []


def register_documents(rows: DocumentRows) -> None:
    """Have ``rows(system id)`` called for the documents of an AI system, newest first.

    Each row: ``{pk, title, made_at, measured, declared, missing, state, note}``.
    """
    _documents.append(rows)


def register_monitors(rows: MonitorRows) -> None:
    """Have ``rows(model)`` called for its monitors.

    Each row: ``{pk, name, alias, value, limit, series, outcome, alert, open_alerts, silent}``.
    """
    _monitors.append(rows)


def register_warnings(sentences: Warnings) -> None:
    """Have ``sentences(system id)`` called for what whoever changes the system must know before; one each."""
    _warnings.append(sentences)


def documents_of(system_id: uuid.UUID | None) -> Rows:
    """Return the documents of a system that anybody registered rows for."""
    return [row for rows in _documents for row in rows(system_id)] if system_id else []


def monitors_of(model: RegisteredModel) -> Rows:
    """Return the monitors of a model that anybody registered rows for."""
    return [row for rows in _monitors for row in rows(model)]


def warnings_of(system_id: uuid.UUID | None) -> list[str]:
    """Return what must be known before a system is changed, as far as anybody registered it."""
    return [said for sentences in _warnings for said in sentences(system_id)] if system_id else []
