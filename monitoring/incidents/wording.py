"""What is said of an incident in sentences, the same on its page, in the API and in the draft of a report."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.common import clock
from monitoring.incidents import clocks, selectors
from monitoring.incidents.clocks import Clock, limits
from monitoring.incidents.models import Incident
from monitoring.incidents.selectors import Act, Told

Harm = Incident.Harm
ACTS = {
    "incident.opened": gettext_lazy("wrote the incident down"),
    "incident.facts_changed": gettext_lazy("stated facts anew"),
    "incident.times_changed": gettext_lazy("put times right"),
    "incident.noted": gettext_lazy("noted"),
    "incident.task_added": gettext_lazy("added a task"),
    "incident.task_done": gettext_lazy("did a task"),
    "incident.reported": gettext_lazy("recorded a report to the authority"),
    "incident.handed_over": gettext_lazy("handed it over"),
    "incident.closed": gettext_lazy("closed it"),
}
ENDINGS = {
    "reported": gettext_lazy("closed it as reported"),
    "not_serious": gettext_lazy("closed it as not serious"),
    "not_owed": gettext_lazy("closed it: no report is owed under Article 73"),
    "provider_informed": gettext_lazy("closed it: the provider is informed, whose report it is"),
}
FACTS = {
    "harms": gettext_lazy("harm"),
    "widespread": gettext_lazy("widespread infringement"),
    "member_states": gettext_lazy("where it occurred"),
    "equivalent_law": gettext_lazy("equivalent duty"),
    "version": gettext_lazy("version"),
}
LABELS = {
    "what_happened": gettext_lazy("What happened"),
    "persons": gettext_lazy("Persons affected"),
    "equivalent_law_note": gettext_lazy("Who said that a duty is equivalent"),
    "authority": gettext_lazy("Authority"),
    "reference": gettext_lazy("Reference"),
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


def notices_of(incident: Incident, note: Told) -> list[str]:
    """Return what has to be said about this incident before anything else, most pressing first.

    Args:
        note: who said that an equivalent duty limits what is notified, and which law it is.
    """
    system = incident.system
    found = []
    if hold := alteration_said(incident):
        found.append(hold)
    if system.ai_roles and "provider" not in system.ai_roles:
        found.append(
            _(
                "We are not the provider of {system}. A deployer informs the provider first, and at once, then the "
                "importer or distributor and the authority; if it can't reach the provider, Article 73 applies to it "
                "(Article 26(5))."
            ).format(system=system.name)
        )
    if incident.equivalent_law:
        found.append(_equivalence_said(incident, note))
    if system.ai_act_class != "high":
        said = system.get_ai_act_class_display() or _("not classified")
        found.append(
            _("Article 73 is about high-risk AI systems; {system} is: {said}. Confirm whether it applies.").format(
                system=system.name, said=said.lower()
            )
        )
    return found


def _equivalence_said(incident: Incident, note: Told) -> str:
    point = in_words(incident.equivalent_law)
    if limits(selectors.case_of(incident), selectors.route_of(incident.system)):
        text = _(
            "Under {point} only breaches of duties that protect fundamental rights, Article 3(49)(c), are notified "
            "here, and widespread infringements; to be confirmed. Said by {who}: {note}"
        )
    else:
        text = _(
            "{point} was said to limit what is notified, but by its classification {system} is not what that is about "
            "(paragraph 9: Annex III; paragraph 10: medical devices, Annex I), so every day below stands. Said by "
            "{who}: {note}"
        )
    said = _("erased") if note.text is None else note.text
    return text.format(point=point, system=incident.system.name, who=note.by, note=said)


def in_words(point: str) -> str:
    """Return a point of the register as people cite it: ``Art 73.9`` is ``Article 73(9)``."""
    article, _dot, paragraph = point.removeprefix("Art ").partition(".")
    return f"Article {article}({paragraph})"


def harms_said(incident: Incident) -> str:
    """Return the outcomes of an incident, with their points of the law."""
    return harms_in_words(incident.harms) or _("Not established yet")


def harms_in_words(values: Sequence[str]) -> str:
    """Return outcomes by their names; empty for none."""
    return ", ".join(f"{Harm(value).label} (3(49)({clocks.Harm(value).point[-1]}))" for value in values)


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
    return said if found.owed else said + "; " + _("not owed because of an equivalent duty, to be confirmed")


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
    if act.event.endswith("_changed"):
        changed = [
            *(f"{FACTS[name]}: {_fact(name, was)} → {_fact(name, now)}" for name, (was, now) in _of(act, "facts")),
            *(f"{TIMES[name]}: {_at(was)} → {_at(now)}" for name, (was, now) in _of(act, "times")),
            *(str(LABELS.get(name, name)).lower() for name in act.data.get("said", ())),
        ]
        what = f"{what} ({'; '.join(changed)})"
    if act.event == "incident.closed":
        what = str(ENDINGS.get(str(act.data.get("ending")), what))
    if act.event == "incident.handed_over":
        names = selectors.names_of([str(act.data["owner"])])
        what = _("handed it over to {name}").format(name=", ".join(names.values()))
    if act.payload is None:
        return what, _("erased")
    texts = {name: str(text) for name, text in act.payload.items() if name != "title" and text}
    alone = len(texts) == 1
    return what, " · ".join(
        text if alone or name not in LABELS else f"{LABELS[name]}: {text}" for name, text in texts.items()
    )


def _of(act: Act, part: str) -> Iterable[tuple[str, Any]]:
    found: Mapping[str, Any] = act.data.get(part, {})
    return found.items()


def _fact(name: str, value: Any) -> str:
    if name == "harms":
        return harms_in_words(value) or _("not established")
    if name == "widespread":
        return _("yes") if value else _("not said")
    if name == "member_states":
        return ", ".join(value) or _("not said")
    if name == "equivalent_law" and value:
        return in_words(value)
    return str(value) or _("none")


def _at(moment: str | None) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC" if moment else _("not known")
