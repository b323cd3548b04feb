"""What the pages of a risk file show, as plain values; ``templates/inventory`` says which."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from governance.accounts.models import User
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import DomainError
from governance.inventory import declaring, risks, tested
from governance.inventory.models import AISystem, Risk

SAID = {
    "risk.opened": "wrote it down",
    "risk.changed": "changed it",
    "risk.accepted": "accepted what remains",
    "risk.closed": "closed it",
}
Row = dict[str, Any]


def list_page(ai_system: AISystem, viewer: User) -> Row:
    """Return the context of inventory/risks.html: those that stand first, then closed ones."""
    rows = [_row(row) for row in risks.risks_of(ai_system)]
    standing = [row for row in rows if row["state"] != "closed"]
    return {
        "system": _system(ai_system),
        "risks": standing,
        "closed": [row for row in rows if row["state"] == "closed"],
        "overdue": sum(row["overdue"] for row in standing),
        "waiting": sum(row["state"] == "treated" for row in standing),
        "may_write": _may_write(ai_system, viewer),
    }


def risk_page(row: Risk, viewer: User, *, typed: str = "") -> Row:
    """Return the context of inventory/risk.html.

    Args:
        typed: the reason that was sent with a decision that was refused.
    """
    standing = row.state != Risk.State.CLOSED
    return {
        "system": _system(row.system),
        "risk": _row(row),
        "evidence": [_tested(item) for item in tested.named(row.system, row.evidence)],
        "may_write": standing and _may_write(row.system, viewer),
        "refusal": risks.may_accept(row, viewer) if standing else "",
        "may_close": standing and _may_close(row, viewer),
        "typed": typed,
        "history": _history(row),
    }


def form_page(
    ai_system: AISystem,
    row: Risk | None,
    *,
    typed: Mapping[str, str] | None = None,
    chosen: Collection[str] | None = None,
    error: str = "",
) -> Row:
    """Return the context of inventory/risk_form.html.

    Args:
        row: the risk that is changed; None for a new one.
        typed: what was sent and not kept.
        chosen: the ids of evidence that were sent with it; None shows those that the risk names.
    """
    ticked = set(chosen if chosen is not None else row.evidence if row else ())
    names = (*risks.TEXTS, *risks.SCORES, "kind")
    given = {name: getattr(row, name) for name in names} if row else {"review_on": ""}
    if row:
        given |= {"review_on": row.review_on.isoformat(), "owner": str(row.owner_id)}
    return {
        "system": _system(ai_system),
        "risk": _row(row) if row else None,
        "kinds": Risk.Kind.choices,
        "people": [{"pk": str(person.pk), "name": person.name} for person in risks.possible_owners(ai_system)],
        "evidence": [{**_tested(item), "ticked": str(item.pk) in ticked} for item in _offered(ai_system, row)],
        "scores": [str(score) for score in range(1, 6)],
        "form": {name: "" if value is None else str(value) for name, value in (given | dict(typed or {})).items()},
        # What was refused since another changed it meanwhile is sent anew against what stands now.
        "log_entry": str(row.log_entry) if row else "",
        "error": error,
    }


def _offered(ai_system: AISystem, row: Risk | None) -> list[tested.Tested]:
    """Return what can be chosen: the newest of each subject and type, and whatever the risk names already."""
    found = {item.pk: item for item in tested.named(ai_system, row.evidence if row else ())}
    found |= {item.pk: item for item in tested.offered(ai_system)}
    return sorted(found.values(), key=lambda item: (item.about, item.type, item.made_at))


def _tested(item: tested.Tested) -> Row:
    return {"pk": item.pk, "type": item.type, "about": item.about, "digest": item.digest, "made_at": item.made_at}


def _row(row: Risk) -> Row:
    return {
        "pk": row.pk,
        "log_entry": row.log_entry,
        "number": row.number,
        "name": str(row),
        "title": row.title,
        "hazard": row.hazard,
        "affected": row.affected,
        "kind": row.get_kind_display(),
        "likelihood": row.likelihood,
        "severity": row.severity,
        "residual_likelihood": row.residual_likelihood,
        "residual_severity": row.residual_severity,
        "measures": row.measures,
        "tests": row.tests,
        "owner": row.owner.name,
        "review_on": row.review_on,
        "overdue": risks.is_overdue(row, clock.now().date()),
        "state": row.state,
        "reason": row.reason,
        "made_by": row.made_by.name,
        "made_at": row.made_at,
        "accepted_by": row.accepted_by.name if row.accepted_by else "",
        "accepted_at": row.accepted_at,
        "closed_at": row.closed_at,
    }


def _history(row: Risk) -> list[Row]:
    """Return what was done to a risk, the newest first, from the log."""
    entries = log.entries_naming("inventory_risk", [row.pk])
    actors = {entry.parsed["actor"].partition(":")[2] for entry in entries}
    names = {str(pk): name for pk, name in User.objects.filter(pk__in=actors).values_list("pk", "name")}
    found = []
    for entry in entries:
        said = entry.parsed
        found.append(
            {
                "at": said["at"],
                "who": names.get(said["actor"].partition(":")[2], "Placet"),
                "what": SAID.get(said["event"], said["event"]),
                "inherent": said["data"].get("inherent"),
                "residual": said["data"].get("residual"),
                "state": said["data"].get("state"),
            }
        )
    return sorted(found, key=lambda item: str(item["at"]), reverse=True)


def _may_write(ai_system: AISystem, viewer: User) -> bool:
    try:
        declaring.check_may_declare(ai_system, viewer)
    except DomainError:
        return False
    return True


def _may_close(row: Risk, viewer: User) -> bool:
    try:
        risks.check_may_close(row, viewer)
    except DomainError:
        return False
    return True


def _system(row: AISystem) -> Row:
    return {"pk": row.pk, "name": row.name, "state": row.state}
