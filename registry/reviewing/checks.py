"""The verdict and its checks as people read them: undecided first, each with its figure, limit, evidence and reason."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.urls import reverse

from governance.approvals import selectors as approvals
from governance.approvals.models import ApprovalRequest, State
from governance.audit.selectors import payload_of
from governance.evidence.models import Evidence
from governance.evidence.standing import NAME, TYPE
from governance.policy.document import Check, PolicyDocument
from registry.reviewing.people import People, words

NO_LONGER = (State.SUSPENDED, State.REVOKED, State.LAPSED, State.RENEWED, State.EXPIRED, State.WITHDRAWN)
"""States in which a verdict is a thing of the past: it allows nothing now."""
OUTCOMES = ("fail", "insufficient", "missing", "pass", "not_applicable")
EFFECTS = ("BLOCK", "HOLD", "WARN", "ALLOW")
RATIO_DOMAIN = (0.4, 1.4)


def counts_of(approval: ApprovalRequest) -> dict[str, int]:
    """Return how many checks came out how; only outcomes that occur."""
    return dict(Counter(row["outcome"] for row in approval.verdict.get("checks", [])))


def in_order(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return checks undecided first: by outcome, then by what they do, then as the policy names them."""
    return [
        dict(row)
        for row in sorted(rows, key=lambda row: (OUTCOMES.index(row["outcome"]), EFFECTS.index(row["effect"])))
    ]


def waiting_for_review(approval: ApprovalRequest) -> list[dict[str, Any]]:
    """Return the checks whose signed human review is asked for, in the order of the page.

    Those that one would lift; else, where the open stage requires a review, the one that is furthest from a pass.
    """
    rows = in_order(approvals.reviewable_checks(approval))
    return [row for row in rows if row["wants_review"]] or rows[:1]


def verdict_shown(approval: ApprovalRequest, document: PolicyDocument) -> dict[str, Any] | None:
    """Return the verdict strip: the word, the one reason, what unblocks it. None before the policy was evaluated."""
    if not approval.verdict:
        return None
    word, rows = approval.outcome, approval.verdict["checks"]
    shown: dict[str, Any] = {
        "word": word,
        "title": approval.verdict["reason"],
        "detail": "",
        "counts": counts_of(approval),
        "past": approval.state in NO_LONGER,
    }
    deciding = [row for row in rows if row["effect"] == word and word != "ALLOW"]
    if deciding:
        first, more = deciding[0], len(deciding) - 1
        also = f" {more} more check{'s' if more > 1 else ''} {'do' if more > 1 else 'does'} the same." if more else ""
        shown |= {"title": f"{first['title']}:", "detail": first["reason"] + also}
        if approval.state == State.IN_REVIEW:
            shown["unblocks"] = _unblocks(approval, document, deciding)
    return shown


def _unblocks(
    approval: ApprovalRequest, document: PolicyDocument, deciding: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    failing = [row for row in deciding if row["outcome"] == "fail"]
    waivable = bool(document.stages) and all(row["on_fail"] == "waivable" for row in failing)
    if failing and not waivable:  # whatever else would help, it does not help this version
        return [{"text": "a version that clears the limit; this one can only be sent back or rejected"}]
    places = {row["id"]: place for place, row in enumerate(waiting_for_review(approval), start=1)}
    steps: list[dict[str, Any]] = []
    for row in deciding:
        if row["id"] in places:
            who = words(document.human_review_roles)
            what = "this check" if len(deciding) == 1 else row["title"]
            steps.append(
                {"text": f"a human review of {what}, signed by a {who}", "href": f"#human-review-{places[row['id']]}"}
            )
        elif row["outcome"] == "missing" and row["evidence_type"] == TYPE:
            steps.append(
                {
                    "text": "a document that counts, accepted by another person, then a new round on it",
                    "href": reverse("submitted-document-list", args=[approval.system_id]),
                }
            )
        elif row["outcome"] == "missing":
            steps.append({"text": f"{row['evidence_type'] or 'the missing'} evidence, attached in a new request"})
    if any(row["outcome"] == "insufficient" for row in deciding):
        steps.append(
            {
                "text": "or new evidence on a larger evaluation set, in a new request"
                if steps
                else "new evidence on a larger evaluation set, in a new request"
            }
        )
    if failing:
        steps.append({"text": "a waiver that the stages sign", "href": "#waivers"})
    return steps


def checks_shown(
    approval: ApprovalRequest,
    document: PolicyDocument,
    evidence: Sequence[Evidence],
    reviews: Sequence[Evidence],
    people: People,
    indexes: Mapping[UUID, int],
) -> list[dict[str, Any]]:
    """Return every check of the newest evaluation, in the order of the page."""
    rules = {check.id: check for check in document.checks}
    by_type = {item.type: item for item in evidence if item.type != TYPE}
    papers = {str(item.parameters.get("kind")): item for item in evidence if item.type == TYPE}
    reviewed = {item.payload["check"]: item for item in reviews}  # the newest review of each check stands
    return [
        _check_shown(
            row,
            rules.get(row["id"]),
            by_type.get(row["evidence_type"] or "") or _paper(rules.get(row["id"]), papers),
            reviewed.get(row["id"]),
            people,
            indexes,
        )
        for row in in_order(approval.verdict.get("checks", []))
    ]


def _paper(rule: Check | None, papers: Mapping[str, Evidence]) -> Evidence | None:
    """Return the document that a check reads, by the kind that its expression names."""
    named = [item for kind, item in papers.items() if rule and f"evidence.{NAME}.{kind}." in rule.expr]
    return named[0] if named else None


def _check_shown(
    row: Mapping[str, Any],
    rule: Check | None,
    item: Evidence | None,
    review: Evidence | None,
    people: People,
    indexes: Mapping[UUID, int],
) -> dict[str, Any]:
    undecided = row["outcome"] in {"fail", "insufficient", "missing"}
    measured = None
    if row["value"] is not None or row["outcome"] == "insufficient":
        measured = {key: row[key] for key in ("value", "low", "high", "n")}
        measured["reason"] = "undefined on this data" if row["value"] is None else ""
    if counts := _counts(row):
        measured = {**(measured or {}), "value": int(row["value"])}
    return {
        "id": row["id"],
        "title": row["title"],
        "outcome": row["outcome"],
        "note": _groups_compared(rule, item),
        "asks": _asks(row),
        "problem": row["reason"] if row["outcome"] == "missing" else "",
        "measured": measured,
        "limit": int(row["limit"]) if counts else row["limit"],
        "better": row["better"],
        "domain": _domain(row, rule),
        "evidence": {
            "type": row["evidence_type"],
            "pk": item.pk if item else None,
            "submitted": bool(item and item.origin == Evidence.Origin.SUBMITTED),
            "of": row.get("inherited_from", ""),
        },
        "why": rule.why if rule else "",
        "supports": list(rule.supports) if rule else [],
        "reason": row["reason"] if undecided and row["value"] is None and row["outcome"] != "missing" else "",
        "human_review": None
        if review is None
        else {
            "by": people.actor(review.producer_id) | {"role": words([review.payload["reviewer_role"]]).capitalize()},
            "at": review.made_at,
            "statement": (payload_of(review.log_entry) or {}).get("statement"),
            "verdict": review.payload["verdict"],
            "index": indexes.get(review.log_entry),
        },
    }


def _counts(row: Mapping[str, Any]) -> bool:
    """Return whether a check counts things: whole numbers and no interval."""
    figures = row["value"], row["limit"]
    return row["low"] is None and None not in figures and all(float(figure).is_integer() for figure in figures)


def _asks(row: Mapping[str, Any]) -> str:
    if row["wants_review"]:
        return "asks for a human review"
    if row["lifted_by"]:
        return "lifted by a signed review" if row["lifted_by"] == "review" else "lifted by a waiver"
    return {"BLOCK": "blocks", "HOLD": "holds", "WARN": "warns only"}.get(row["effect"], "")


def _domain(row: Mapping[str, Any], rule: Check | None) -> list[float] | None:
    """Give ratios one common width, so that rows can be compared by eye; other figures find their own."""
    if rule is None or rule.shows is None or "ratio" not in rule.shows.value:
        return None
    ends = [end for end in (row["value"], row["low"], row["high"]) if end is not None]
    return [min([RATIO_DOMAIN[0], *ends]), max([RATIO_DOMAIN[1], *ends])]


def _groups_compared(rule: Check | None, item: Evidence | None) -> str:
    """Say whose rates a fairness figure compares, each with its own denominator: ``female 64 / 93, male 153 / 207``."""
    if rule is None or rule.shows is None or item is None or item.type != "fairness/v1":
        return ""
    path = rule.shows.value.removeprefix("evidence.fairness.").rpartition(".")[0]
    feature, worst = path.rpartition(".")[0], item.projection.get(f"{path}.worst_group")
    rate = "selection_rate" if path.endswith("selection_ratio") else path.rpartition(".")[2].removesuffix("_difference")
    for row in item.payload["features"]:
        if row["feature"] == feature and worst:
            groups = {group["group"]: group for group in row["groups"]}
            named = [_fraction(groups[name], rate) for name in (worst, row["reference_group"]) if name in groups]
            return " against ".join(named)
    return ""


def _fraction(group: Mapping[str, Any], rate: str) -> str:
    figure = group[rate]
    if figure["value"] is None or not figure.get("denominator"):
        return str(group["group"])
    return f"{group['group']} {round(figure['value'] * figure['denominator']):,} / {figure['denominator']:,}"


def fairness_limit(document: PolicyDocument) -> float | None:
    """Return the limit that the policy draws for selection-rate ratios, None when it draws none."""
    for check in document.checks:
        if check.shows and check.shows.limit is not None and "selection_ratio" in check.shows.value:
            return check.shows.limit
    return None
