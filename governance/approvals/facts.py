"""What a policy is held against: the scalars of the evidence that counts, and why other evidence does not."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from governance.approvals import inherited
from governance.approvals.models import ApprovalRequest
from governance.common import clock
from governance.evidence import fitting, papers
from governance.evidence.models import Evidence
from governance.evidence.standing import NAME, TYPE, Paper


def of_request(
    approval: ApprovalRequest,
    evidence: Iterable[Evidence],
    *,
    at: datetime | None = None,
    read: Mapping[uuid.UUID, Paper] | None = None,
    whole: bool = False,
) -> dict[str, Any]:
    """Return what the policy is held against: scalars of the evidence, the candidate, production where there is one.

    Args:
        at: when documents that people submitted are asked whether they count; now, if left out.
        read: those documents by their evidence, where they were fetched ahead.
        whole: also what the request's own policy did not take, for another policy to judge.
    """
    items = list(evidence)
    unfit = {} if whole else _unfit(approval, items)
    known: dict[str, Any] = {
        "evidence": {
            name: nested(item.projection)
            for item in items
            if item.type != TYPE and (name := item.type.partition("/")[0]) not in unfit
        },
        "candidate": approval.context.get("candidate", {}),
        **({"absent": unfit} if unfit else {}),
    }
    if of_bases := inherited.facts_of(approval, items):
        known["inherited"] = of_bases
    if documents := [item for item in items if item.type == TYPE]:
        told = _of_documents(known["evidence"], documents, at or clock.now(), read)
        known |= told | ({"absent": {**unfit, **told.get("absent", {})}} if unfit else {})
    if approval.context.get("production"):
        known["production"] = approval.context["production"]
    return known


def _unfit(approval: ApprovalRequest, evidence: Iterable[Evidence]) -> dict[str, str]:
    """Return why evidence that is there is not what the policy wants, by its type without the version."""
    rows = [row for row in approval.required_evidence if fitting.choosy(row)]
    asked = ((item, fitting.of_type(rows, item.type)) for item in evidence)
    said = ((item.type.partition("/")[0], fitting.why_not(row, item)) for item, row in asked if row)
    return {name: why for name, why in said if why}


def _of_documents(
    measured: Mapping[str, Any],
    documents: Iterable[Evidence],
    at: datetime,
    read: Mapping[uuid.UUID, Paper] | None,
) -> dict[str, Any]:
    """Return the evidence with the documents that count, by kind, and why others do not."""
    found = papers.papers([item.pk for item in documents]) if read is None else read
    counted: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for item in documents:
        paper = found[item.pk]
        if why := paper.why_not(at):
            absent[f"{NAME}.{paper.kind}"] = why
        else:
            counted[paper.kind] = paper.facts(at)
    return {"evidence": {**measured, NAME: counted}, **({"absent": absent} if absent else {})}


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Turn ``{"auc.value": 0.8}`` into ``{"auc": {"value": 0.8}}``; nested input stays as it is."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *branches, leaf = path.split(".")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    return tree
