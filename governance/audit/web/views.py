"""The log's pages: the list, one entry with its proof, its receipt, the bundle."""

import json
import uuid
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from governance.audit import proofs, selectors
from governance.audit.errors import NotIntegrated
from governance.audit.events import Event
from governance.audit.export import bundle_response
from governance.audit.models import Anchor
from governance.audit.selectors import LogEntry
from governance.common import clock
from governance.common.errors import Unknown
from governance.common.pictures import inclusion_steps
from placet.receipts import encode_receipt

PAGE = 50


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return the names behind actor ids; a process of Placet is named by its word."""
    wanted = set(actors)
    keys = {a.partition(":")[2]: a for a in wanted if a.startswith(("person:", "service:"))}
    people = get_user_model().objects.filter(pk__in=[uuid.UUID(key) for key in keys])
    named = {keys[str(person.pk)]: str(person) for person in people}
    return named | {a: f"Placet, {a.partition(':')[2]}" for a in wanted if a.startswith("system:")}


def sentence(entry: dict[str, Any]) -> str:
    """Say in a few words what an entry is about."""
    data = entry["data"]
    subject = data.get("subject") or {}
    about = [
        subject.get("name") if isinstance(subject, dict) else subject,
        data.get("model"),
        data.get("system"),
        data.get("policy") if isinstance(data.get("policy"), str) else None,
    ]
    said = [str(item) for item in about if item]
    said += [
        f"{key.replace('_', ' ')} {data[key]}"
        for key in ("version", "alias", "stage", "verdict", "to", "type", "role")
        if data.get(key)
    ]
    return f"{entry['event'].replace('.', ' ').replace('_', ' ')}: {', '.join(dict.fromkeys(said))}".removesuffix(": ")


@login_required
@require_GET
def log(request: HttpRequest) -> HttpResponse:
    """List entries, newest first, by event and text."""
    # PostgreSQL's text holds no NUL, so nothing in the log can match one.
    event, text = (request.GET.get(name, "").replace("\0", "").strip() for name in ("event", "q"))
    before = request.GET.get("before", "")
    rows, found = selectors.search(
        text=text, event=event, before_seq=int(before) if before.isdigit() else None, limit=PAGE
    )
    parsed = [(row, row.parsed) for row in rows]
    names = names_of(entry["actor"] for _, entry in parsed)
    anchor = selectors.newest_anchor()
    anchored = anchor.checkpoint_id if anchor else 0
    checkpoint = selectors.newest_checkpoint()
    query = {"q": text, "event": event}
    return render(
        request,
        "audit/log.html",
        {
            "entries": [
                {
                    "index": row.index,
                    "at": entry["at"],
                    "event": entry["event"],
                    "what": sentence(entry),
                    "by": names.get(entry["actor"], ""),
                    "actor": entry["actor"],
                    "anchored": row.index is not None and row.index < anchored,
                }
                for row, entry in parsed
            ],
            "size": selectors.size(),
            "pending": selectors.pending_count(),
            "found": found,
            "filters": query,
            "events": [str(item) for item in Event],
            "newer": urlencode(query) if before else "",
            "older": urlencode({**query, "before": rows[-1].seq}) if len(rows) == PAGE else "",
            "checkpoint": {"size": checkpoint.size, "root": _digest(checkpoint.root), "at": checkpoint.at}
            if checkpoint
            else None,
        },
    )


def _digest(value: bytes | memoryview) -> str:
    return "sha256:" + bytes(value).hex()


def _entry_or_404(index: int) -> LogEntry:
    try:
        return selectors.entry_at(index)
    except Unknown as unknown:
        raise Http404(unknown.detail) from unknown


@login_required
@require_GET
def entry(request: HttpRequest, index: int) -> HttpResponse:
    """Show one entry, its bytes, three verdicts and the drawn proof."""
    found = _entry_or_404(index)
    body = found.parsed
    proof = proofs.prove(found)
    payload = selectors.payload_of(found.id) if body["payload"] else None
    may_read = request.user.has_perm("audit.read_payload")
    same = selectors.entries_about_request(body["data"].get("request"))
    size = selectors.size()
    return render(
        request,
        "audit/entry.html",
        {
            "entry": {
                "index": index,
                "id": found.id,
                "at": body["at"],
                "event": body["event"],
                "actor": body["actor"],
                "by": names_of([body["actor"]]).get(body["actor"], ""),
                "sentence": sentence(body),
                "leaf_hash": _digest(found.leaf_hash),
                "bytes": len(found.body),
                "body": json.dumps(body, indent=2, ensure_ascii=False),
                "canonical": found.body.decode(),
                "payload": json.dumps(payload, indent=2, ensure_ascii=False) if payload and may_read else None,
                "payload_commitment": body["payload"],
                "redacted": bool(body["payload"]) and payload is None,
            },
            "subjects": body["subjects"],
            "proof": proof,
            "steps": inclusion_steps(index, proof.checkpoint.size, found.leaf_hash, proof.path)
            if proof.checkpoint
            else [],
            "tree": _tree(proof),
            "anchors": [
                _anchor(row, index)
                for row in Anchor.objects.select_related("checkpoint").order_by("-checkpoint__size")[:3]
            ],
            "same": [
                {
                    "index": item.index,
                    "title": sentence(item.parsed),
                    "at": item.parsed["at"],
                    "here": item.index == index,
                }
                for item in same
                if item.index is not None
            ],
            "older": index - 1 if index else None,
            "newer": index + 1 if index + 1 < size else None,
        },
    )


def _tree(proof: proofs.Proof) -> dict[str, Any] | None:
    if proof.checkpoint is None:
        return None
    note = bytes(proof.checkpoint.note).decode()
    keys = proofs.log_keys()
    return {
        "size": proof.checkpoint.size,
        "root": _digest(proof.checkpoint.root),
        "at": proof.checkpoint.at,
        "origin": note.partition("\n")[0],
        "key": keys[0].split("+")[1] if keys else "",
        "signature_line": note.rstrip().rpartition("\n")[2],
    }


def _anchor(row: Anchor, index: int) -> dict[str, Any]:
    return {
        "at": row.at,
        "age": clock.now() - row.at,
        "size": row.checkpoint_id,
        "root": _digest(row.checkpoint.root),
        "where": row.where,
        "covers": row.checkpoint_id > index,
        "reference": row.reference.partition(" ")[0],
    }


@login_required
@require_GET
def receipt(request: HttpRequest, index: int) -> HttpResponse:
    """Download one entry's offline proof (C2SP tlog-proof), with the entry's own bytes in it."""
    found = _entry_or_404(index)
    checkpoint = selectors.newest_checkpoint()
    if checkpoint is None or checkpoint.size <= index:
        raise Http404("The entry is not under a signed checkpoint yet; try again in a second.")
    content = encode_receipt(
        index=index,
        proof=selectors.inclusion_proof(index, checkpoint.size),
        checkpoint_note=bytes(checkpoint.note),
        extra=found.body,
    )
    return HttpResponse(
        content,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{index}.tlog-proof"'},
    )


@login_required
@require_GET
def bundle(request: HttpRequest) -> FileResponse | HttpResponse:
    """Download the audit bundle, made now."""
    if not request.user.has_perm("audit.export_bundle"):
        raise PermissionDenied("An auditor, risk officer or administrator downloads the audit bundle.")
    try:
        return bundle_response()
    except NotIntegrated as waiting:
        return HttpResponse(f"{waiting.detail}\n", status=409, content_type="text/plain; charset=utf-8")
