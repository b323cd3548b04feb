"""The log's pages: the list, one entry with its proof, its receipt, the bundle."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from governance.audit import erasure, proofs, receipts, selectors
from governance.audit import health as log_health
from governance.audit.actors import Actor
from governance.audit.errors import NotIntegrated
from governance.audit.events import Event
from governance.audit.export import bundle_response
from governance.audit.models import SHARD, Anchor
from governance.audit.searching import COUNTED, Query, search
from governance.audit.selectors import LogEntry
from governance.audit.web.changed import people_in, rows_of
from governance.audit.web.reading import READ_LOG, READERS, log_reader
from governance.audit.web.wording import actors_called, names_of, sentence
from governance.common import clock
from governance.common.errors import DomainError, Unknown
from governance.common.pictures import inclusion_steps

PAGE = 50


class Filter(forms.Form):
    """What the log can be searched by. A field that can't be read is left out, and said."""

    q = forms.CharField(required=False, max_length=200)
    event = forms.ChoiceField(required=False, choices=[(str(event), str(event)) for event in Event])
    who = forms.CharField(required=False, max_length=120)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)
    before = forms.IntegerField(required=False, min_value=0, max_value=SHARD)

    def query(self) -> Query:
        """Return the question that the readable fields ask."""
        given = self.cleaned_data
        day = {name: _midnight(given[name]) if given.get(name) else None for name in ("since", "until")}
        return Query(
            text=given.get("q", ""),
            events=[given["event"]] if given.get("event") else (),
            actors=actors_called(given["who"]) if given.get("who") else None,
            since=day["since"],
            until=day["until"] + timedelta(days=1) if day["until"] else None,
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


@log_reader
@require_GET
def log(request: HttpRequest) -> HttpResponse:
    """List entries, newest first, by words, kind, actor and time."""
    form = Filter(request.GET)
    form.is_valid()  # what can't be read is not asked for, and named on the page
    before = form.cleaned_data.get("before")
    found = search(form.query(), before=before, limit=PAGE)
    parsed = [(row, row.parsed) for row in found.entries]
    names = names_of(entry["actor"] for _, entry in parsed)
    anchor = selectors.newest_anchor()
    anchored = anchor.size if anchor else 0
    checkpoint = selectors.newest_checkpoint()
    asked = [(name, value) for name, value in request.GET.lists() if name != "before" and any(value)]
    last = parsed[-1][0].index if parsed else None
    size, words = selectors.size(), form.cleaned_data.get("q", "")
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
            "size": size,
            "pending": selectors.pending_count(),
            "jump": int(words) if words.isdecimal() and len(words) < 16 and int(words) < size else None,
            "found": min(found.total, COUNTED),
            "more_than_found": found.total > COUNTED and not form.query().is_empty,
            "form": form,
            "filters": request.GET,
            "events": [str(item) for item in Event],
            "asked": urlencode(asked, doseq=True),
            "newest": urlencode(asked, doseq=True) if before is not None else None,
            "older": urlencode([*asked, ("before", last)], doseq=True) if last and len(parsed) == PAGE else None,
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


@log_reader
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
    names = names_of([body["actor"], *people_in(body)])
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
                "by": names.get(body["actor"], ""),
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
            "fields": rows_of(body, names),
            "proof": proof,
            "steps": inclusion_steps(index, proof.checkpoint.size, found.leaf_hash, proof.path)
            if proof.checkpoint
            else [],
            "tree": _tree(proof),
            "anchors": [
                _anchor(row, index)
                for row in Anchor.objects.select_related("checkpoint").order_by("-checkpoint__position", "-id")[:3]
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
        "size": row.size,
        "root": _digest(row.checkpoint.root),
        "where": row.where,
        "covers": row.size > index,
        "reference": row.reference.partition(" ")[0],
    }


@login_required
@require_GET
def receipt(request: HttpRequest, index: int) -> HttpResponse:
    """Download one entry's offline proof (C2SP tlog-proof), with the entry's own bytes in it."""
    _require_own_or_reader(request, lambda: selectors.entry_at(index))
    try:
        return _receipt_file(receipts.receipt_of(_entry_or_404(index)), str(index))
    except NotIntegrated as waiting:
        raise Http404(waiting.detail) from waiting


@login_required
@require_GET
def receipt_by_id(request: HttpRequest, entry_id: uuid.UUID) -> HttpResponse:
    """The same for an entry that was written a moment ago; waits for the notary, which takes about a second."""
    _require_own_or_reader(request, lambda: selectors.entry_by_id(entry_id))
    try:
        return _receipt_file(receipts.wait_for_receipt(entry_id, patience_s=5.0), str(entry_id))
    except Unknown as unknown:
        raise Http404(unknown.detail) from unknown
    except NotIntegrated as waiting:
        return HttpResponse(f"{waiting.detail}\n", status=409, content_type="text/plain; charset=utf-8")


def _require_own_or_reader(request: HttpRequest, find: Callable[[], LogEntry]) -> None:
    """Require somebody who reads the log, or whose own act the entry is: what one signed, one may prove."""
    user = request.user
    if user.has_perm(READ_LOG):
        return
    try:
        own = find().parsed["actor"] == cast(Actor, user).actor_id
    except Unknown:
        own = False
    if not own:
        raise PermissionDenied(READERS)


def _receipt_file(content: bytes, name: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.tlog-proof"'},
    )


@login_required
@require_GET
def bundle(request: HttpRequest) -> FileResponse | HttpResponse:
    """Download the audit bundle, made now."""
    if not request.user.has_perm("audit.export_bundle"):
        raise PermissionDenied("An auditor, risk officer or administrator downloads the audit bundle.")
    try:
        return bundle_response(cast(Actor, request.user))
    except NotIntegrated as waiting:
        return HttpResponse(f"{waiting.detail}\n", status=409, content_type="text/plain; charset=utf-8")


@log_reader
@require_GET
def health(request: HttpRequest) -> HttpResponse:
    """Show how the log is doing: what waits, what is signed, what stands outside, whether its guards hold."""
    return render(
        request,
        "audit/health.html",
        {
            "signs": log_health.signs(),
            "copies": log_health.outside_copies(),
            "stale_after": log_health.STALE_ANCHOR,
            "shards": log_health.shards(),
            "keys": log_health.keys(),
            "erasures": [wish for wish in erasure.wishes() if not wish.done],
        },
    )


@log_reader
@require_POST
def request_erasure(request: HttpRequest, index: int) -> HttpResponse:
    """File a request to erase the text behind an entry; the privacy role's command carries it out."""
    found = _entry_or_404(index)
    try:
        erasure.file_request(entry_id=found.id, actor=cast(Actor, request.user), reason=request.POST.get("reason", ""))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, _("Filed. The data protection officer decides it; the request is in the log."))
    return redirect("audit-entry", index)
