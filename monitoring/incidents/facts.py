"""Gather what Placet has on record about an incident, for the draft of its report."""

from collections.abc import Mapping, Sequence
from typing import Any

from governance.approvals.models import ApprovalRequest, Decision
from governance.audit import selectors as log
from governance.audit.governed import Governed
from governance.common import clock
from governance.inventory import selectors as inventory
from governance.inventory import system_record
from governance.inventory.models import AISystem
from governance.regulation import register
from monitoring.incidents import clocks, selectors
from monitoring.incidents.checks import NOTE
from monitoring.incidents.clocks import COUNTING, Clock
from monitoring.incidents.models import Incident
from monitoring.incidents.places import MEMBER_STATES
from monitoring.incidents.report import Draft, Line, build, declared, measured
from monitoring.incidents.selectors import Act, Told
from monitoring.incidents.wording import (
    act_said,
    alteration_said,
    clock_said,
    harms_in_words,
    in_words,
    notices_of,
    route_said,
)
from monitoring.models import DriftRun
from registry.models import AliasHistory, ModelVersion

RUNS_SHOWN = 5


class Places:
    """Where the log has rows: the index of the entry that named each of them last."""

    def __init__(self, rows: Sequence[Governed]) -> None:
        self._found = log.indexes_of([row.log_entry for row in rows])

    def __getitem__(self, row: Governed) -> int | None:
        """Return a row's index, None while the notary has not placed it."""
        return self._found.get(row.log_entry)


def draft_of(incident: Incident) -> Draft:
    """Return the draft of a report about an incident, from everything that is on record now."""
    acts = selectors.acts_of(incident)
    words, route = selectors.told(acts), selectors.route_of(incident.system)
    found = selectors.clocks_of(incident, route)
    return build(
        number=str(incident),
        title=incident.title,
        made_at=clock.rfc3339(clock.now()),
        law=register.load().version,
        notices=[*notices_of(incident, words[NOTE]), route_said(found), COUNTING],
        sections=[
            ("The AI system", "Art 73.1", _system(incident.system)),
            ("The version", "Art 73.1", _version(incident.version)),
            ("What happened", _point(incident), _happened(incident, words, acts)),
            ("When what was known, and by when a report is due", "Art 73.2", _times(incident, acts, found)),
            ("Alert and measured drift", "Art 73.6", _drift(incident)),
            ("Measures", "Art 73.6", _measures(incident, acts)),
            ("Reports sent", "Art 73.1", _reports(acts)),
            *([("How it was closed", _ending_point(incident), _ending(incident, acts))] if incident.ending else []),
            ("What was done, in order", "Art 73.6", [_act(act) for act in acts]),
        ],
    )


def _point(incident: Incident) -> str:
    points = sorted({clocks.Harm(harm).point for harm in incident.harms})
    return ", ".join(points) or "Art 3.49"


def _system(ai_system: AISystem) -> list[Line]:
    signed = inventory.classification_in_force(ai_system)
    places = Places([ai_system, *([signed] if signed else [])])
    who = _declarants(ai_system, ("purpose", "ai_roles"))
    lines = [
        _of_record(ai_system, "provider-name", "Provider"),
        _of_record(ai_system, "provider-address", "Address of the provider"),
        measured("AI system", f"{ai_system.name} ({ai_system.slug})", log_index=places[ai_system]),
        declared("Intended purpose", ai_system.purpose, **who["purpose"]),
        declared("Our roles", ", ".join(ai_system.ai_roles), **who["ai_roles"]),
    ]
    if signed is None or signed.signed_by is None:
        return [*lines, Line("Class under the AI Act", "missing")]
    points = ", ".join(signed.annex_points)
    text = signed.get_ai_act_class_display() + (f" ({points})" if points else "")
    if ai_system.class_reopened_at:
        text += f"; open again since {clock.day(ai_system.class_reopened_at)}, as the system was modified"
    by = f"{signed.proposed_by.name}, signed by {signed.signed_by.name}"
    day = clock.day(signed.signed_at) if signed.signed_at else ""
    return [*lines, declared("Class under the AI Act", text, by=by, on=day, log_index=places[signed])]


def _of_record(ai_system: AISystem, question: str, label: str) -> Line:
    row = system_record.text_of(ai_system, question)
    if row is None:
        return Line(label, "missing")
    return declared(label, row.text, by=row.made_by.name, on=clock.day(row.made_at), log_index=Places([row])[row])


def _declarants(row: Governed, fields: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return who gave each field the value that it has, on which day, and the index of the entry.

    That is the actor of the newest entry that changed the field; of the first entry, where none did.
    """
    table = row._meta.db_table
    entries = log.entries_naming(table, [row.pk])
    names = selectors.names_of(entry.actor for entry in entries)
    found: dict[str, dict[str, Any]] = {name: {"by": ""} for name in fields}
    for place, entry in enumerate(entries):
        changed = entry.parsed["data"].get("changed", {}).get(table, {}).get(str(row.pk), {})
        said = {
            "by": names.get(entry.actor, entry.actor),
            "on": _day(entry.parsed["at"]),
            "log_index": entry.index,
        }
        found |= {name: said for name in fields if place == 0 or name in changed}
    return found


def _version(version: ModelVersion | None) -> list[Line]:
    if version is None:
        return [Line("Model and version", "missing"), Line("Digest of the artifact", "missing")]
    spans = list(AliasHistory.objects.filter(version=version).order_by("during"))
    requests = list(
        ApprovalRequest.objects.filter(subject_id=version.pk).select_related("policy_version").order_by("opened_at")
    )
    decisions = list(
        Decision.objects.filter(request__in=requests).select_related("approver", "request").order_by("decided_at")
    )
    places = Places([version, *spans, *requests, *decisions])
    return [
        measured("Model and version", version.subject_name, log_index=places[version]),
        measured(
            "Digest of the artifact",
            "of all its files" if version.artifact_digest else None,
            digest=version.artifact_digest,
        ),
        *(measured(f"Served as {span.alias}", _span(span), log_index=places[span]) for span in spans),
        *(
            measured(
                f"Approval for {row.asks_for}",
                f"{row.get_state_display()}, policy {row.policy_version}, asked for on {clock.day(row.opened_at)}",
                digest=row.manifest_digest,
                log_index=places[row],
            )
            for row in requests
        ),
        *(
            measured(
                f"Decision in the stage {row.stage}",
                f"{row.get_verdict_display()}, {row.approver.name}, {clock.day(row.decided_at)}",
                log_index=places[row],
            )
            for row in decisions
        ),
    ]


def _span(span: AliasHistory) -> str:
    until = clock.rfc3339(span.during.upper) if span.during.upper else "now"
    return f"from {clock.rfc3339(span.during.lower)} until {until}"


def _happened(incident: Incident, words: Mapping[str, Told], acts: Sequence[Act]) -> list[Line]:
    said = selectors.stated(acts)
    states = dict(MEMBER_STATES)
    return [
        _told("What happened", words["what_happened"]),
        _told("Persons affected", words["persons"]),
        _stated("Harm", harms_in_words(incident.harms), said.get("harms")),
        _stated("Widespread infringement", "yes" if incident.widespread else "", said.get("widespread")),
        _stated(
            "Limited by an equivalent duty",
            in_words(incident.equivalent_law) if incident.equivalent_law else "",
            said.get("equivalent_law"),
        ),
        *([_told("Who said so, and which law", words[NOTE])] if incident.equivalent_law else []),
        _stated(
            "Member States where it occurred",
            ", ".join(states[code] for code in incident.member_states),
            said.get("member_states"),
        ),
    ]


def _stated(label: str, text: str, act: Act | None) -> Line:
    """Return a line that the act's person declared; missing where nobody did."""
    if act is None:
        return declared(label, "", by="")
    return declared(label, text, by=act.who, on=_day(act.at), log_index=act.index)


def _told(label: str, said: Told) -> Line:
    if said.text is None:
        return measured(label, "erased on request", log_index=said.index)
    return declared(label, said.text, by=said.by, on=_day(said.at), log_index=said.index)


def _times(incident: Incident, acts: Sequence[Act], found: Sequence[Clock]) -> list[Line]:
    said = selectors.stated(acts)
    names = {
        "occurred_at": "Occurred",
        "aware_at": "Awareness",
        "suspected_at": "Link suspected",
        "link_established_at": "Causal link or its reasonable likelihood established",
        "reported_at": "First report",
    }
    lines = [
        _stated(label, clock.rfc3339(at) if (at := getattr(incident, name)) else "", said.get(name))
        for name, label in names.items()
    ]
    return [*lines, *(measured(f"Latest day, {item.point}", clock_said(item)) for item in found)]


def _drift(incident: Incident) -> list[Line]:
    runs = list(
        DriftRun.objects.filter(version=incident.version)
        .select_related("evidence")
        .order_by("-window_end")[:RUNS_SHOWN]
        if incident.version
        else []
    )
    alert = incident.alert
    places = Places([*([alert] if alert else []), *runs])
    lines = (
        [measured("Alert", f"{alert.title}, {clock.rfc3339(alert.opened_at)}", log_index=places[alert])]
        if alert
        else [Line("Alert", "missing")]
    )
    return [
        *lines,
        *(
            measured(
                f"Window until {clock.day(run.window_end)}",
                f"{run.get_outcome_display()}, {run.rows:,} rows, columns that drifted: {run.drifted}",
                digest=run.evidence.payload_digest,
                log_index=places[run],
            )
            for run in runs
        ),
    ]


def _measures(incident: Incident, acts: Sequence[Act]) -> list[Line]:
    tasks = list(incident.tasks.select_related("owner", "done_by").order_by("made_at"))
    texts = selectors.tasks_said(acts)
    done = {str(act.data["task"]): act for act in acts if act.event == selectors.DONE}
    lines = []
    for task in tasks:
        text, act = texts[str(task.pk)], done.get(str(task.pk))
        what = text.text or "erased on request"
        if act:
            lines.append(_stated("Done", what, act))
        else:
            until = f"{what} (by {task.owner.name}, until {clock.day(task.due_on)})"
            lines.append(declared("To do", until, by=text.by, on=_day(text.at), log_index=text.index))
    hold = alteration_said(incident)
    lines += [measured("The system", hold)] if hold else []
    return [*lines, Line("Risk assessment", "missing"), *([] if tasks else [Line("Corrective action", "missing")])]


def _reports(acts: Sequence[Act]) -> list[Line]:
    return [
        declared(
            f"Report {act.data.get('report')}",
            " · ".join(
                [f"sent {act.data.get('sent_at')}", *map(str, (act.payload or {"authority": "erased"}).values())]
            ),
            by=act.who,
            on=_day(act.at),
            log_index=act.index,
        )
        for act in acts
        if act.event == "incident.reported"
    ]


def _ending_point(incident: Incident) -> str:
    points = {"not_serious": "Art 3.49", "provider_informed": "Art 26.5"}
    return points.get(incident.ending, "Art 73.1")


def _ending(incident: Incident, acts: Sequence[Act]) -> list[Line]:
    act = acts[-1]
    lines = [_stated("Ground", incident.get_ending_display(), act)]
    if incident.ending_reference:
        lines.append(_stated("Law, or who was informed", incident.ending_reference, act))
    return [*lines, _stated("How it ended", str((act.payload or {}).get("how", "erased on request")), act)]


def _act(act: Act) -> Line:
    text = ": ".join(part for part in act_said(act) if part)
    return declared(act.at, text, by=act.who, log_index=act.index)


def _day(at: str) -> str:
    return at[:10]
