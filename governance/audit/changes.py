"""What changed in a governed row, as far as a log that is never erased may say it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.backends.postgresql.psycopg_any import Range
from django.db.models import Field

from governance.audit.canonical import plain
from governance.audit.governed import Governed

KEY = "changed"
"""Where an entry's ``data`` holds the changes: ``{table: {key: {field: [before, after] or NOT_KEPT}}}``."""

NOT_KEPT = "not kept"
"""Stands for the values of a field that changed and whose text has no place in the log."""

_SAFE = (
    models.BooleanField,
    models.IntegerField,
    models.DecimalField,
    models.FloatField,
    models.DateField,
    models.UUIDField,
)
_EXACT = 2**53

Values = Mapping[str, Any]


def is_kept(field: Field[Any, Any]) -> bool:
    """Return whether a field's values may stand in the log for ever: by its type, so that a new one is not by default.

    Numbers, times, ids, truth values and texts out of a fixed list say nothing that a person typed. Everything else
    may be free text, or hold it.
    """
    if isinstance(field, models.ForeignKey):
        return is_kept(field.target_field)
    if isinstance(field, models.CharField | models.TextField):
        return bool(field.choices)
    return isinstance(field, _SAFE) or field.get_internal_type() == "DateTimeRangeField"


def changes(row: Governed, before: Values) -> dict[str, Any]:
    """Return the fields in which a row differs from what it was, each with both values or with ``NOT_KEPT``.

    Args:
        row: as it was saved.
        before: its columns as the database had them, by attribute name.
    Raises:
        TypeError: a field holds an expression, so that nobody here knows what it became.
    """
    found: dict[str, Any] = {}
    unread = row.get_deferred_fields()
    for field in row._meta.concrete_fields:
        if field.name == "log_entry" or field.attname in unread:
            continue
        became = getattr(row, field.attname)
        if hasattr(became, "resolve_expression"):
            raise TypeError(f"{row._meta.label}.{field.name} holds an expression; set the value, the log names it.")
        pair = [_settled(field, before[field.attname]), _settled(field, became)]
        if pair[0] == pair[1]:
            continue
        kept = is_kept(field) and all(_is_listed(field, value) for value in pair)
        found[field.name] = [_said(value) for value in pair] if kept else NOT_KEPT
    return found


def _is_listed(field: Field[Any, Any], value: Any) -> bool:
    """Return whether a value is one of the field's choices, which the database does not ask for."""
    return not field.choices or value in (None, "") or value in dict(field.flatchoices)


def _settled(field: Field[Any, Any], value: Any) -> Any:
    """Give a value the form in which equal ones are equal, whether it was read or set."""
    if value is None:
        return None
    if isinstance(field, models.JSONField):
        return json.dumps(value, sort_keys=True, cls=field.encoder)
    if isinstance(field, models.BinaryField):
        return bytes(value)
    return field.to_python(list(value) if isinstance(value, tuple) else value)


def _said(value: Any) -> Any:
    if isinstance(value, Range):
        return [_said(value.lower), _said(value.upper)]
    if isinstance(value, int) and abs(value) >= _EXACT:
        return str(value)
    return plain(value)
