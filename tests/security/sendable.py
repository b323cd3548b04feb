"""What is sent to an address beside what the table of permissions sends, so that each field of it is sent a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.inventory import criteria
from reports import services as documents
from reports.models import Document
from tests.factories import PASSWORD, REASON
from tests.papers import a_pdf
from tests.reports.factories import ready_to_declare
from tests.security.bodies import days

_LETTER = {"kind": "explanation-86", "reference": "CASE-9", "decision": "client-9", "received_on": "$today"}
_LETTER |= {"due_on": "$soon", "due_basis": "Our own rule"}
_RISK = {"measures": "A person reads it.", "tests": "A backtest", "residual_likelihood": 1, "residual_severity": 1}
_LAW = {"harms": ["rights"], "equivalent_law": "Art 73.9", "equivalent_law_note": "A law"}
_PAPER = {"kind": "dpia", "title": "An assessment", "issuer": "An office", "issued_on": "$today"}
_PAPER |= {"expires_on": "$later", "file": a_pdf()}
_NOT_OWED = {"ending": "not_owed", "ending_reference": "A law of the sector"}
MORE: dict[str, tuple[dict[str, Any], ...]] = {
    "passkey-begin": ({"label": "Laptop", "password": PASSWORD},),
    "delegation-make": ({"to": "$stand-in", "valid_until": "$soon", "reason": REASON},),
    "api-delegations": (
        {"to": "$stand-in address", "valid_until": "$moment", "reason": REASON, "password": PASSWORD},
        {
            "to": "$stand-in address",
            "valid_until": "$moment",
            "reason": REASON,
            "system": "$slug",
            "password": PASSWORD,
        },
    ),
    "notice-channel-add": ({"label": "Chat", "address": "slack://a/b/c"},),
    "notice-settings": ({"time_zone": "UTC", "when": "at-once", "digest_hour": 7},),
    "submitted-document-submit": (_PAPER,),
    "api-submitted-documents": (_PAPER, _PAPER | {"model": "$model", "version": 2}),
    "incident-new": ({"persons": "A few"}, _LAW),
    "api-incidents": ({"persons": "A few", "version": "credit-risk/2"}, _LAW),
    "incident-facts": ({"what_happened": REASON, "persons": "A few"}, _LAW),
    "api-incident-facts": ({"what_happened": REASON, "persons": "A few", "version": "credit-risk/2"}, _LAW),
    "incident-report": ({"remarks": REASON},),
    "api-incident-reports": ({"remarks": REASON},),
    "incident-close": (_NOT_OWED,),
    "api-incident-closures": ({"ending": "not_owed", "reference": "A law of the sector"},),
    "model-record": ({"licence": "A contract", "where": "In a branch", "summary": REASON, "pins": ""},),
    "api-recorded-versions": (
        {"licence": "A contract", "where": "In a branch", "summary": REASON},
        {"pins": [{"what": "document", "name": "A manual", "digest": "sha256:" + "0" * 64}]},
    ),
    "model-request": ({"use_restrictions": "Not for minors"},),
    "api-promotion-requests": ({"use_restrictions": ["Not for minors"], "in_answer_to": "AL-1"},),
    "standing-approval-ask": ({"parameters": "depth = 3"},),
    "api-standing-approvals": ({"parameters": {"depth": ["3"]}},),
    "correspondence-new": (_LETTER,),
    "api-correspondence": (_LETTER,),
    "risk-new": ({"evidence": ""} | _RISK,),
    "api-risks": ({"owner": "$owner"} | _RISK,),
    "api-modifications": ({"kind": "purpose", "what": REASON, "purpose": "Says what may be lent to each tenant."},),
    "api-systems": ({"declared": {"metric-choice": "It ranks."}},),
    "api-criteria": ({"cost_matrix": {"fp": 1, "fn": 5, "unit": "EUR"}},),
    "system-record-review": ({"verdict": "returned", "note": REASON},),
    "api-declaration-reviews": ({"verdict": "returned", "note": REASON},),
    "api-policies": ({"commit": "a" * 40, "repository": "https://git.example/policies"},),
    "access-review-decide": ({"verdict": "revoke", "reason": REASON},),
    "bundle-ask": ({"scope": "promotion", "promotion": "$collecting"},),
    "api-bundles": ({"system": "", "promotion": "PR-1"},),
    "api-documents": ({"kind": "model-card", "about": "PR-1"},),
    "api-monitors": ({"time_zone": "UTC"},),
    "api-monitor": ({"time_zone": "UTC", "why": REASON},),
    "api-monitor-intake": ({"kpis": ["amount"], "sensitive": ["age"], "keep_out": ["name"], "hash": ["client"]},),
    "api-monitor-erasures": ({"subject": "client-7"}, {"prediction_id": "p-7"}),
    "api-comments": ({"mentions": ["$owner"]},),
    "review-comment": ({"mentions": "$owner"},),
    "api-policy-replays": ({"text": "$policy"},),
    "finding-close": ({"next": "/findings"},),
    "api-adoptions": (
        {"only": ["credit-*"], "owner": "$owner", "reason": REASON, "deadline": "$later", "dry_run": False},
        {"mapping": {"spare": {"system": "$slug", "owner": "$owner"}}},
    ),
    "api-evaluation-data": (
        {"label_column": "default", "positive_label": "1", "favourable_label": "0", "file": b"no rows"},
        {"label_column": "default", "favourable_labels": ["a"], "sensitive_features": ["sex"], "file": b"no rows"},
    ),
    "api-gate-decisions": (
        {"action": "alias.set", "grant": "none", "identity": {}, "subject": {"model": "$model", "alias": "champion"}},
    ),
    "review-ask-waiver": ({"check": "$failing"},),
    "api-request-waivers": ({"check": "$failing"},),
}
"""By the name of the address, each of them a body of its own."""

QUERIES: dict[str, tuple[dict[str, Any], ...]] = {
    "audit-log": ({"q": "champion", "who": "Somebody"},),
    "api-production": ({"alias": "champion"},),
    "api-change-population": (
        {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z", "sample": "1", "seed": "a seed"},
    ),
}
"""What is sent in the address itself."""

AS = {
    **dict.fromkeys(("delegation-make", "api-delegations"), "risk officer of a later stage"),
    **dict.fromkeys(("review-ask-waiver", "api-request-waivers", "document-sign"), "owner of the system"),
    **dict.fromkeys(("system-retire", "api-system-retirements"), "risk officer, everywhere"),
    **dict.fromkeys(("incident-new", "incident-facts", "api-incidents", "api-incident-facts"), "owner of the system"),
}
"""Who sends it, where the table of permissions lets in everybody."""


def _no_proposal(world: Any) -> dict[str, Any]:
    criteria.withdraw_criteria(criteria_id=world.criteria.pk, by=world.owner)
    return {}


def _other_system(world: Any) -> dict[str, Any]:
    return {"pk": world.other.pk, "system": world.other.slug}


def _failing_check(world: Any) -> dict[str, Any]:
    """No waiver is asked for any more: the address is of the request that has a failing check."""
    approvals.withdraw(request_id=world.waiver.approval_id, requester=world.requester, reason=REASON)
    return {"pk": world.waiver.request_id, "request_id": world.waiver.request_id}


def _no_standing(world: Any) -> dict[str, Any]:
    approvals.withdraw(request_id=world.standing.approval_id, requester=world.requester, reason=REASON)
    return {}


def _a_declaration(world: Any) -> dict[str, Any]:
    """The address is of a declaration of conformity that can be signed."""
    ready_to_declare(world, personal_data="Yes, under several of these acts")
    job = documents.request_document(kind=Document.Kind.ANNEX_V, ai_system=world.system, requester=world.owner)
    return {"pk": documents.build_document(job.pk).document_id}


READY: dict[str, Callable[[Any], dict[str, Any]]] = {
    "api-criteria": _no_proposal,
    "system-retire": _other_system,
    "api-system-retirements": _other_system,
    "review-ask-waiver": _failing_check,
    "api-request-waivers": _failing_check,
    "document-sign": _a_declaration,
    "standing-approval-ask": _no_standing,
    "api-standing-approvals": _no_standing,
}
"""What must have happened for a body to be taken; returns the parts of the address that are others then."""


def known_words(world: Any) -> dict[str, Any]:
    """Return what the words with ``$`` above stand for, beside those of the table of permissions."""
    officers = User.objects.filter(grants__role=Role.RISK_OFFICER, grants__system_id=None, is_active=True)
    stand_in = officers.exclude(pk=world.officer.pk).earliest("joined_at")
    return {
        "$owner": world.owner.email,
        "$slug": world.system.slug,
        "$stand-in": str(stand_in.pk),
        "$stand-in address": stand_in.email,
        "$failing": world.waiver.check_id,
        "$moment": days()["$moment"],
        "$today": days()["$today"],
        "$later": days()["$later"],
    }


def filled(value: Any, known: dict[str, Any]) -> Any:
    """Return a body with what its words stand for, however deep they stand."""
    if isinstance(value, dict):
        return {name: filled(part, known) for name, part in value.items()}
    if isinstance(value, list):
        return [filled(part, known) for part in value]
    return known.get(value, value) if isinstance(value, str) else value
