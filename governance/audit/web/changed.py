"""What an entry says of its rows' fields, before and after, as people read it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField, Field, ForeignKey
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from governance.audit import changes
from governance.audit.export import governed_models
from governance.audit.governed import Governed
from governance.common.templatetags.placet import utc_seconds

_SPELLED = {"ai": "AI", "mlflow": "MLflow", "pdf": "PDF"}
"""Names that Django derives from a field's or model's own in lower case."""

Models = Mapping[str, type[Governed]]


def people_in(body: Mapping[str, Any]) -> list[str]:
    """Return the people whom changed fields name, as actor ids."""
    models = _models()
    return [
        f"person:{value}"
        for table, _key, name, said in _changed(body)
        if said != changes.NOT_KEPT and _names_a_person(_field(models, table, name))
        for value in said
        if value
    ]


def rows_of(body: Mapping[str, Any], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the lines of the table of before and after: fields that changed, rows that came or went.

    Args:
        body: a parsed entry.
        names: the names behind the actor ids of :func:`people_in`.
    """
    models = _models()
    by_row: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for table, key, name, said in _changed(body):
        field = _field(models, table, name)
        label = capfirst(_spelled(field.verbose_name)) if field else name
        if said == changes.NOT_KEPT:
            line: dict[str, Any] = {"field": label, "note": _("changed; its text is not kept in the log")}
        else:
            before, after = (_shown(field, value, names) for value in said)
            line = {"field": label, "before": before, "after": after}
        by_row.setdefault((table, key), []).append(line)
    return [
        line | {"row": f"{_called(models, subject['table'])} {subject['key'][:8]}"}
        for subject in body["subjects"]
        for line in _came_or_went(subject) or by_row.get((subject["table"], subject["key"]), [])
    ]


def _came_or_went(subject: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    if subject["before"] is None:
        return [{"field": _("The row"), "before": None, "after": _("created")}]
    if subject["after"] is None:
        gone = _("erased") if subject["table"] == "audit_payload" else _("deleted")
        return [{"field": _("The row"), "before": _("stood"), "after": gone}]
    return []


def _changed(body: Mapping[str, Any]) -> Iterable[tuple[str, str, str, Any]]:
    for table, rows in body["data"].get(changes.KEY, {}).items():
        for key, fields in rows.items():
            for name, said in fields.items():
                yield table, key, name, said


def _models() -> Models:
    return {model._meta.db_table: model for model in governed_models()}


def _called(models: Models, table: str) -> str:
    if table == "audit_payload":
        return _("erasable text")
    return _spelled(models[table]._meta.verbose_name) if table in models else table


def _spelled(name: object) -> str:
    return " ".join(_SPELLED.get(word, word) for word in str(name).split())


def _field(models: Models, table: str, name: str) -> "Field[Any, Any] | None":
    """Return the field of that name; an old entry may name one that a later release renamed."""
    try:
        found = models[table]._meta.get_field(name)
    except (KeyError, FieldDoesNotExist):
        return None
    return found if isinstance(found, Field) else None


def _names_a_person(field: "Field[Any, Any] | None") -> bool:
    return isinstance(field, ForeignKey) and field.related_model is get_user_model()


def _shown(field: "Field[Any, Any] | None", value: Any, names: Mapping[str, str]) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return _("{start} to {end}").format(start=_moment(value[0]), end=_moment(value[1]))
    if field is None:
        return str(value)
    if _names_a_person(field):
        return names.get(f"person:{value}", str(value))
    if isinstance(field, DateTimeField):
        return utc_seconds(value)
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    return str(value)


def _moment(value: str | None) -> str:
    return utc_seconds(value) if value else _("open")
