"""The pages of registered models: what is live on whose word, what was in production when, what the gate refused."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.dateparse import parse_datetime

from governance.accounts.models import User
from governance.approvals import renewal
from governance.approvals.models import OPEN, ApprovalRequest, Decision, Finding, State
from governance.audit import selectors as log
from governance.audit.searching import Query, search
from governance.audit.selectors import LogEntry
from governance.common import clock
from governance.common.templatetags.placet import day
from governance.policy.models import PolicyVersion
from governance.policy.selectors import document_of, governing
from registry import history, permit_status, protected, selectors
from registry.models import AliasChange, AliasHistory, ModelVersion, PromotionRequest, RegisteredModel
from registry.reviewing import acts, dataset_pages, outside_pages, panels, standing_pages
from registry.reviewing.attempts import attempt_in_words, attempted_by
from registry.reviewing.people import People, person_ids
from registry.reviewing.review import findings_shown, open_findings, system_shown

CHAMPION = "champion"
BYPASSES = (
    *("unapproved-alias", "unapproved-stage", "alias-removed", "source-changed", "digest-mismatch"),
    *("artifact-missing", "approval-ended"),
)
GATE_DAYS = 90
ATTEMPTS_SHOWN = 12


def model_page(registered: RegisteredModel, viewer: User, *, alias: str = "", at: str = "") -> dict[str, Any]:
    """Return the context of registry/model.html; ``alias`` and ``at`` ask what was in production at a moment."""
    spans = list(
        AliasHistory.objects.filter(model=registered)
        .select_related("version", "promotion__approval", "opened_by", "adoption")
        .order_by("alias", "during")
    )
    findings = list(open_findings(registered.system) if registered.system else _findings_about(registered))
    refused = [
        entry
        for entry in search(Query(text=registered.name, events=["gate.refused"]), limit=200).entries
        if _is_about(entry, registered)
    ]
    people = People(
        {
            *(row.owner_id for row in findings),
            *person_ids(entry.actor for entry in refused),
            *([registered.system.owner_id] if registered.system else []),
        },
        system_id=registered.system_id,
    )
    suspended = _suspensions([row.promotion.approval_id for row in spans if row.promotion])
    live = [row for row in spans if row.during.upper is None]
    system = (
        system_shown(registered.system) | {"owner": people[registered.system.owner_id]} if registered.system else None
    )
    return {
        "model": {"pk": registered.pk, "name": str(registered), "workspace": registered.workspace},
        "system": system,
        "facts": _facts(registered, live, people),
        "banner": _banner(registered, live, findings),
        "lanes": _lanes(spans, suspended),
        "until": clock.now(),
        "bypass": _bypasses(registered, refused, people),
        "aliases": [protected.IN_USE] if registered.is_recorded else list(protected.in_force().protected_aliases),
        "recorded": outside_pages.recorded_shown(registered, viewer),
        "bases": outside_pages.bases_shown(registered, viewer),
        "asked": _asked(registered, alias, at),
        "versions": _versions(registered, live),
        "monitors": panels.monitors_of(registered),
        "gate": _gate(registered, refused),
        "documents": panels.documents_of(registered.system_id),
        "standing": standing_pages.standing_of_model(registered, viewer),
        "findings": findings_shown(findings, people, viewer),
        "acts": acts.acts_of(registered, live, viewer),
        "changes": acts.changes_of(registered),
    }


def _findings_about(registered: RegisteredModel) -> QuerySet[Finding]:
    """Return the open findings of a model that belongs to no AI system; they name it in their title."""
    found = _naming(registered).filter(system__isnull=True, closed_at__isnull=True)
    return found.select_related("owner").order_by("due_on")


def _naming(registered: RegisteredModel) -> QuerySet[Finding]:
    """Return the findings that name a model in their title, and not one of that name in another workspace."""
    return Finding.objects.filter(title__contains=str(registered)).exclude(title__contains=f":{registered}")


def _names(finding: Finding, registered: RegisteredModel) -> bool:
    return str(registered) in finding.title and f":{registered}" not in finding.title


def state_of(span: AliasHistory) -> str:
    """Return on whose word a version is live: its approval's state, or how it came there without one."""
    if span.promotion:
        return span.promotion.approval.state
    return "grandfathered" if span.adoption_id else "break-glass" if span.opened_by_id else "unapproved"


def _facts(registered: RegisteredModel, live: Sequence[AliasHistory], people: People) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    if registered.system:
        rows.append({"label": "Owner", "value": people[registered.system.owner_id]["name"]})
    for span in live:
        state = state_of(span)
        tone = {"approved": "ok", "suspended": "warn", "grandfathered": "warn"}.get(state, "bad")
        rows.append({"label": span.alias.capitalize(), "value": f"v{span.version.number}, {state}", "tone": tone})
        rows.append(
            {"label": f"Digest of v{span.version.number}", "value": span.version.artifact_digest, "digest": True}
        )
    return rows or [{"label": "Live", "value": "nothing"}]


def _banner(
    registered: RegisteredModel, live: Sequence[AliasHistory], findings: Sequence[Finding]
) -> dict[str, Any] | None:
    """Say what is wrong with what serves now: an approval without force first, then an open finding about the gate."""
    for span in live:
        if state_of(span) != State.APPROVED:
            return _without_force(span)
    for span in live:
        if ending := _ending(span):
            return ending
    for finding in findings:
        if finding.severity in {Finding.Severity.CRITICAL, Finding.Severity.HIGH} and _names(finding, registered):
            return {
                "tone": "bad",
                "title": "Open finding.",
                "text": f"{finding.title}.",
                "url": "#findings",
                "action": "To the findings",
            }
    return None


def _ending(span: AliasHistory) -> dict[str, Any] | None:
    """Say that the approval of what is live ends within the days in which it may be renewed."""
    approval = span.promotion.approval if span.promotion else None
    if approval is None or approval.valid_until is None:
        return None
    opens = renewal.opens_at(approval, document_of(approval.policy_version))
    if opens is None or clock.now() < opens:
        return None
    return {
        "tone": "warn",
        "title": f"The approval of {span.alias} v{span.version.number} ends on {day(approval.valid_until)}.",
        "text": "A renewal is under way." if approval.renewals.filter(state__in=OPEN).exists() else "Have it renewed.",
        "url": reverse("promotion-detail", args=[span.promotion_id]) + "#renew",
        "action": "Renew",
    }


def _without_force(span: AliasHistory) -> dict[str, Any]:
    served = f"{span.alias.capitalize()} v{span.version.number} serves"
    if span.adoption:
        until = day(span.adoption.deadline)
        return {
            "tone": "warn",
            "title": f"{served} as grandfathered until {until}.",
            "text": "It was there when Placet came. It has no approval and no permit: request its promotion.",
        }
    if span.promotion is None:
        broken = span.opened_by is not None and span.opened_by.kind == AliasChange.Kind.BREAK_GLASS
        title = f"{served} on one person's word." if broken else f"{served} without an approval."
        text = f"{span.opened_by}: {span.opened_by.reason} It awaits its review." if broken else ""  # type: ignore[union-attr]
        return {"tone": "bad", "title": title, "text": text or "Request one, or take the alias off."}
    approval: ApprovalRequest = span.promotion.approval
    suspended = approval.state == State.SUSPENDED
    permit = selectors.permit_for(approval)
    refused = permit is not None and permit_status.refuses_loads(permit)
    effect = "A loader refuses it." if refused else "It keeps serving; nothing new may be promoted on it."
    if span.version.is_recorded:
        effect = "No machine stops it: its owner was asked to, and states it when it is done."
    return {
        "tone": "warn" if suspended else "bad",
        "title": f"{served} on a {approval.get_state_display().lower()} approval.",
        "text": f"{approval.state_reason} {effect}".strip(),
        "url": reverse("review", args=[approval.pk]),
        "action": "Open the review",
    }


def _suspensions(approvals: Sequence[UUID]) -> Mapping[UUID, list[tuple[datetime, datetime | None]]]:
    """Return when each approval was suspended, as the log says it."""
    found: dict[UUID, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for entry in log.entries_naming("approvals_approvalrequest", approvals):
        if entry.event != "approval.state_changed":
            continue
        body = entry.parsed
        pk, at = UUID(body["data"]["request"]), _moment(body["at"])
        if body["data"]["from"] == State.SUSPENDED and found[pk] and found[pk][-1][1] is None:
            found[pk][-1] = (found[pk][-1][0], at)
        if body["data"]["to"] == State.SUSPENDED:
            found[pk].append((at, None))
    return found


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _lanes(
    spans: Sequence[AliasHistory], suspended: Mapping[UUID, list[tuple[datetime, datetime | None]]]
) -> list[dict[str, Any]]:
    lanes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in spans:
        lanes[row.alias].append(
            {
                "start": row.during.lower,
                "end": row.during.upper,
                "label": f"v{row.version.number}",
                "note": _on_whose_word(row),
                "suspended": suspended.get(row.promotion.approval_id, []) if row.promotion else [],
            }
        )
    return [
        {"alias": alias, "note": "", "spans": rows}
        for alias, rows in sorted(lanes.items(), key=lambda item: item[0] != CHAMPION)
    ]


def _on_whose_word(span: AliasHistory) -> str:
    """Say on what a version was there: the promotion, and by what other act than that it came, if by one."""
    change = span.opened_by
    if span.promotion:
        return (
            f"{span.promotion}, {change}"
            if change and change.kind == AliasChange.Kind.ROLLBACK
            else str(span.promotion)
        )
    return f"{change}, break-glass" if change else str(span.adoption or "no approval")


def _is_about(entry: LogEntry, registered: RegisteredModel) -> bool:
    return bool(entry.parsed["data"].get("model") == str(registered))


def _bypasses(registered: RegisteredModel, refused: Sequence[LogEntry], people: People) -> list[dict[str, Any]]:
    """Return what the gate refused and what the reconciler detected, oldest first, lettered as in the picture."""
    rows: list[dict[str, Any]] = [
        {
            "at": _moment(entry.parsed["at"]),
            "kind": "refused",
            "what": attempt_in_words(entry.parsed["data"]),
            "by": attempted_by(entry, people, log.payload_of(entry.id) or {}),
            "outcome": f"Refused, {entry.parsed['data'].get('verdict', 'BLOCK')}",
        }
        for entry in refused[:ATTEMPTS_SHOWN]
    ]
    detected = (
        _naming(registered).filter(code__in=BYPASSES).filter(Q(system=registered.system) | Q(system__isnull=True))
    )
    rows += [
        {
            "at": row.opened_at,
            "kind": "detected",
            "what": row.title,
            "by": "",
            "outcome": "Closed" if row.closed_at else "Detected, open",
        }
        for row in detected.order_by("-opened_at")[:ATTEMPTS_SHOWN]
    ]
    rows.sort(key=lambda row: row["at"])
    return [row | {"label": chr(65 + place)} for place, row in enumerate(rows[-26:])]


def _asked(registered: RegisteredModel, alias: str, at: str) -> dict[str, Any] | None:
    """Answer what an alias meant at a moment (UTC where no zone is given)."""
    if not alias or not at:
        return None
    try:
        moment = parse_datetime(at)
    except ValueError:
        moment = None
    if moment is None:
        return {"alias": alias, "at": "", "text": "Give a date and a time, such as 2026-07-14T12:00:00."}
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    when = f"{moment.astimezone(UTC):%d %b %Y, %H:%M:%S} UTC"
    spans = history.timeline(registered, alias=alias, at=moment)
    text = f"{_was(spans[0])} {alias} on {when}{_whose(spans[0])}." if spans else f"Nothing was {alias} on {when}."
    return {"alias": alias, "at": f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}", "text": text}


def _was(span: history.Span) -> str:
    return "Nothing was" if span.version is None else f"v{span.version} was"


def _whose(span: history.Span) -> str:
    """Return on whose word it was there, as the rest of a sentence."""
    word = span.word
    if span.by == history.FOUND:
        return ", on nobody's word: the reconciler found it so in MLflow"
    if span.by == history.PROMOTION:
        return f", on {word['promotion']}"
    if span.by == history.ADOPTED:
        return f", without an approval: it was there when adopted by {word['adoption']}"
    if span.by == history.BREAK_GLASS:
        return f", without an approval: {word['changed_by']} broke the glass ({word['change']})"
    return ", without an approval"


def _versions(registered: RegisteredModel, live: Sequence[AliasHistory]) -> list[dict[str, Any]]:
    aliases: dict[UUID, list[str]] = defaultdict(list)
    for span in live:
        aliases[span.version_id].append(span.alias)
    newest = {
        row.version_id: row
        for row in PromotionRequest.objects.filter(version__model=registered)
        .exclude(approval__renews__isnull=False, applied_at__isnull=True)  # what is live stands on the renewed one
        .select_related("approval")
        .order_by("made_at")
    }
    signers: dict[UUID, list[str]] = defaultdict(list)
    given = Decision.objects.filter(request__in=[row.approval_id for row in newest.values()], verdict="approve")
    for request, name in given.order_by("decided_at").values_list("request_id", "approver__name"):
        signers[request].append(name)
    rows = list(registered.versions.order_by("-number", "-mlflow_created_at_ms"))
    data = dataset_pages.data_of(rows)
    return [
        _version(row, newest.get(row.pk), aliases.get(row.pk, []), signers) | {"data": data[row.pk]} for row in rows
    ]


def _version(
    row: ModelVersion, promotion: PromotionRequest | None, aliases: Sequence[str], signers: Mapping[UUID, list[str]]
) -> dict[str, Any]:
    approval = promotion.approval if promotion else None
    note = ""
    if promotion and approval:
        note = approval.state_reason or promotion.state_reason
        if not note and promotion.state != PromotionRequest.State.REQUESTED:
            note = promotion.get_state_display()
    return {
        "number": row.number,
        "made_at": datetime.fromtimestamp(row.mlflow_created_at_ms / 1000, UTC),
        "digest": row.artifact_digest,
        "state": approval.state if approval else "",
        "alias": ", ".join(aliases),
        "reference": str(promotion) if promotion else "",
        "approval_pk": approval.pk if approval else None,
        "signed_by": ", ".join(signers.get(approval.pk, [])) if approval else "",
        "valid_until": approval.valid_until if approval else None,
        "note": note,
        "problem": row.problem,
    }


def _mode_said(policy: PolicyVersion | None, *, outside: bool) -> str:
    if policy is None:
        return "nothing can be promoted"
    return "binds people, and no machine" if outside else f"mode {document_of(policy).mode}"


def _gate(registered: RegisteredModel, refused: Sequence[LogEntry]) -> list[dict[str, Any]]:
    since = clock.now() - timedelta(days=GATE_DAYS)
    recent = [entry for entry in refused if entry.recorded_at >= since]
    gate, outside = protected.in_force(), registered.is_recorded
    policy = governing(registered.system, protected.IN_USE if outside else CHAMPION) if registered.system else None
    not_enforced = {"label": "Gate", "value": protected.NOT_ENFORCED.lower(), "detail": "no MLflow holds the model"}
    detected = {"label": "Bypasses", "value": protected.DETECTED.lower(), "detail": f"gate configuration {gate.number}"}
    return [
        *([not_enforced] if outside else [detected] if gate.detect_only else []),
        {
            "label": "Policy",
            "value": str(policy) if policy else "none",
            "detail": _mode_said(policy, outside=outside),
        },
        *(
            []
            if outside
            else [
                {"label": "Aliases", "value": ", ".join(gate.protected_aliases)},
                {"label": "Attempts refused", "value": str(len(recent)), "detail": f"in {GATE_DAYS} days"},
            ]
        ),
    ]
