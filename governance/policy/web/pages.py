"""What the pages of policies show, as plain values; ``templates/policy`` says which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from governance.accounts.access import readable_systems
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.inventory.models import AISystem
from governance.policy import linting, selectors
from governance.policy.diff import Change, Weight, diff
from governance.policy.document import PolicyDocument
from governance.policy.models import PolicyVersion
from governance.policy.problems import Problem
from governance.policy.source import Json
from governance.policy.watching import BETWEEN_GROUPS, Limits, Monitoring

Row = dict[str, Any]
Errors = Mapping[str, Sequence[str]]

_ON_BREACH = {
    "rereview": "a new decision is asked for, with the evidence of the drift",
    "ask_rollback": "people are asked to roll back",
    "retrain": "the retraining hook is called",
}
_GRAVITY = (Weight.LOOSENS, Weight.TIGHTENS, Weight.NEUTRAL)


def list_page(viewer: User) -> Row:
    """Return the context of policy/list.html: what is in force, and the drafts that are newer."""
    in_force = selectors.policies_for(viewer)
    numbers = {version.name: version.number for version in in_force}
    drafts = PolicyVersion.objects.filter(published_at=None).order_by("name", "-number").distinct("name")
    drafts = drafts if readable_systems(viewer).anything else drafts.none()
    waiting = [row for row in drafts.select_related("author") if row.number > numbers.get(row.name, 0)]
    return {
        "policies": [_listed(version) for version in in_force],
        "drafts": [_listed(version) | {"author": version.author.name} for version in waiting],
        "may_draft": has_role(viewer, Role.POLICY_AUTHOR),
    }


def detail_page(version: PolicyVersion, viewer: User, *, errors: Errors | None = None) -> Row:
    """Return the context of policy/detail.html.

    Args:
        errors: why the publication was refused, by field (``password`` or ``all``).
    """
    document = selectors.document_of(version)
    versions = list(selectors.versions(version.name).select_related("author", "publisher"))
    before = selectors.newest_published(version.name, other_than=version.pk)
    changes = diff(selectors.document_of(before), document) if before else []
    return {
        "policy": _listed(version)
        | {
            "description": document.description,
            "digest": version.digest,
            "commit": version.commit,
            "repository": version.repository,
            "author": version.author.name,
            "publisher": version.publisher.name if version.publisher else "",
            "in_force": version.pk == (newest.pk if (newest := selectors.newest_published(version.name)) else None),
            "supersedes": ", ".join(document.supersedes),
        },
        "evidence": [_evidence(document, index) for index in range(len(document.evidence))],
        "checks": [_check(document, index) for index in range(len(document.checks))],
        "stages": [
            {
                "name": stage.name,
                "roles": _roles(stage.roles),
                "quorum": stage.quorum,
                "requires": stage.requires or "",
                "signature": stage.signature,
            }
            for stage in document.stages
        ],
        "terms": _terms(document),
        "lines": version.text.splitlines(),
        "versions": [_version(row, version) for row in versions],
        "before": {"pk": before.pk, "label": str(before)} if before else None,
        "loosens": sum(change.weight is Weight.LOOSENS for change in changes),
        "changes": len(changes),
        "publish": None if version.published_at else _publish(version, viewer, document, errors or {}),
        "may_draft": has_role(viewer, Role.POLICY_AUTHOR),
    }


def draft_page(viewer: User, *, text: str = "", checked: linting.Lint | None = None, refusal: str = "") -> Row:
    """Return the context of policy/draft.html: the text, and what a check of it said."""
    changes = checked.changes if checked else ()
    return {
        "text": text,
        "allowed": has_role(viewer, Role.POLICY_AUTHOR),
        "checked": checked is not None,
        "problems": _problems(checked.problems, text) if checked else [],
        "before_publication": _problems(checked.before_publication, text) if checked else [],
        "against": str(checked.against) if checked and checked.against else "",
        "changes": _changes(changes),
        "loosens": sum(change.weight is Weight.LOOSENS for change in changes),
        "refusal": refusal,
    }


def diff_page(version: PolicyVersion, against: PolicyVersion | None) -> Row:
    """Return the context of policy/diff.html; ``against`` None where there is nothing to compare with."""
    changes = diff(selectors.document_of(against), selectors.document_of(version)) if against else []
    others = [*selectors.versions(version.name).exclude(pk=version.pk)]
    others += [row for row in selectors.in_force() if row.name != version.name]
    counts = {weight.value: sum(change.weight is weight for change in changes) for weight in Weight}
    return {
        "policy": _listed(version),
        "against": _listed(against) if against else None,
        "others": [{"pk": row.pk, "label": _label(row), "chosen": row == against} for row in others],
        "changes": _changes(sorted(changes, key=lambda change: _GRAVITY.index(change.weight))),
        "counts": counts,
    }


def effective_rows(ai_system: AISystem) -> list[Row]:
    """Return the rows of policy/_effective.html: what governs each alias of a system, and why."""
    return [
        {
            "alias": row.alias,
            "pk": row.version.pk if row.version else None,
            "label": str(row.version) if row.version else "",
            "because": row.because,
            "shadowed": [{"pk": version.pk, "label": str(version)} for version in row.shadowed],
        }
        for row in selectors.effective(ai_system)
    ]


def may_publish(version: PolicyVersion, viewer: User) -> str:
    """Say why the viewer gets no form, empty when they do. The service decides; this only saves them the password."""
    if viewer.is_service or not has_role(viewer, Role.POLICY_PUBLISHER):
        return "A policy publisher puts it in force."
    if viewer.pk in (version.author_id, version.author.sponsor_id):
        return "You wrote it, or a service account of yours did: another publisher puts it in force."
    return ""


def _publish(version: PolicyVersion, viewer: User, document: PolicyDocument, errors: Errors) -> Row:
    refusal = may_publish(version, viewer)
    obstacles = [*linting.quorum_problems(document), *linting.overlap_problems(document)]
    return {
        "allowed": not refusal,
        "refusal": refusal,
        "errors": errors,
        "obstacles": _problems(obstacles, version.text),
    }


def _label(version: PolicyVersion) -> str:
    return f"{version}{'' if version.published_at else ' (draft)'}"


def _listed(version: PolicyVersion) -> Row:
    document = selectors.document_of(version)
    tiers = ", ".join(map(str, document.model_tiers)) or "every"
    return {
        "pk": version.pk,
        "name": version.name,
        "number": version.number,
        "label": str(version),
        "title": document.title,
        "classes": ", ".join(document.ai_act_classes),
        "tiers": tiers,
        "targets": ", ".join(document.targets),
        "checks": len(document.checks),
        "stages": ", ".join(f"{stage.name} ({stage.quorum})" for stage in document.stages),
        "made_at": version.made_at,
        "published_at": version.published_at,
    }


def _version(row: PolicyVersion, shown: PolicyVersion) -> Row:
    return {
        "pk": row.pk,
        "label": str(row),
        "here": row.pk == shown.pk,
        "author": row.author.name,
        "made_at": row.made_at,
        "publisher": row.publisher.name if row.publisher else "",
        "published_at": row.published_at,
        "commit": row.commit[:12],
    }


def _check(document: PolicyDocument, index: int) -> Row:
    check = document.checks[index]
    shows = check.shows
    return {
        "id": check.id,
        "title": check.title,
        "line": document.source.lines[("checks", index)],
        "expr": check.expr,
        "fails_if": check.fails_if or "",
        "on_fail": check.on_fail.value,
        "on_insufficient": check.on_insufficient.value.replace("_", " "),
        "limit": shows.limit if shows else None,
        "better": shows.better if shows else "",
        "why": check.why,
        "owner": _roles([check.owner]),
        "supports": ", ".join(check.supports),
    }


def _evidence(document: PolicyDocument, index: int) -> Row:
    item = document.evidence[index]
    parameters = ", ".join(f"{key} {_shown(_plain(value))}" for key, value in item.parameters.items())
    said = [
        parameters,
        "computed by Placet" if item.computed else "",
        f"isolation {item.isolation} at least" if item.isolation else "",
        "or of what the version builds on" if item.inherit else "",
    ]
    days = item.max_age.days if item.max_age else None
    return {"type": item.type, "days": days, "parameters": " · ".join(filter(None, said))}


def _terms(document: PolicyDocument) -> list[Row]:
    terms = document.approval
    reviewers = _roles(document.human_review_roles)
    kept = ", ".join(part.replace("_", " ") for part in document.duties_added)
    return [
        {"label": "Decided within", "value": f"{terms.decide_within.days} days"},
        {"label": "Requested changes answered within", "value": f"{terms.answer_within.days} days"},
        {"label": "An approval holds for", "value": f"{terms.valid_for.days} days"},
        {
            "label": "May be renewed",
            "value": f"in its last {terms.renewal.before.days} days"
            + (", which Placet opens by itself" if terms.renewal.by_itself else ""),
        },
        {"label": "Then may be loaded for", "value": f"{terms.grace.days} days more"},
        {"label": "On drift", "value": terms.on_drift.replace("_", " ")},
        {"label": "While suspended", "value": terms.on_suspend.replace("_", " ")},
        *_watched(document.monitoring),
        {"label": "Held checks are reviewed by", "value": reviewers},
        {"label": "Kept from deciding besides the floor", "value": kept or "nobody"},
    ]


def _watched(terms: Monitoring) -> list[Row]:
    done = ", ".join(_ON_BREACH[name] for name in terms.on_breach)
    measures = [
        f"{name} by {measure.method.replace('_', ' ')}, watched from {measure.watch:g}, breach from {measure.limit:g}"
        for name, measure in (("numbers", terms.numeric), ("categories", terms.categorical))
    ]
    return [
        {"label": "Watched", "value": f"every {terms.every.days} days; {'; '.join(measures)}"},
        {"label": "Measured besides", "value": "; ".join(_besides(terms)) or "nothing"},
        {"label": "At a breach besides", "value": done or "nothing"},
    ]


def _besides(terms: Monitoring) -> list[str]:
    """Return what else is measured of what serves, each with its limits."""
    said: list[tuple[str, Limits | None]] = []
    if terms.latency:
        said.append((f"{100 * terms.latency.quantile:g} % quantile of the latency, ms", terms.latency))
    said += [
        (f"fall of the mean of {kpi.name}" if kpi.better == "higher" else f"rise of the mean of {kpi.name}", kpi)
        for kpi in terms.kpis
    ]
    late = f", {terms.labels_after.days} days later" if terms.labels_after else ""
    for metric, how in (
        (terms.performance, f"with labels{late}"),
        (terms.estimated_performance, "estimated from scores"),
    ):
        if metric:
            said.append((f"worse {metric.metric.replace('_', ' ')}, {how}", metric))
    said += [
        (f"{name.replace('tpr', 'TPR').replace('_', ' ')} of groups", getattr(terms, name)) for name in BETWEEN_GROUPS
    ]
    return [f"{what}: watched from {of.watch:g}, breach from {of.limit:g}" for what, of in said if of]


def _problems(problems: Iterable[Problem], text: str) -> list[Row]:
    """Return problems with the line of the text that each is about."""
    lines = text.splitlines()
    return [
        {
            "path": problem.path,
            "line": problem.line,
            "message": problem.message,
            "text": lines[problem.line - 1].strip()[:200] if 0 < problem.line <= len(lines) else "",
        }
        for problem in problems
    ]


def _changes(changes: Iterable[Change]) -> list[Row]:
    return [
        {
            "path": change.path,
            "before": _shown(change.before),
            "after": _shown(change.after),
            "weight": change.weight.value,
            "because": change.because,
        }
        for change in changes
    ]


def _roles(codes: Iterable[str]) -> str:
    return " or ".join(code.replace("_", " ") for code in codes)


def _plain(value: object) -> Json:
    return list(value) if isinstance(value, tuple) else value  # type: ignore[return-value]


def _shown(value: Json) -> str:
    """Write a value of the YAML as people read it; empty for one that is not there."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=80).strip()
    return str(value)
