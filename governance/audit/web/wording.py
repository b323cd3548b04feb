"""How the log's pages say in words what an entry is about, and who acted."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.audit.events import Event

WORDS = {
    Event.LOG_FORKED: gettext_lazy("Log begun anew after a restore"),
    Event.LOG_HEARTBEAT: gettext_lazy("Heartbeat of the notary"),
    Event.LOG_GUARDS_CHECKED: gettext_lazy("Guards of the log checked"),
    Event.KEY_ADDED: gettext_lazy("Signing key of the log added"),
    Event.KEY_RETIRED: gettext_lazy("Signing key of the log retired"),
    Event.ERASURE_REQUESTED: gettext_lazy("Erasure of a text requested"),
    Event.PAYLOAD_REDACTED: gettext_lazy("Text of an entry erased"),
    Event.APPROVAL_OPENED: gettext_lazy("Approval requested"),
    Event.APPROVAL_REVIEW_OPENED: gettext_lazy("Review opened, evidence frozen"),
    Event.APPROVAL_EVALUATED: gettext_lazy("Policy evaluated again"),
    Event.APPROVAL_DECIDED: gettext_lazy("Decision signed"),
    Event.APPROVAL_APPROVED: gettext_lazy("Approved"),
    Event.APPROVAL_CHANGED: gettext_lazy("Approval moved"),
    Event.PROMOTION_APPLYING: gettext_lazy("Promotion being applied"),
    Event.GATE_ALLOWED: gettext_lazy("Gate let a write through"),
    Event.GATE_REFUSED: gettext_lazy("Gate refused a write"),
    Event.GATE_LET_THROUGH: gettext_lazy("Gate let through what it would have refused"),
    Event.ALIAS_CHANGE_ASKED: gettext_lazy("Change of an alias asked for"),
    Event.ALIAS_CHANGE_DONE: gettext_lazy("Alias changed"),
    Event.ALIAS_CHANGE_FAILED: gettext_lazy("Change of an alias failed"),
    Event.GRANT_MADE: gettext_lazy("Right to write one alias made"),
    Event.LOG_EXPORTED: gettext_lazy("List of entries taken away"),
    Event.BUNDLE_EXPORTED: gettext_lazy("Audit bundle taken away"),
}
"""Where the event's own two words do not say it."""

_DETAILS = ("kind", "version", "alias", "stage", "verdict", "to", "state", "type", "role", "code", "severity", "grant")


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return the names behind actor ids; a process of Placet is named by its word."""
    wanted = set(actors)
    keys = {a.partition(":")[2]: a for a in wanted if a.startswith(("person:", "service:"))}
    people = get_user_model().objects.filter(pk__in=[uuid.UUID(key) for key in keys])
    named = {keys[str(person.pk)]: str(person) for person in people}
    return named | {a: f"Placet, {a.partition(':')[2]}" for a in wanted if a.startswith("system:")}


def actors_called(text: str) -> list[str]:
    """Return the actor ids of people, service accounts and processes whose name, address or id holds ``text``."""
    people = get_user_model().objects.filter(Q(name__icontains=text) | Q(email__icontains=text))[:200]
    named = [person.actor_id for person in people]
    process = text.strip().lower().removeprefix("placet,").strip()
    return [*named, text.strip(), f"system:{process}"]


def sentence(entry: Mapping[str, Any]) -> str:
    """Say in a few words what an entry is about."""
    data = entry["data"]
    subject = data.get("subject") or {}
    about = [
        subject.get("name") if isinstance(subject, dict) else subject,
        data.get("model"),
        data.get("system"),
        f"PR-{data['promotion']}" if isinstance(data.get("promotion"), int) else None,
        f"INC-{data['incident']}" if isinstance(data.get("incident"), int) else None,
        data.get("policy") if isinstance(data.get("policy"), str) else None,
    ]
    said = [str(item) for item in about if item]
    said += [f"{key} {str(data[key]).replace('_', ' ')}" for key in _DETAILS if data.get(key)]
    if entry["event"] == Event.LOG_GUARDS_CHECKED:
        said = data["problems"] or [_("all stand")]
    try:
        what = str(WORDS[Event(entry["event"])])
    except (KeyError, ValueError):
        what = entry["event"].replace(".", " ").replace("_", " ").capitalize()
    return f"{what}: {', '.join(dict.fromkeys(said))}".removesuffix(": ")
