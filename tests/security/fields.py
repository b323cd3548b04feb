"""Every text field that can be sent: of forms, of the API, and of pages that read what was posted themselves."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django import forms
from rest_framework import serializers

from tests.documents.sample_snapshot import ANSWERS as ANSWERS_OF_A_CLASS

Path = tuple[str | int, ...]
OURS = ("governance.", "registry.", "monitoring.", "reports.")
ANSWERS = ("Output", "Made", "Row", "Erasure")  # how serializers are called that only write
SECRETS = frozenset({"password", "credential", "prepared", "code"})
"""Compared with what is kept and then forgotten: neither shown nor stored."""
REFERS = frozenset(
    {
        # Names and numbers of what exists: another one is refused as unknown.
        "system", "model", "alias", "owner", "to", "from", "from_system", "questions", "person", "reviewer", "approval",
        "version", "base_model", "promotion", "about", "dataset_digest", "digest", "check", "action", "grant",
        "in_answer_to", "mentions", "only", "task_owner", "type", "seen", "log_entry", "server", "plugin_version",
        "mlflow_version", "store", "identity", "kpis", "sensitive", "keep_out", "hash", "subject", "prediction_id",
        # Days and times.
        "due_on", "received_on", "sent_on", "review_on", "since", "until", "start", "end", "valid_until", "aware_at",
        "suspected_at", "sent_at", "reported_at", "issued_on", "expires_on", "deadline", "task_due_on", "plan_due",
        "expires_at",
        # Out of a closed list.
        *ANSWERS_OF_A_CLASS, "model_tier", "propose",
        "kind", "outcome", "severity", "source", "opinion", "change_class", "ending", "ai_roles", "time_zone",
        "verdict", "role", "roles", "runs", "registry", "mode", "harms", "waiting", "member_states",
        "no_conflict", "no_part", "personal_data",
        # Written in a language of their own, whose reader names the line and the mistake.
        "expr", "bounds", "parameters", "pins", "protected_aliases", "id", "slug", "seed", "next", "commit",
        # Neither a name nor an address: it has a digit and no @.
        "reference",
        # The same by the address, where other fields of that name are free.
        "bundle-ask: scope", "system-dispose: row", "api-system-disposals: row", "record-explain: row",
        "hold-set: key", "api-legal-holds: object_id",
        "risk-new: evidence", "risk-change: evidence", "system-record-answer: seen-hardware",
        "validation-test-add: value", "model-record: name", "api-recorded-versions: name",
        "policy-draft: text", "api-policies: text", "api-policy-checks: text", "api-policy-replays: text",
        "notice-channel-add: address", "notice-settings: when", "api-evaluation-data: label_column",
        "api-evaluation-data: positive_label", "api-evaluation-data: favourable_label",
        "api-evaluation-data: favourable_labels", "api-evaluation-data: sensitive_features",
        "api-standing-approvals: depth", "api-change-population: sample", "api-recorded-versions: what",
        "api-incidents: equivalent_law", "incident-new: equivalent_law",
        "api-incident-facts: equivalent_law", "incident-facts: equivalent_law",
    }
)  # fmt: skip
"""Fields that take no free text: what they are sent need not be kept, only refused in words."""


def refers(address: str, path: Path) -> bool:
    """Say whether a place in what is sent to an address, by its name, takes no free text."""
    return not {name_of(path), f"{address}: {name_of(path)}"}.isdisjoint(REFERS)


def places(body: Any, path: Path = ()) -> Iterator[Path]:
    """Yield where a body holds a text that somebody could replace."""
    if isinstance(body, dict):
        for name, value in body.items():
            if name not in SECRETS:
                yield from places(value, (*path, name))
    elif isinstance(body, list):
        for place, value in enumerate(body):
            yield from places(value, (*path, place))
    elif isinstance(body, str):
        yield path


def replaced(body: dict[str, Any], path: Path, text: str) -> dict[str, Any]:
    """Return the body with another text in one place."""
    made = copy.deepcopy(body)
    into: Any = made
    for step in path[:-1]:
        into = into[step]
    into[path[-1]] = text
    return made


def name_of(path: Path) -> str:
    """Return the name of the field that a place belongs to."""
    return str(next(step for step in reversed(path) if isinstance(step, str)))


class Fed:
    """Which field of a form or a serializer was sent a text with ``mark`` in it, and whether the class took it.

    ``blamed`` has what the classes said of each field since it was last emptied.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
        self.mark = mark
        self.sent: set[int] = set()
        self.taken: set[int] = set()
        self.blamed: dict[str, list[str]] = {}
        clean, run = forms.BaseForm.full_clean, serializers.Serializer.run_validation

        def full_clean(form: Any) -> None:
            clean(form)
            if form.is_bound:
                self._note(form.base_fields, {name: form.data.get(name) for name in form.base_fields}, form._errors)

        def run_validation(serializer: Any, *data: Any) -> Any:
            errors: Any = {}
            try:
                return run(serializer, *data)
            except serializers.ValidationError as refusal:
                errors = refusal.detail
                raise
            finally:
                if data and isinstance(data[0], Mapping):
                    self._note(serializer._declared_fields, data[0], errors if isinstance(errors, dict) else {})

        monkeypatch.setattr(forms.BaseForm, "full_clean", full_clean)
        monkeypatch.setattr(serializers.Serializer, "run_validation", run_validation)

    def _note(self, declared: Mapping[str, Any], data: Mapping[str, Any], errors: Mapping[str, Any]) -> None:
        for name, said in errors.items():
            self.blamed.setdefault(name, []).extend(_sentences(said))
        for name, field in declared.items():
            if self.mark in str(data.get(name, "")):
                self.sent.add(id(field))
                if name not in errors:
                    self.taken.add(id(field))

    def left_out(self, packages: tuple[str, ...]) -> list[str]:
        """Return the text fields of some packages that were sent nothing, and of free text those that took nothing."""
        return sorted(
            {
                f"{owner.__module__}.{owner.__name__}.{name}"
                for owner, name, field in text_fields()
                if owner.__module__.startswith(packages)
                and id(field) not in (self.sent if name in REFERS else self.taken)
            }
        )


def text_fields() -> Iterator[tuple[type, str, Any]]:
    """Yield each text field of every form and of every serializer that reads input, with its class and its name.

    A class that inherits a field has the same object: what one of them was sent, both were.
    """
    for form in _subclasses(forms.BaseForm):
        if form.__module__.startswith(OURS):
            yield from ((form, name, field) for name, field in form.base_fields.items() if _is_text(name, field))
    for serializer in _subclasses(serializers.Serializer):
        if serializer.__module__.startswith(OURS) and not serializer.__name__.endswith(ANSWERS):
            declared = serializer._declared_fields
            yield from ((serializer, name, field) for name, field in declared.items() if _is_text(name, field))


def _is_text(name: str, field: Any) -> bool:
    if isinstance(field, serializers.ListField | serializers.DictField):
        return _is_text(name, field.child)
    shaped = (forms.UUIDField, forms.RegexField, serializers.RegexField, serializers.UUIDField)
    return (
        name not in SECRETS
        and isinstance(field, forms.CharField | serializers.CharField)
        and not isinstance(field, shaped)
        and not getattr(field, "read_only", False)
    )


def _sentences(said: Any) -> list[str]:
    """Return the sentences of a field's errors, of a list's rows too."""
    if isinstance(said, Mapping):
        return [sentence for part in said.values() for sentence in _sentences(part)]
    return [sentence for part in said for sentence in ([str(part)] if isinstance(part, str) else _sentences(part))]


def _subclasses(owner: Any) -> list[Any]:
    return [found for child in owner.__subclasses__() for found in (child, *_subclasses(child))]


def value_at(body: Any, path: Path) -> Any:
    """Return what a body holds in one place."""
    for step in path:
        body = body[step]
    return body
