"""The files of a bundle: for each entry its receipt and every paper that it names, each read when it is written."""

import base64
import json
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import rfc8785
from django.conf import settings

from governance.audit import selectors as log
from governance.audit.export import Head
from governance.common import clock
from governance.common.errors import DomainError, Unknown
from governance.evidence import storage
from governance.evidence.models import Evidence
from governance.policy import source
from governance.policy.models import PolicyVersion
from placet.canonical import canonical_json
from placet.case_files import (
    HEAD,
    README,
    README_TEXT,
    credential_copy,
    credential_name,
    decision_copy,
    decision_name,
    entry_name,
    paper_name,
    papers_of,
    payload_name,
    policy_copy,
    policy_digests,
)
from placet.receipts import encode_receipt
from placet.trust import InvalidTrust, format_trust, load_trust
from placet.uris import split_workspace
from registry import coverage, population
from registry.models import Permit
from reports.bundles import pages
from reports.bundles.gathering import Gathered
from reports.documents.snapshot import canonical
from reports.models import Document

LARGEST = 64 * 1024 * 1024
ANCHORS = 20
"""So many of the newest checkpoints that were published stand in a bundle; who kept an older one asks with its size."""
_CHUNK = 200
_COMMON = ("approval.", "promotion.", "waiver.", "standing_approval.", "validation.", "evidence.", "document.")
"""Of these entries the words are on the pages of whoever reads the system; of others not."""
KEYS_README = """These are the public keys that this Placet names.

A key proves nothing because it stands here: whoever forges a bundle puts in keys that fit. Compare them with a copy
that you got from somewhere else, and give `placet verify` that copy.
"""
Load = Callable[[], bytes]


class Contents:
    """Every file of one bundle by its name, and the reason for each that is named and not in it.

    Args:
        whole: whether the words of every entry may go out, and not only those of the case's own.
        seen: the size of a checkpoint that the asker kept.
    Attributes:
        worded: the entries whose erasable words stand in it.
    """

    def __init__(self, found: Gathered, head: Head, *, about: str, whole: bool, seen: int | None = None) -> None:
        self.found, self.head, self.about, self.whole, self.seen = found, head, about, whole, seen
        self.left_out: dict[str, str] = {}
        self._files: dict[str, Load] = {}
        self._sealed = self._words()
        self.worded = sorted(self._sealed)
        self._add_papers()
        self._add_anchors()
        self._add_statements()
        pages.add(self._files, found, head, about=about, words=self._texts(), left_out=self.left_out)

    def __len__(self) -> int:
        return len(self._files) + len(self.found.entries)

    def members(self) -> Iterator[tuple[str, bytes]]:
        """Yield name and bytes of every file in the order of the names; what can't be read is left out, and told."""
        names = sorted([*self._files, *(entry_name(index) for index in self.found.entries)])
        receipts = self._receipts()
        for name in names:
            if name not in self._files:
                yield name, next(receipts)
                continue
            try:
                yield name, self._files[name]()
            except (Unknown, LookupError, OSError) as missing:
                told = missing.detail if isinstance(missing, DomainError) else "it can't be read any more"
                self.left_out[name] = told

    def _receipts(self) -> Iterator[bytes]:
        indexes = iter(sorted(self.found.entries))
        while some := list(islice(indexes, _CHUNK)):
            proofs = log.inclusion_proofs(some, self.head.size)
            for index in some:
                body = self.found.entries[index].body
                yield encode_receipt(index=index, proof=proofs[index], checkpoint_note=self.head.note, extra=body)

    def _words(self) -> dict[uuid.UUID, tuple[bytes, bytes]]:
        """Return the erasable texts that go out; of the rest it is told why not, unless they were erased."""
        wanted = []
        for index, entry in self.found.entries.items():
            if entry.parsed["payload"] is None:
                continue
            if self.whole or entry.event.startswith(_COMMON):
                wanted.append(entry.id)
            else:
                self.left_out[payload_name(index)] = "its words go only to those who may take the whole log away"
        found: dict[uuid.UUID, tuple[bytes, bytes]] = {}
        for some in range(0, len(wanted), 1000):
            found |= log.sealed_payloads(wanted[some : some + 1000])
        return found

    def _texts(self) -> dict[int, Mapping[str, Any]]:
        by_index = {index: self._sealed.get(entry.id) for index, entry in self.found.entries.items()}
        return {index: json.loads(sealed[1]) for index, sealed in by_index.items() if sealed}

    def _add_papers(self) -> None:
        for index, entry in self.found.entries.items():
            body = entry.parsed
            for name, digest in papers_of(body).items():
                self._files[name] = _paper(name, digest, body)
            for digest in policy_digests(body):
                self._files[paper_name("policies", digest, ".txt")] = _policy_text(digest)
            if entry.event == "approval.decided":
                self._files[decision_name(index)] = _fixed(decision_copy(index, body))
            elif entry.event == "passkey.enrolled":
                self._files[credential_name(str(body["data"]["passkey"]))] = _fixed(credential_copy(index, body))
            if sealed := self._sealed.get(entry.id):
                salt = base64.b64encode(sealed[0]).decode()
                self._files[payload_name(index)] = _fixed(canonical_json([salt, sealed[1].decode()]))

    def _add_anchors(self) -> None:
        """Take in the checkpoint, the newest published ones, the first that covers all, and how the log grew since."""
        head, last = self.head, max(self.found.entries, default=0)
        sizes = sorted(size for size in head.anchored if 0 < size <= head.size)
        chosen = {*sizes[-ANCHORS:], *[size for size in sizes if size > last][:1]}
        for size in chosen:
            self._files[f"log/anchored/{size:020}.note"] = _fixed(head.anchored[size])
            if size in head.time_stamps:
                self._files[f"log/anchored/{size:020}.tsr"] = _fixed(head.time_stamps[size])
        for size in chosen | ({self.seen} if self.seen and 0 < self.seen < head.size else set()):
            self._files[f"log/anchored/{size:020}.json"] = _growth(size, head.size)
        self._files[HEAD] = _fixed(head.note)

    def _add_statements(self) -> None:
        found = self.found
        self._files[README] = _fixed(README_TEXT.encode())
        self._files["coverage.json"] = lambda: _json(self._coverage())
        self._files["changes.json"] = _fixed(canonical_json(_changes(found)))
        self._files["changes.csv"] = _fixed("".join(population.csv_lines(found.changes)).encode())
        self._files["keys/README.txt"] = _fixed(KEYS_README.encode())
        try:
            self._files["keys/policy.txt"] = _fixed(format_trust(load_trust(Path(settings.TRUST_FILE))).encode())
        except InvalidTrust:
            self.left_out["keys/policy.txt"] = "this server has no trust file that can be read"

    def _coverage(self) -> dict[str, Any]:
        """Return the coverage statement; to who may not take the whole log, without what is about others' models."""
        found = self.found
        said = coverage.statement(found.start, max(found.start, min(found.end, self.head.at)))
        return said if self.whole else _coverage_of(said, found.models or ())


def _fixed(content: bytes) -> Load:
    return lambda: content


def _checked(digest: str, load: Load) -> Load:
    """Return what loads bytes and refuses any but those of the digest, which a changed database would give."""

    def checked() -> bytes:
        content = load()
        if "sha256:" + sha256(content).hexdigest() != digest:
            raise Unknown("what is stored are not the bytes that the log names")
        return content

    return checked


def _paper(name: str, digest: str, body: Mapping[str, Any]) -> Load:
    """Return what loads a paper that an entry names."""
    folder, event = name.partition("/")[0], body["event"]
    if event in {"document.built", "document.signed"} and name.endswith(".json"):
        return _checked(digest, lambda: canonical(Document.objects.get(snapshot_digest=digest).snapshot))
    if folder == "permits":
        return _checked(digest, lambda: _permit(digest))
    if folder == "policies":
        return _policy_form(digest)
    if event == "evidence.attached" and digest == body["data"]["payload_digest"]:
        return _checked(digest, lambda: _evidence(digest))
    return lambda: _stored(digest)


def _stored(digest: str) -> bytes:
    if not storage.holds(digest):
        raise Unknown("nothing is stored under this digest any more")
    with storage.open_checked(digest) as file:
        if file.seek(0, 2) > LARGEST:
            raise Unknown(f"it is larger than {LARGEST >> 20} MiB; ask for the file by its digest")
        file.seek(0)
        return file.read()


def _evidence(digest: str) -> bytes:
    row = Evidence.objects.filter(payload_digest=digest).order_by("made_at").first()
    if row is None:
        raise Unknown("the database holds no such evidence")
    return rfc8785.dumps(row.payload)


def _permit(digest: str) -> bytes:
    row = Permit.objects.filter(digest=digest).first()
    if row is None:
        raise Unknown("the database holds no such permit")
    return json.dumps(row.envelope, sort_keys=True).encode()  # as placet.permits names an envelope


def _policy(digest: str) -> PolicyVersion:
    row = PolicyVersion.objects.filter(digest=digest).order_by("number").first()
    if row is None:
        raise Unknown("the database holds no such policy")
    return row


def _policy_form(digest: str) -> Load:
    return _checked(digest, lambda: rfc8785.dumps(dict(source.read(_policy(digest).text).data)))


def _policy_text(digest: str) -> Load:
    canonical = _policy_form(digest)
    return lambda: policy_copy(canonical())


def _growth(old: int, new: int) -> Load:
    def steps() -> bytes:
        proof = log.consistency_proof(old, new)
        return canonical_json([base64.b64encode(step).decode() for step in proof])

    return steps


def _coverage_of(said: Mapping[str, Any], models: Collection[str]) -> dict[str, Any]:
    """Return of a coverage statement what those may read whom only these models concern.

    It takes each field by its name, so that what is stated of others later on is not given away with it.
    """
    places = {split_workspace(model)[0] for model in models}
    workspaces = [row for row in said["workspaces"] if row["workspace"] in places]
    period = coverage.Stretch(said["from"], said["to"])
    deviations = [row for row in said["deviations"] if row["model"] in models]
    lists = ("without_a_grant", "broken_glasses", "without_a_change")
    grants = {name: [row for row in said["grants"][name] if row["model"] in models] for name in lists}
    return {
        **{name: said[name] for name in ("from", "to", "first_watch_at", "blind_window_s")},
        "models": sorted(models),
        "plugin": _watched(said["plugin"]),
        "reconciler": {name: _watched(watch) for name, watch in said["reconciler"].items()},
        "workspaces": workspaces,
        "deviations": deviations,
        "grants": grants,
        "unexplained_changes": len(deviations) + len(grants["without_a_change"]),
        "unknown": coverage.unknown(
            period, said["first_watch_at"], said["plugin"], said["reconciler"]["aliases"], workspaces
        ),
    }


def _watched(watch: Mapping[str, Any]) -> dict[str, Any]:
    """Return when somebody watched, and not who, or what they met there."""
    spans = [{name: span[name] for name in ("from", "to", "beats", "longest_gap_s")} for span in watch["spans"]]
    return {"active_s": watch["active_s"], "spans": spans, "gaps": watch["gaps"]}


def _changes(found: Gathered) -> dict[str, Any]:
    said = {"rule": population.RULE, "events": sorted(str(event) for event in population.KINDS)}
    period = {"from": clock.rfc3339(found.start), "to": clock.rfc3339(found.end)}
    items = [vars(item) for item in found.changes]
    return said | period | {"models": found.models, "count": len(items), "items": items}


def _json(value: Any) -> bytes:
    def spelled(other: object) -> str:
        return clock.rfc3339(other) if isinstance(other, datetime) else str(other)

    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, default=spelled).encode() + b"\n"
