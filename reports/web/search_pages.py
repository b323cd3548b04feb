"""Find by name, over everything that a person may read: what they type into the one field at the top of each page.

Each kind costs a number of queries that does not grow with what there is, and stops at a few hits: whoever wants more
of a kind goes to its own list, which is opened with the same words.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.accounts.models import User
from governance.approvals import kinds, listing
from governance.approvals import selectors as approvals
from governance.audit import searching as log
from governance.audit.web.reading import READ_LOG
from governance.audit.web.wording import sentence
from governance.common import clock
from governance.inventory import selectors as inventory
from governance.policy import selectors as policies
from governance.regulation import search as law
from governance.regulation.register import load
from monitoring import selectors as monitoring
from monitoring.incidents import selectors as incidents
from monitoring.models import Alert
from registry import selectors as registry
from reports import selectors as documents
from reports.models import Document

MOST = 5
"""Hits of one kind."""
LONGEST = 100
"""Letters of a search; the rest is not read."""
READ_PEOPLE = "accounts.read_people"
_NAME = re.compile(r"[a-z]{2,3}-[0-9]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Hit:
    """One thing found: what it is called, a line about it, and its page."""

    title: str
    about: str
    url: str


@dataclass(frozen=True)
class Group:
    """What was found of one kind, at most ``MOST``.

    Attributes:
        kind: stable, such as ``systems``.
        more: the list of its kind with the same words; empty where nothing is left out or there is no such list.
    """

    kind: str
    label: str
    hits: tuple[Hit, ...]
    more: str = ""


def found(person: User, text: str) -> list[Group]:
    """Return what the words name, kind by kind, without those of which nothing was found.

    Args:
        text: parts of names; or what people call a thing: ``PR-12``, ``AL-3``, ``INC-2``, an id, ``Article 9``.
    """
    text = text.strip()[:LONGEST].replace("\x00", "")
    if not text:
        return []
    groups = []
    for kind, (label, find, more) in KINDS.items():
        hits = list(find(person, text))
        if hits:
            address = f"{reverse(more)}?{urlencode({'q': text})}" if more and len(hits) > MOST else ""
            groups.append(Group(kind, str(label), tuple(hits[:MOST]), address))
    return groups


def _systems(person: User, text: str) -> Iterator[Hit]:
    rows = inventory.systems_for(person).filter(Q(name__icontains=text) | Q(slug__icontains=text) | _keyed(text))
    for row in rows.order_by("name")[: MOST + 1]:
        told = row.get_ai_act_class_display() if row.ai_act_class else _("not classified")
        yield Hit(row.name, told, reverse("system-detail", args=[row.pk]))


def _models(person: User, text: str) -> Iterator[Hit]:
    rows = registry.models_for(person).filter(Q(name__icontains=text) | _keyed(text)).select_related("system")
    for row in rows.order_by("name")[: MOST + 1]:
        told = row.system.name if row.system else _("no AI system")
        yield Hit(str(row), told, reverse("model-detail", args=[row.pk]))


def _requests(person: User, text: str) -> Iterator[Hit]:
    rows = listing.named(person, text, MOST + 1)
    for row, named in zip(rows, kinds.presented(rows).values(), strict=True):
        told = " · ".join(filter(None, (named.reference, approvals.state_said(row), row.system.name)))
        yield Hit(named.title, told, named.url or reverse("approval-detail", args=[row.pk]))


def _findings(person: User, text: str) -> Iterator[Hit]:
    rows = approvals.findings_for(person, closed=True).filter(Q(title__icontains=text) | _keyed(text))
    for row in rows.order_by("closed_at", "due_on", "pk")[: MOST + 1]:
        told = _("closed") if row.closed_at else _("due on {day}").format(day=row.due_on)
        yield Hit(row.title, f"{row.severity} · {told}", reverse("finding-detail", args=[row.pk]))


def _monitors(person: User, text: str) -> Iterator[Hit]:
    for row in monitoring.monitors_for(person).filter(Q(model__name__icontains=text) | _keyed(text))[: MOST + 1]:
        yield Hit(str(row), _("monitor"), reverse("monitor-detail", args=[row.pk]))


def _alerts(person: User, text: str) -> Iterator[Hit]:
    number = _number(text, "al")
    condition = Q(number=number) if number is not None else Q(title__icontains=text) | _keyed(text)
    rows = Alert.objects.filter(condition, monitor__in=monitoring.monitors_for(person).order_by().values("pk"))
    for row in rows.order_by("-opened_at")[: MOST + 1]:
        told = f"{row.title} · {row.get_state_display()}"
        yield Hit(f"AL-{row.number}", told, reverse("alert-detail", args=[row.pk]))


def _incidents(person: User, text: str) -> Iterator[Hit]:
    number = _number(text, "inc")
    condition = Q(number=number) if number is not None else Q(title__icontains=text) | _keyed(text)
    for row in incidents.incidents_for(person).filter(condition).order_by("-opened_at")[: MOST + 1]:
        told = f"INC-{row.number} · {row.get_state_display()}"
        yield Hit(row.title, told, reverse("incident-detail", args=[row.pk]))


def _documents(person: User, text: str) -> Iterator[Hit]:
    called = [value for value, label in Document.Kind.choices if text.casefold() in str(label).casefold()]
    rows = documents.documents_for(person).filter(Q(system__name__icontains=text) | Q(kind__in=called) | _keyed(text))
    for row in rows.select_related("system").order_by("-made_at")[: MOST + 1]:
        told = f"{row.system.name if row.system else _('All AI systems')} · {clock.day(row.made_at)}"
        yield Hit(row.get_kind_display(), told, reverse("document-detail", args=[row.pk]))


def _policies(person: User, text: str) -> Iterator[Hit]:
    for row in policies.policies_for(person):
        if text.casefold() in row.name.casefold():
            yield Hit(str(row), _("the version in force"), reverse("policy-detail", args=[row.pk]))


def _people(person: User, text: str) -> Iterator[Hit]:
    if not person.has_perm(READ_PEOPLE):
        return
    rows = User.objects.filter(Q(name__icontains=text) | Q(email__icontains=text) | _keyed(text))
    for row in rows.order_by("name", "pk")[: MOST + 1]:
        yield Hit(row.name, row.email or _("service account"), reverse("person-detail", args=[row.pk]))


def _law(person: User, text: str) -> Iterator[Hit]:
    for point in law.search(load(), law.Query(text=text))[: MOST + 1]:
        yield Hit(point.id, point.title, reverse("register-point", args=[point.id]))


def _entries(person: User, text: str) -> Iterator[Hit]:
    if not person.has_perm(READ_LOG):
        return
    for entry in log.search(log.Query(text=text), limit=MOST + 1).entries:
        if entry.index is not None:
            told = _("entry {index} · {day}").format(index=entry.index, day=clock.day(entry.recorded_at))
            yield Hit(sentence(entry.parsed), told, reverse("audit-entry", args=[entry.index]))


def is_a_name(text: str) -> bool:
    """Return whether the words are what people call one thing: ``PR-12`` or a row's id."""
    return bool(_NAME.fullmatch(text.strip()))


def _number(text: str, prefix: str) -> int | None:
    """Return the number in what people call a thing, such as 12 of ``al-12``; None if the words are no such name."""
    match = re.fullmatch(rf"{prefix}-([0-9]{{1,9}})", text, re.IGNORECASE | re.ASCII)
    return int(match[1]) if match and int(match[1]) < 2**31 else None


def _keyed(text: str) -> Q:
    """Return the condition that the words are a row's id."""
    try:
        return Q(pk=uuid.UUID(text))
    except ValueError:
        return Q(pk__in=())


Find = Callable[[User, str], Iterator[Hit]]
KINDS: dict[str, tuple[Any, Find, str]] = {
    "systems": (gettext_lazy("AI systems"), _systems, ""),
    "models": (gettext_lazy("Models"), _models, ""),
    "requests": (gettext_lazy("Requests"), _requests, ""),
    "findings": (gettext_lazy("Findings"), _findings, "finding-list"),
    "monitors": (gettext_lazy("Monitors"), _monitors, "monitor-list"),
    "alerts": (gettext_lazy("Alerts"), _alerts, ""),
    "incidents": (gettext_lazy("Incidents"), _incidents, ""),
    "documents": (gettext_lazy("Documents"), _documents, ""),
    "policies": (gettext_lazy("Policies"), _policies, ""),
    "people": (gettext_lazy("People"), _people, "person-list"),
    "law": (gettext_lazy("Law"), _law, "register"),
    "entries": (gettext_lazy("Audit log"), _entries, "audit-log"),
}
"""By kind: what people call it, how it is looked for, and the name of the list that takes the same words."""
