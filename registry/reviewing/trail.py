"""What the log says of one request, and what can be proved of that now."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from governance.approvals.models import Decision
from governance.audit import proofs, selectors
from governance.audit.selectors import LogEntry
from governance.evidence.models import Evidence
from registry.models import PromotionRequest
from registry.reviewing.people import People


def entries_of(
    promotion: PromotionRequest, decisions: Sequence[Decision], evidence: Sequence[Evidence]
) -> list[LogEntry]:
    """Return the entries about a request: itself, its decisions, its evidence, its promotion; oldest first."""
    found = [
        *selectors.entries_about_request(promotion.approval_id),
        *selectors.entries_naming("approvals_decision", [row.pk for row in decisions]),
        *selectors.entries_naming("evidence_evidence", [item.pk for item in evidence]),
        *selectors.entries_naming("registry_promotionrequest", [promotion.pk]),
    ]
    return sorted({entry.id: entry for entry in found}.values(), key=lambda entry: entry.seq)


def trail_shown(entries: Sequence[LogEntry], people: People) -> list[dict[str, Any]]:
    """Return the entries as rows, oldest first."""
    rows = []
    for entry in entries:
        body = entry.parsed
        who = people.actor(body["actor"])
        rows.append(
            {
                "index": entry.index,
                "at": body["at"],
                "event": body["event"],
                "what": said(body["event"], body["data"]),
                "by": f"{who['name']}, {who['role']}" if who["role"] not in {"", "Placet"} else who["name"],
            }
        )
    return rows


def said(event: str, data: Mapping[str, Any]) -> str:
    """Say in a few words what an entry of a request records."""
    sentence = SENTENCES.get(event)
    return sentence(data) if sentence else event.replace(".", " ").replace("_", " ")


def _verdict(data: Mapping[str, Any]) -> str:
    checks = data["checks"]
    undecided = sum(outcome in UNDECIDED for outcome in checks.values())
    return f"verdict {data['verdict']}, {undecided} of {len(checks)} checks undecided or failed"


def _approved(data: Mapping[str, Any]) -> str:
    by = " by a standing approval" if "standing" in data else ""
    return f"the approval stands{by}, valid until {data['valid_until'][:10]}"


def _applied(data: Mapping[str, Any]) -> str:
    version = f"{data['model']} v{data['version']}"
    if data.get("enforced") is False:
        return f"wrote down that {version} is in use since {data['since'][:10]}; no machine enforced it"
    return f"set {data['alias']} to {version}"


def _applying(data: Mapping[str, Any]) -> str:
    if data.get("enforced") is False:
        return "stated its use"
    if data.get("grant"):
        return "used the apply grant"
    return "took an apply grant of ten seconds" if data.get("grant_expires") else "asked to apply the promotion"


def _plain(state: object) -> str:
    return str(state).replace("_", " ")


VERDICTS = {"approve": "approved", "request_changes": "asked for changes", "reject": "rejected"}
UNDECIDED = {"fail", "insufficient", "missing"}
SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "approval.opened": lambda data: f"opened the approval request for {data['asks_for']}",
    "promotion.requested": lambda data: (
        f"requested {data['model']} v{data['version']} for {data['alias']} as PR-{data['promotion']}"
    ),
    "evidence.attached": lambda data: f"attached {data['type']}",
    "approval.review_opened": lambda data: f"froze the evidence manifest and opened the review: {_verdict(data)}",
    "approval.evaluated": lambda data: f"evaluated the policy again: {_verdict(data)}",
    "approval.decided": lambda data: f"{VERDICTS.get(data['verdict'], data['verdict'])} in stage {data['stage']}",
    "standing_approval.used": lambda data: (
        f"found every condition of a standing approval met: use {data['number']} of {data['terms']['max_uses']}"
    ),
    "standing_approval.outside": lambda data: (
        f"found {sum(not holds for holds in data['conditions'].values())} of {len(data['conditions'])} conditions of a "
        "standing approval not met, so that people decide"
    ),
    "approval.approved": _approved,
    "approval.state_changed": lambda data: f"the request went from {_plain(data['from'])} to {_plain(data['to'])}",
    "approval.commented": lambda _: "commented, without deciding",
    "permit.issued": lambda data: f"signed the permit for {data['alias']}, valid until {data['expires'][:10]}",
    "promotion.applying": _applying,
    "promotion.applied": _applied,
    "promotion.failed": lambda data: "the promotion could not be applied",
}


def proof_shown(entries: Sequence[LogEntry]) -> dict[str, Any]:
    """Verify the newest placed entry of a request and return the three verdicts with what they rest on.

    The tree's root covers every earlier entry as well, so the newest one stands for the request.
    """
    placed = [entry for entry in entries if entry.index is not None]
    if not placed:
        waits = {"word": "not shown", "text": "The notary has not placed an entry of this request yet."}
        return {
            "integrity": waits,
            "completeness": waits,
            "anchoring": waits,
            "size": 0,
            "root": "",
            "at": None,
            "anchored_size": None,
        }
    proof = proofs.prove(placed[-1])
    anchor = selectors.newest_anchor()
    waiting = len(entries) - len(placed)
    completeness = {"word": proof.completeness.word, "text": proof.completeness.text}
    if waiting:
        completeness = {
            "word": "not shown",
            "text": f"{waiting} of {len(entries)} entries of this request wait for the notary.",
        }
    return {
        "integrity": {
            "word": proof.integrity.word,
            "text": f"Entry {placed[-1].index:,}, the newest of this request. {proof.integrity.text}",
        },
        "completeness": completeness,
        "anchoring": {"word": proof.anchoring.word, "text": proof.anchoring.text},
        "size": proof.checkpoint.size if proof.checkpoint else 0,
        "root": "sha256:" + bytes(proof.checkpoint.root).hex() if proof.checkpoint else "",
        "at": proof.checkpoint.at if proof.checkpoint else None,
        "anchored_size": anchor.size if anchor else None,
        "anchored_at": anchor.at if anchor else None,
        "anchored_where": anchor.where if anchor else "",
    }
