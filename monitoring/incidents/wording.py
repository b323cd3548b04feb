"""What is said of an incident in sentences, the same on its page, in the API and in the draft of a report."""

import uuid
from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.common import clock
from monitoring.incidents import selectors
from monitoring.incidents.clocks import Clock
from monitoring.incidents.models import Incident
from monitoring.incidents.selectors import Act

ACTS = {
    "incident.opened": gettext_lazy("wrote the incident down"),
    "incident.facts_changed": gettext_lazy("stated facts anew"),
    "incident.times_changed": gettext_lazy("put times right"),
    "incident.noted": gettext_lazy("noted"),
    "incident.task_added": gettext_lazy("added a task"),
    "incident.task_done": gettext_lazy("did a task"),
    "incident.reported": gettext_lazy("recorded a report to the authority"),
    "incident.closed": gettext_lazy("closed it"),
}
TIMES = {
    "occurred_at": gettext_lazy("occurred"),
    "aware_at": gettext_lazy("aware"),
    "suspected_at": gettext_lazy("link suspected"),
    "link_established_at": gettext_lazy("link established"),
    "reported_at": gettext_lazy("reported"),
}
BINDING = {
    "yes": "",
    "formally": gettext_lazy(
        "Article 73 applies formally since {formal}, and in practice from {practical}, when the classification rules "
        "for high-risk systems apply; commentators differ."
    ),
    "not yet": gettext_lazy("Article 73 did not apply yet on the day of awareness: it does from {formal}."),
    "unknown": gettext_lazy("The register does not say from when Article 73 applies."),
}


def notices_of(incident: Incident) -> list[str]:
    """Return what has to be said about this incident before anything else, most pressing first."""
    system = incident.system
    found = []
    if hold := alteration_said(incident):
        found.append(hold)
    if system.ai_roles and "provider" not in system.ai_roles:
        found.append(
            _(
                "We are not the provider of {system}. A deployer informs the provider first, and at once, then the "
                "importer or distributor and the authority (Article 26(5))."
            ).format(system=system.name)
        )
    if incident.equivalent_law:
        found.append(
            _(
                "Our sector's law has an equivalent reporting duty: under Article 73(9) and (10) only breaches of "
                "duties that protect fundamental rights, Article 3(49)(c), are notified here. To be confirmed. Said: "
                "{note}"
            ).format(note=incident.equivalent_law_note)
        )
    if system.ai_act_class != "high":
        said = system.get_ai_act_class_display() or _("not classified")
        found.append(
            _("Article 73 is about high-risk AI systems; {system} is: {said}. Confirm whether it applies.").format(
                system=system.name, said=said.lower()
            )
        )
    return found


def alteration_said(incident: Incident) -> str:
    """Return that the system must not be altered, while the authorities do not know; empty afterwards."""
    if incident.state != Incident.State.OPEN:
        return ""
    return _(
        "{number} is not reported: do not alter {system} in a way that may affect a later evaluation of the causes "
        "before the authorities know (Article 73(6))."
    ).format(number=incident, system=incident.system.name)


def holds_of(system_id: uuid.UUID) -> list[str]:
    """Return the same for the pages about a system, one sentence for each incident that is not reported."""
    return [alteration_said(incident) for incident in selectors.unreported_of(system_id)]


def clock_said(found: Clock) -> str:
    """Return a clock as a sentence."""
    said = _("{due}, {days} days after {counted} on {start} ({rule})").format(
        due=clock.day(found.due_on),
        days=found.days,
        counted=found.counted_from,
        start=clock.day(found.counted_from_on),
        rule=found.rule,
    )
    return said if found.owed else said + "; " + _("not owed under Article 73(9), to be confirmed")


def route_said(found: Sequence[Clock]) -> str:
    """Return whether Article 73 bound on the day of awareness, where that needs saying; else that it did."""
    if not found:
        return _("Article 73 was no law on the day of awareness.")
    first = found[0]
    text = str(BINDING[first.binds])
    days = {"formal": first.formal, "practical": first.practical}
    said = {name: clock.day(day) if day else "" for name, day in days.items()}
    return text.format(**said) if text else _("Article 73 applied on the day of awareness.")


def act_said(act: Act) -> tuple[str, str]:
    """Return what was done, and the words that came with it; erased ones say so."""
    what = str(ACTS.get(act.event, act.event))
    if times := act.data.get("times"):
        changed = [f"{TIMES.get(name, name)}: {_at(was)} → {_at(now)}" for name, (was, now) in times.items()]
        what = f"{what} ({'; '.join(changed)})"
    if act.event == "incident.closed" and act.data.get("not_serious"):
        what = _("closed it as not serious")
    if act.payload is None:
        return what, _("erased")
    return what, " · ".join(str(text) for name, text in act.payload.items() if name != "title" and text)


def _at(moment: str | None) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC" if moment else _("not known")
