"""What the pages of AI systems show, as plain values; ``templates/inventory`` says which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from governance.accounts.models import User
from governance.accounts.roles import DECIDING, Role
from governance.accounts.selectors import has_role
from governance.approvals import kinds
from governance.approvals.models import Finding
from governance.common import clock
from governance.common.errors import DomainError
from governance.inventory import assignments, criteria, modifying, retiring, services, system_record
from governance.inventory import selectors as inventory
from governance.inventory.law import signed_for
from governance.inventory.models import AISystem, Classification, ModelAssignment, Modification, Risk, SuccessCriteria
from governance.inventory.web.correspondence_pages import counts_of
from governance.inventory.web.dates import dates_of, next_dues
from governance.inventory.web.record_pages import progress, progress_of
from governance.policy.web.pages import effective_rows
from governance.regulation.questionnaire import questionnaire
from monitoring.incidents.selectors import is_keeper
from monitoring.web.incident_pages import rows_of_system
from registry.models import AliasHistory, RegisteredModel
from registry.reviewing.people import People
from registry.reviewing.review import findings_shown, open_findings
from registry.reviewing.standing_pages import standing_in_force
from reports.web.documents import documents_of, law_day

REQUESTS_SHOWN = 20
DECLARED_SHOWN = 6
Row = dict[str, Any]
Errors = Mapping[str, Sequence[str]]


def system_rows(systems: Sequence[AISystem]) -> list[Row]:
    """Return some AI systems with their class, their models, what is due next and how far their record has come.

    The number of queries does not depend on theirs.
    """
    ids = [row.pk for row in systems]
    models = _counted(RegisteredModel.objects.filter(system__in=ids))
    findings = _counted(Finding.objects.filter(system__in=ids, closed_at__isnull=True))
    signed = signed_for(systems)
    points = {pk: classification.annex_points for pk, classification in signed.items()}
    due, record = next_dues(systems, signed), system_record.counts_for(systems)
    live: dict[Any, list[str]] = {}
    for span in _live(systems):
        live.setdefault(span.version.model.system_id, []).append(f"{span.version} ({span.alias})")
    return [
        {
            "pk": row.pk,
            "name": row.name,
            "purpose": row.purpose,
            "owner": {"name": row.owner.name, "role": ""},
            "ai_act": ", ".join([row.get_ai_act_class_display(), *points.get(row.pk, ())]) if row.ai_act_class else "",
            "ai_act_class": row.ai_act_class,
            "due": due.get(row.pk),
            "record": progress_of(record[row.pk]),
            "reopened": row.class_reopened_at is not None,
            "tier": row.model_tier,
            "state": row.state,
            "models": models.get(row.pk, 0),
            "live": ", ".join(live.get(row.pk, [])),
            "open_findings": findings.get(row.pk, 0),
        }
        for row in systems
    ]


def _counted(rows: QuerySet[Any]) -> dict[Any, int]:
    return dict(rows.order_by().values_list("system").annotate(count=Count("pk")))


def system_page(
    ai_system: AISystem, viewer: User, *, refused: object = None, errors: Errors | None = None, on: str = ""
) -> Row:
    """Return the context of inventory/system.html.

    Args:
        on: the day, as typed, for which the dates of the AI Act are asked; today when it is empty.
        refused: the id of the classification, assignment or criteria that were to be signed.
        errors: why the signature was refused, by field (``password`` or ``all``).
    """
    signed = inventory.classification_in_force(ai_system)
    waiting = inventory.open_classification(ai_system)
    moving = inventory.open_assignments(ai_system)
    proposed = inventory.open_criteria(ai_system)
    pins = list(ai_system.dataset_pins.filter(unpinned_at__isnull=True).order_by("role"))
    findings = open_findings(ai_system)
    classifications = [row for row in (signed, waiting) if row]
    modifications = list(modifying.modifications_of(ai_system))
    people = People(
        [
            ai_system.owner_id,
            *(row.proposed_by_id for row in classifications),
            *(row.signed_by_id for row in classifications),
            *(row.declared_by_id for row in modifications),
            *(row.proposed_by_id for row in moving),
            *([proposed.proposed_by_id] if proposed else []),
            *(row.pinned_by_id for row in pins),
            *(row.owner_id for row in findings),
        ],
        system_id=ai_system.pk,
    )
    return {
        "system": _system(ai_system, people),
        "classification": _classification(signed, people) if signed else None,
        "open_again": inventory.why_open_again(ai_system),
        "modifications": [_modification(row, people) for row in modifications],
        "dates": dates_of(signed, ai_system, asked=on) if signed else None,
        "classification_open": _classification(waiting, people) if waiting else None,
        "sign": _sign(waiting, ai_system, viewer, (errors or {}) if waiting.pk == refused else {}) if waiting else None,
        "assignments": [
            _assignment(row, viewer, people, (errors or {}) if row.pk == refused else {}) for row in moving
        ],
        "criteria": ai_system.success_criteria,
        "cost_matrix": ai_system.cost_matrix,
        "criteria_open": _criteria(proposed, viewer, people, (errors or {}) if proposed.pk == refused else {})
        if proposed
        else None,
        "models": _models(ai_system),
        "pins": [
            {
                "role": row.role,
                "digest": row.dataset_digest,
                "pinned_by": people[row.pinned_by_id],
                "pinned_at": row.pinned_at,
            }
            for row in pins
        ],
        "findings": findings_shown(findings, people, viewer),
        "effective": effective_rows(ai_system),
        "documents": documents_of(ai_system.pk),
        "incidents": rows_of_system(ai_system),
        "may_report_incident": is_keeper(viewer, ai_system.pk),
        "standing": standing_in_force(ai_system),
        "requests": _requests(ai_system),
        **_record(ai_system),
        "risks": _risks(ai_system),
        "correspondence": counts_of(ai_system, viewer),
        "may_retire": _may(lambda: retiring.check_may_retire(ai_system, viewer)),
        "may_modify": _may(lambda: modifying.check_may_modify(ai_system, viewer)),
        "may_classify": _may(lambda: services.check_may_classify(ai_system, viewer)),
    }


def _system(row: AISystem, people: People) -> Row:
    return {
        "pk": row.pk,
        "name": row.name,
        "slug": row.slug,
        "purpose": row.purpose,
        "state": row.state,
        "ai_roles": row.ai_roles,
        "favourable_outcome": row.favourable_outcome,
        "tier": row.model_tier,
        "made_at": row.made_at,
        "retired_at": row.retired_at,
        "retirement": row.retirement,
        "owner": people[row.owner_id],
        "ai_act_class": row.get_ai_act_class_display() if row.ai_act_class else "",
    }


def _classification(row: Classification, people: People) -> Row:
    return {
        "pk": row.pk,
        "ai_act_class": row.get_ai_act_class_display(),
        "annex_points": row.annex_points,
        "tier": row.model_tier,
        "law_version": f"law as of {law_day(row.law_version)}",
        "placed_on": row.placed_on,
        "proposed_by": people[row.proposed_by_id],
        "proposed_at": row.proposed_at,
        "signed_by": people[row.signed_by_id] if row.signed_by_id else None,
        "signed_at": row.signed_at,
        "trace": _trace(row),
    }


def _modification(row: Modification, people: People) -> Row:
    return {
        "pk": row.pk,
        "name": str(row),
        "kind": row.get_kind_display(),
        "what": row.what,
        "purpose_before": row.purpose_before,
        "class_before": row.get_class_before_display() if row.class_before else "",
        "by": people[row.declared_by_id],
        "at": row.declared_at,
    }


def _trace(row: Classification) -> list[Row]:
    """Return the steps with questions and answers as they were worded in the questionnaire."""
    labels = {(question.id, choice.value): choice.label for question in questionnaire() for choice in question.choices}
    steps = []
    for step in row.trace:
        given = step["answer"] if isinstance(step["answer"], list) else [step["answer"]]
        answers = [str(labels.get((step["question"], value)) or value) for value in given]
        steps.append(
            {
                "question": step.get("text") or step["question"],
                "answer": "; ".join(answers),
                "conclusion": step["conclusion"],
                "points": step["points"],
            }
        )
    return steps


def _sign(row: Classification, ai_system: AISystem, viewer: User, errors: Errors) -> Row:
    refusal = _refusal(row, ai_system, viewer)
    return {
        "pk": row.pk,
        "allowed": not refusal,
        "refusal": refusal,
        "withdrawable": _may_withdraw(row, viewer),
        "errors": errors,
    }


def _assignment(row: ModelAssignment, viewer: User, people: People, errors: Errors) -> Row:
    refusal, before = assignments.may_sign(row, viewer), row.from_system
    return {
        "pk": row.pk,
        "model": row.model_name,
        "from_system": {"name": before.name, "ai_act_class": before.get_ai_act_class_display() or "not classified"}
        if before
        else None,
        "proposed_by": people[row.proposed_by_id],
        "proposed_at": row.proposed_at,
        "allowed": not refusal,
        "refusal": refusal,
        "withdrawable": _may_withdraw(row, viewer),
        "errors": errors,
    }


def _criteria(row: SuccessCriteria, viewer: User, people: People, errors: Errors) -> Row:
    refusal = criteria.may_sign(row, viewer)
    return {
        "pk": row.pk,
        "criteria": row.criteria,
        "cost_matrix": row.cost_matrix,
        "proposed_by": people[row.proposed_by_id],
        "proposed_at": row.proposed_at,
        "allowed": not refusal,
        "refusal": refusal,
        "withdrawable": _may_withdraw(row, viewer),
        "errors": errors,
    }


def _may_withdraw(row: Classification | ModelAssignment | SuccessCriteria, viewer: User) -> bool:
    return viewer.pk in {row.proposed_by_id, row.system.owner_id} or has_role(viewer, Role.ADMINISTRATOR)


def _refusal(row: Classification, ai_system: AISystem, viewer: User) -> str:
    """Say why the viewer gets no form, empty when they do. The service decides; this only saves them the password."""
    if viewer.pk == row.proposed_by_id:
        return "You proposed this classification: a second person must sign it."
    if viewer.pk == ai_system.owner_id:
        return f"You own {ai_system.name}: a second person must sign its classification."
    if viewer.is_service or not has_role(viewer, *DECIDING, system_id=ai_system.pk):
        return "A validator, risk officer or data protection officer signs a classification."
    try:
        modifying.check_holds(row)
    except DomainError as refusal:
        return refusal.detail
    return ""


def _live(systems: Iterable[AISystem]) -> list[AliasHistory]:
    """Return what is live by Placet's own acts, the first protected alias first."""
    order = {alias: place for place, alias in enumerate(settings.PROTECTED_ALIASES)}
    spans = AliasHistory.objects.filter(model__system__in=list(systems), during__endswith__isnull=True)
    found = spans.select_related("version__model", "promotion__approval").order_by("model__name")
    return sorted(found, key=lambda row: order.get(row.alias, len(order)))


def _models(ai_system: AISystem) -> list[Row]:
    live: dict[Any, AliasHistory] = {}
    for span in _live([ai_system]):
        live.setdefault(span.model_id, span)
    rows = []
    for model in ai_system.models.order_by("name"):
        now = live.get(model.pk)
        unapproved = "grandfathered" if now and now.adoption_id else "unapproved"
        state = (now.promotion.approval.state if now.promotion else unapproved) if now else ""
        rows.append(
            {
                "pk": model.pk,
                "name": str(model),
                "alias": now.alias if now else "",
                "champion": f"v{now.version.number}" if now else "",
                "champion_state": state,
            }
        )
    return rows


def _requests(ai_system: AISystem) -> list[Row]:
    found = list(ai_system.approval_requests.order_by("-opened_at")[:REQUESTS_SHOWN])
    names = kinds.presented(found)
    return [
        {
            "pk": row.pk,
            "title": f"{names[row.pk].title}, {row.asks_for}",
            "reference": names[row.pk].reference,
            "state": row.state,
            "verdict": row.outcome,
            "opened_at": row.opened_at,
        }
        for row in found
    ]


def _record(ai_system: AISystem) -> Row:
    """Return how far the record has come, and the newest of what people said and stands."""
    rows = system_record.answered(ai_system)
    standing = [(row.declaration, row) for row in rows if row.declaration and row.state in {"given", "accepted"}]
    standing.sort(key=lambda pair: pair[0].made_at, reverse=True)
    return {
        "record": progress(rows),
        "declared": [
            {"label": row.question.title, "value": declaration.text, "state": row.state}
            for declaration, row in standing[:DECLARED_SHOWN]
        ],
    }


def _risks(ai_system: AISystem) -> Row:
    """Return how many risks stand, and of how many the review is overdue."""
    overdue = Count("pk", filter=Q(review_on__lt=clock.now().date()))
    return ai_system.risks.exclude(state=Risk.State.CLOSED).aggregate(standing=Count("pk"), overdue=overdue)


def may_register(viewer: User) -> bool:
    """Return whether the viewer may take AI systems in."""
    return _may(lambda: services.check_may_register(viewer))


def _may(check: Callable[[], None]) -> bool:
    try:
        check()
    except DomainError:
        return False
    return True
