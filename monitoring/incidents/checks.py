"""What the services of serious incidents ask before they change one, and how they log that they did."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.audit import services as audit
from governance.audit.events import Event
from governance.audit.governed import Governed
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.regulation import register
from monitoring.incidents import selectors, wording
from monitoring.incidents.errors import (
    IncidentChanged,
    IncidentClosed,
    IncidentNotReported,
    IncidentTimesRefused,
    OwnIncident,
    OwnWord,
)
from monitoring.incidents.models import Incident
from monitoring.incidents.places import MEMBER_STATES

SHORTEST, LONGEST = 20, 4000
TIMES = ("occurred_at", "aware_at", "suspected_at", "link_established_at", "reported_at")
NAMES = {
    "occurred_at": "the incident occurred",
    "aware_at": "we became aware of it",
    "suspected_at": "a link was suspected",
    "link_established_at": "the link was established",
    "reported_at": "it was reported",
}
IN_ORDER = (
    *(("occurred_at", "suspected_at"), ("occurred_at", "aware_at")),
    *(("aware_at", "link_established_at"), ("suspected_at", "link_established_at"), ("aware_at", "reported_at")),
)
"""Which time can't lie after which."""
FACTS = ("harms", "widespread", "member_states", "equivalent_law", "version")
NOTE = "equivalent_law_note"
SAID = {"what_happened": "Say what happened", "persons": "Say whom it affected", NOTE: "Say which law it is"}
"""What stands in the log's erasable text, and how it is asked for."""


def locked(incident_id: uuid.UUID, person: User, *, seen: uuid.UUID | None = None) -> Incident:
    """Return an incident, locked until the transaction ends.

    Args:
        seen: its newest log entry as the person saw it; None: any state will do.

    Raises:
        Unknown, IncidentClosed: no such incident for the person, or it is closed.
        IncidentChanged: it has a newer entry than ``seen``.
    """
    rows = Incident.objects.select_for_update(of=("self",)).select_related("system", "owner", "version__model")
    incident = rows.filter(pk=incident_id).first()
    if incident is None or not may_read(person, incident.system_id):
        raise Unknown(selectors.no_incident(incident_id))
    if incident.state == Incident.State.CLOSED:
        raise IncidentClosed(f"{incident} is closed.")
    if seen is not None and incident.log_entry != seen:
        done = "; ".join(f"{act.who} {wording.act_said(act)[0]}" for act in selectors.acts_since(incident, seen))
        raise IncidentChanged(
            f"Since you opened the page: {done or 'the incident has changed'}. Nothing of yours is kept yet; what you "
            "typed is still here. Look at what changed, then send it again if it still holds."
        )
    return incident


def worked_on(incident_id: uuid.UUID, person: User, *, seen: uuid.UUID | None = None) -> Incident:
    """Return an incident, locked, that the person keeps.

    Raises:
        Forbidden: their roles keep none; or as for :func:`locked`.
    """
    incident = locked(incident_id, person, seen=seen)
    check_keeper(person, incident.system_id)
    return incident


def check_keeper(person: User, system_id: uuid.UUID) -> None:
    """Refuse whoever keeps no incidents of a system."""
    if not selectors.is_keeper(person, system_id):
        raise Forbidden("An incident is kept by an owner, engineer, validator, risk officer or administrator.")


def check_reporter(person: User, incident: Incident, what: str = "does this") -> None:
    """Refuse whoever does not report the incidents of a system."""
    if not selectors.is_reporter(person, incident.system_id):
        raise Forbidden(f"An owner or a risk officer of the AI system {what}.")


def check_owner(owner: User, incident: Incident) -> None:
    """Refuse an owner who could not read the incident."""
    if owner.is_service or not owner.is_active or not may_read(owner, incident.system_id):
        raise InvalidInput("An incident is owned by an active person with a role for the AI system.")


def check_of_system(incident: Incident) -> None:
    """Refuse an alert or a version of another system."""
    if incident.alert and incident.alert.monitor.model.system_id != incident.system_id:
        raise InvalidInput("The alert is about another AI system.")
    if incident.version and incident.version.model.system_id != incident.system_id:
        raise InvalidInput("The version serves another AI system.", field="version")


def take_facts(incident: Incident, facts: Mapping[str, Any], note: str, by: User) -> dict[str, list[Any]]:
    """Put facts on an incident; return those that changed, each as it was and as it is.

    Args:
        note: who said that the law named by ``equivalent_law`` limits what is notified, and which law it is.

    Raises:
        InvalidInput: a value can't be, or nobody stands behind the equivalent law.
        Forbidden: the person reports none, and says that an equivalent law takes reports away.
    """
    was = {name: fact(incident, name) for name in FACTS}
    for name in FACTS:
        if name in facts:
            setattr(incident, name, facts[name])
    incident.harms = _known(incident.harms, Incident.Harm.values, "harm", "harms")
    incident.member_states = _known(
        incident.member_states, [code for code, _ in MEMBER_STATES], "Member State", "member_states"
    )
    if incident.equivalent_law not in {"", *Incident.EquivalentLaw.values}:
        raise InvalidInput(f"The equivalent law is one of {', '.join(Incident.EquivalentLaw.values)}, or none.")
    changed = {name: [was[name], now] for name in FACTS if (now := fact(incident, name)) != was[name]}
    limits = bool(incident.equivalent_law) and "equivalent_law" in changed
    if limits or note:
        check_reporter(by, incident, "says that an equivalent law takes reports away")
    if (limits or note) and not 0 < len(note) <= 300:
        raise InvalidInput(
            "Say who said that a duty is equivalent, and which law it is, in 1 to 300 characters.",
            field=NOTE,
        )
    check_of_system(incident)
    return changed


def fact(incident: Incident, name: str) -> Any:
    """Return a fact as the log says it: a version by its name."""
    value = getattr(incident, name)
    return (value.subject_name if value else "") if name == "version" else value


def _known(given: Iterable[str], known: Sequence[str], what: str, field: str) -> list[str]:
    found = set(given)
    if more := sorted(found - set(known)):
        raise InvalidInput(f"There is no {what} {more[0]}; choose among {', '.join(known)}.", field=field)
    return [value for value in known if value in found]


def check_times(incident: Incident, now: datetime) -> None:
    """Refuse times in the future, or in an order that can't be."""
    for name in TIMES:
        if (at := getattr(incident, name)) is not None and at > now:
            raise IncidentTimesRefused(f"When {NAMES[name]} can't lie in the future.", field=name)
    if incident.aware_at > incident.opened_at:
        raise IncidentTimesRefused(
            "Whoever wrote the incident down was aware of it: at the latest "
            f"{clock.rfc3339(incident.opened_at)[:16].replace('T', ', ')} UTC.",
            field="aware_at",
        )
    for earlier, later in IN_ORDER:
        first, second = getattr(incident, earlier), getattr(incident, later)
        if first is not None and second is not None and first > second:
            raise IncidentTimesRefused(f"When {NAMES[earlier]} can't lie after when {NAMES[later]}.", field=later)


def check_closer(closer: User, incident: Incident, ending: str) -> None:
    """Refuse whoever may not close an incident on this ground; the database keeps the same.

    Raises:
        OwnIncident: they own it, or gave it its present owner.
        Forbidden: they report none.
        IncidentNotReported, InvalidInput: the ground is not one, or is not so.
        OwnWord: it rests on what they said themselves.
    """
    if closer.pk in {incident.owner_id, incident.handed_over_by_id}:
        raise OwnIncident("You own this incident, or handed it over; somebody else must see that it is over.")
    check_reporter(closer, incident)
    if ending not in Incident.Ending.values:
        raise InvalidInput(f"It is closed as one of {', '.join(Incident.Ending.values)}.", field="ending")
    if ending == Incident.Ending.REPORTED:
        if incident.reported_at is None:
            raise IncidentNotReported(
                "Record the report first; or say why the incident is not serious, why no report is owed, or that the "
                "provider is informed.",
                field="ending",
            )
        if closer.pk == incident.reported_by_id:
            raise OwnWord("You recorded the report; another owner or risk officer must see that it is over.")
        return
    if ending == Incident.Ending.PROVIDER_INFORMED and "provider" in incident.system.ai_roles:
        raise InvalidInput("We are the provider of this AI system, so the report is ours.", field="ending")
    if closer.pk in {incident.opened_by_id, incident.stated_by_id}:
        raise OwnWord(
            "You wrote the incident down or stated last what it is; another owner or risk officer must see that no "
            "report of ours is due."
        )


def title_of(text: str) -> str:
    """Return a title without the blanks around it."""
    if not 0 < len(text.strip()) <= 300:
        raise InvalidInput("Name the incident in 1 to 300 characters.")
    return text.strip()


def line(text: str, what: str, **extra: str) -> str:
    """Return one line of at most 200 characters."""
    if not 0 < len(text.strip()) <= 200:
        raise InvalidInput(f"{what}, in 1 to 200 characters.", **extra)
    return text.strip()


def long_text(text: str, what: str, shortest: int = SHORTEST) -> str:
    """Return a text that says enough."""
    if not shortest <= len(text.strip()) <= LONGEST:
        how_long = f"{shortest} to {LONGEST:,}" if shortest else f"at most {LONGEST:,}"
        raise InvalidInput(f"{what}, in {how_long} characters.")
    return text.strip()


def log_act(
    incident: Incident,
    event: Event,
    by: User,
    data: Mapping[str, Any],
    payload: Mapping[str, str],
    rows: Sequence[Governed] = (),
) -> Incident:
    """Append the entry of an act: what the clocks said then, and by which law."""
    about = {
        "incident": incident.number,
        "system": incident.system.slug,
        "state": incident.state,
        "due": selectors.due_of(incident),
        "law": register.load().version,
    }
    audit.append(event=event, actor=by, subjects=[incident, *rows], data={**about, **data}, payload=payload or None)
    return incident
