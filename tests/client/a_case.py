"""A promotion from request to permit in a small log, and the case that tells of it; each part can be bent."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

from placet import attestations, permits
from placet.assertions import challenge, encode64
from placet.canonical import canonical_json
from placet.case import verify_case
from placet.case_changes import KINDS, population, table
from placet.case_files import (
    credential_copy,
    credential_name,
    decision_copy,
    decision_name,
    entry_name,
    paper_name,
    payload_name,
    policy_copy,
    write_case,
)
from placet.merkle import consistency_proof, inclusion_proof
from placet.receipts import encode_receipt
from placet.verify import Checkpoint, add_member, commitment, leaf_hash, parse_checkpoint
from tests.authenticator import Authenticator
from tests.client.conftest import LogUnderTest
from tests.client.small_papers import a_token, carrying

REQUEST = "b6f0e2f6-0f0c-4a53-8c8e-6f3f6a3b2f11"
ENGINEER, VALIDATOR, OFFICER, ADMIN = ("engineer", "validator", "officer", "admin")
MODEL = {"name": "credit-risk/2", "digest": "sha256:" + "a" * 64}
UNTIL = "2027-05-22T00:00:00.000000Z"
FIRST, LAST = "2026-11-23T00:00:00.000000Z", "2026-11-24T00:00:00.000000Z"
POLICY = {
    "policy": "credit",
    "stages": [
        {"name": "validation", "roles": ["validator"], "quorum": 1},
        {"name": "risk", "roles": ["risk_officer"], "quorum": 1, "signature": "passkey"},
    ],
}
Data = dict[str, Any]


def digest(data: bytes) -> str:
    return "sha256:" + sha256(data).hexdigest()


@dataclass
class Story:
    """The log of one promotion, with its papers by name, and what is chosen of it."""

    log: LogUnderTest = field(default_factory=LogUnderTest)
    papers: dict[str, bytes] = field(default_factory=dict)
    key: Authenticator = field(default_factory=Authenticator)
    left_out: dict[str, str] = field(default_factory=dict)
    chosen: list[int] = field(default_factory=list)
    permit: Data = field(default_factory=dict)
    """What the permit says otherwise than it should, and its entry with it."""
    statement: Data = field(default_factory=dict)
    """What the officer's statement says otherwise than the log."""
    snapshot: Data = field(default_factory=dict)
    """What the technical documentation says otherwise than it should."""
    declared: Data = field(default_factory=dict)
    """What the signed declaration says otherwise than its draft."""
    policy: Data = field(default_factory=dict)
    scope: Data = field(default_factory=lambda: {"kind": "promotion", "name": "PR-12", "from": FIRST, "to": LAST})

    def say(self, event: str, actor: str, data: Data, *, words: str | None = None, about: str = "") -> int:
        """Append an entry of the case and return its index."""
        who = actor if ":" in actor else f"person:{actor}"
        table = event.partition(".")[0]
        rows = [{"table": f"{table}_{table}", "key": about, "before": None, "after": "sha256:" + "0" * 64}]
        self.log.append(event, actor=who, data=data, payload=words, subjects=rows if about else [])
        self.chosen.append(len(self.log.bodies) - 1)
        return self.chosen[-1]

    def keep(self, folder: str, content: bytes, ending: str) -> str:
        """Keep a paper and return its digest."""
        self.papers[paper_name(folder, digest(content), ending)] = content
        return digest(content)

    def decide(self, person: str, stage: str, manifest: str, *, passkey: bool) -> int:
        words = canonical_json({"rationale": f"I, {person}, have read all of it."}).decode()
        sealed = commitment(sha256(b"salt %d" % len(self.log.bodies)).digest(), words.encode())
        said: Data = {"request": REQUEST, "subject": MODEL, "stage": stage, "verdict": "approve", "manifest": manifest}
        more = {"signer": f"person:{person}", "rationale": sealed, "log": self.log.origin}
        checks = {"outcome": "ALLOW", "each": {}, "lifted": {}}
        about = {"asks_for": "alias champion", "policy": self.policy, "checks": checks, "round": 1}
        form = {"format": "placet-decision/1", "nonce": f"{stage} {len(self.log.bodies)}"}
        statement = canonical_json(said | more | about | form | (self.statement if passkey else {}))
        signature: Data = {"kind": "password"}
        if passkey:
            name = encode64(self.key.credential_id)
            signature = {"kind": "passkey", "passkey": name, **self.key.sign(challenge(statement))}
        data = said | {"statement": statement.decode(), "signature": signature}
        if stage == "validation":
            data["change_class"] = "non-substantial"
        return self.say("approval.decided", person, data, words=words)

    def tell(self) -> Story:
        """Tell the whole story, with entries between that are about something else."""
        log, name = self.log, encode64(self.key.credential_id)
        log.append("log.heartbeat")
        about = {"passkey": name, "person": f"person:{OFFICER}"}
        host = {"rp_id": self.key.rp_id, "origin": self.key.origin}
        key = {"public_key": encode64(self.key.cose), "algorithm": "ES256"}
        self.say("passkey.enrolled", OFFICER, about | key | host)
        self.say("passkey.confirmed", ADMIN, about)
        pem = attestations.public_pem(log.permit_key.public_key())
        signer = permits.key_digest(log.permit_key.public_key())
        self.say("evidence_key.registered", ADMIN, {"key": signer, "account": "service:lab", "public_key": pem})
        policy = self.keep("policies", canonical_json(POLICY), ".json")
        self.papers[paper_name("policies", policy, ".txt")] = policy_copy(canonical_json(POLICY))
        named = {"name": "credit", "version": 3, "digest": policy}
        self.policy = named
        eligible = {"validation": [VALIDATOR], "risk": [OFFICER]}
        stages = [row | {"requires": None, "eligible": eligible[row["name"]]} for row in POLICY["stages"]]
        opened = {"request": REQUEST, "subject": MODEL, "asks_for": "alias champion", "policy": named, "excluded": []}
        self.say("approval.opened", ENGINEER, opened | {"stages": stages, "evidence": ["performance/v1"]})
        asked = {"promotion": 12, "request": REQUEST, "model": "credit-risk", "version": "2", "alias": "champion"}
        more = {"digest": MODEL["digest"], "decision_threshold": "0.5", "change_class": "non-substantial"}
        self.say("promotion.requested", ENGINEER, asked | more)
        log.append("log.heartbeat")
        manifest = self._evidence()
        for person, stage, passkey in ((VALIDATOR, "validation", False), (OFFICER, "risk", True)):
            self.decide(person, stage, manifest, passkey=passkey)
        granted = {"request": REQUEST, "subject": MODEL, "asks_for": "alias champion", "manifest": manifest}
        until = {"valid_until": UNTIL, "serves_until": UNTIL}
        at = self.say("approval.approved", OFFICER, granted | until | {"use_restrictions": [], "policy": named})
        self._permit(at, manifest, named)
        put = {"change": 7, "kind": "promotion", "replaces": None, "digest": MODEL["digest"]}
        self.say("promotion.applied", "system:apply", asked | put)
        self._documents()
        log.anchor()
        log.append("log.heartbeat")
        return self

    def _evidence(self) -> str:
        payload = b'{"auc":0.81,"type":"performance/v1"}'
        kept = self.keep("evidence", payload, ".json")
        statement = attestations.build_statement(
            evidence_type="performance/v1",
            model="credit-risk",
            version="2",
            artifact_digest=MODEL["digest"],
            dataset_digest="sha256:" + "d" * 64,
            payload_digest=kept,
        )
        envelope = self.keep("evidence", canonical_json(permits.sign(statement, self.log.permit_key)), ".dsse.json")
        files = {"statement.dsse.json": envelope, "payload.json": kept}
        data = {"type": "performance/v1", "subject": MODEL, "payload_digest": kept, "files": files}
        self.say("evidence.attached", "service:lab", data, about="e1")
        rows = [{"id": "e1", "type": "performance/v1", "payload_digest": kept}]
        manifest = digest(canonical_json(rows))
        review = {"request": REQUEST, "manifest": manifest, "evidence": rows, "excluded": [], "verdict": "ALLOW"}
        self.say("approval.review_opened", "system:placet", review | {"checks": {}})
        return manifest

    def document(self, key: str, kind: str, said: Data, *, filler: bytes = b"") -> Data:
        """Make a document from its snapshot, and tell the log; return what the entry says."""
        snapshot = json.dumps({"document": {"id": key, "kind": kind}, "law": {"version": "2026"}, **said}).encode()
        pdf = carrying(snapshot, filler=filler)
        model = said.get("model")
        about = {"name": f"{model['name']}/{model['version']}", "digest": model["artifact_digest"]} if model else None
        named = {"pdf": self.keep("documents", pdf, ".pdf"), "snapshot": self.keep("documents", snapshot, ".json")}
        unsigned = {"unsigned": named["pdf"], "signature": None, "certificate": None, "law": "2026"}
        data = {"kind": kind, "system": "s", "subject": about, **named, **unsigned}
        self.say("document.built", ENGINEER, data, about=key)
        return data

    def _documents(self) -> None:
        """Technical documentation with two later time-stamps, and a declaration: draft, signature and signed form."""
        payload = {"auc": 0.81, "type": "performance/v1"}
        kept = digest(b'{"auc":0.81,"type":"performance/v1"}')
        evidence = {"id": "e1", "type": "performance/v1", "payload_digest": kept, "payload": payload}
        model = {"name": "credit-risk", "version": "2", "artifact_digest": MODEL["digest"]}
        made = self.document("d1", "annex-iv", {"model": model, "evidence": [evidence], **self.snapshot})
        covered = self.papers[paper_name("documents", made["pdf"], ".pdf")]
        for number, ends_at in ((1, "2031-01-01T00:00:00.000000Z"), (2, "2036-01-01T00:00:00.000000Z")):
            imprint = sha512(covered)
            token = a_token(imprint.digest())
            covered += token
            said = {"document": "d1", "number": number, "imprint": f"sha512:{imprint.hexdigest()}", "authority": "a"}
            named = {"token": self.keep("documents", token, ".tst"), "ends_at": ends_at}
            self.say("document.time_stamped", "system:documents", said | named, about=f"t{number}")
        text = {"record": [{"id": "provider-name", "answer": "Example Bank"}]}
        draft = self.document("d2", "annex-v", text)
        names = {name: draft[name] for name in ("pdf", "snapshot", "kind")}
        signed = {"document": "d2", "system": "s", "personal_data": True}
        self.say("document.signed", OFFICER, names | signed, about="s1")
        person = {"name": "A. Signatory", "draft": "d2", "draft_digest": draft["pdf"], "personal_data": True}
        self.document("d3", "annex-v", {**text, "signatory": person | {"at": FIRST}, **self.declared})

    def _permit(self, at: int, manifest: str, named: Data) -> None:
        fields: Data = {
            "kind": "serve",
            "workspace": "default",
            "model": "credit-risk",
            "version": "2",
            "artifact_digest": MODEL["digest"],
            "created_at_ms": 1,
            "source": None,
            "storage_location": None,
            "alias": "champion",
            "use_restrictions": [],
            "policy": named | {"version": str(named["version"])},
            "evidence_manifest": manifest,
            "approval": REQUEST,
            "log": {"origin": self.log.origin, "index": at, "size": at + 1},
            "issued_at": "2026-11-23T18:00:00.000000Z",
            "expires_at": UNTIL,
            "decision_threshold": "0.5",
        }
        bent = fields | self.permit
        statement = permits.build_statement(**bent)
        envelope = permits.sign(statement, self.log.permit_key)
        self.keep("permits", json.dumps(envelope, sort_keys=True).encode(), ".json")
        named = {"name": f"{bent['model']}/{bent['version']}", "digest": bent["artifact_digest"]}
        told = {"kind": bent["kind"], "request": REQUEST, "subject": named, "alias": bent["alias"]}
        more = {"permit": permits.envelope_digest(envelope), "expires": bent["expires_at"]}
        self.say("permit.issued", "system:notary", told | more)

    def members(self) -> dict[str, bytes]:
        """Return every file of the case by its name."""
        log, leaves, note = self.log, [leaf_hash(body) for body in self.log.bodies], self.log.checkpoint()
        found = dict(self.papers)
        for index in self.chosen:
            entry = json.loads(log.bodies[index])
            proof = inclusion_proof(index, leaves)
            found[entry_name(index)] = encode_receipt(
                index=index, proof=proof, checkpoint_note=note, extra=log.bodies[index]
            )
            if entry["event"] == "approval.decided":
                found[decision_name(index)] = decision_copy(index, entry)
            if entry["event"] == "passkey.enrolled":
                found[credential_name(entry["data"]["passkey"])] = credential_copy(index, entry)
            if index in log.payloads:
                kept = log.payloads[index]
                found[payload_name(index)] = canonical_json([_base64(kept.salt), kept.payload])
        for seen in log.anchored:
            size = parse_checkpoint(seen, [log.vkey]).size
            steps = consistency_proof(size, leaves)
            found[f"log/anchored/{size:020}.note"] = seen
            found[f"log/anchored/{size:020}.json"] = canonical_json([_base64(step) for step in steps])
        page = "".join(f'<a href="{entry_name(index)}">{index}</a>' for index in self.chosen)
        found |= {"log/checkpoint.note": note, "README.txt": b"Read me.\n", "index.html": page.encode()}
        found["coverage.json"] = canonical_json({"from": FIRST, "to": LAST, "unknown": []})
        return found | self._changes() | {"keys/policy.txt": log.policy.encode()}

    def _changes(self) -> dict[str, bytes]:
        entries = {index: json.loads(self.log.bodies[index]) for index in self.chosen}
        items = population(entries, start=FIRST, end=LAST, models=["credit-risk"])
        said = {"from": FIRST, "to": LAST, "events": sorted(KINDS), "models": ["credit-risk"]}
        return {
            "changes.json": canonical_json(said | {"count": len(items), "items": items}),
            "changes.csv": table(items),
        }

    def write(self, path: Path, bend: Callable[[dict[str, bytes]], None] = lambda members: None) -> Path:
        """Write the case; ``bend`` changes its members first, and the log then signs what came of it."""
        members, head = self.members(), parse_checkpoint(self.log.checkpoint(), [self.log.vkey])
        bend(members)
        return write_case(
            path,
            origin=head.origin,
            size=head.size,
            root=head.root,
            scope=self.scope,
            created_at="2026-11-24T00:00:00.000000Z",
            members=sorted(members.items()),
            left_out=lambda: self.left_out,
            seal=self.log.seal,
        )

    @property
    def head(self) -> Checkpoint:
        return parse_checkpoint(self.log.checkpoint(), [self.log.vkey])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def a_story() -> Story:
    return Story().tell()


def the(story: Story, event: str) -> int:
    return next(i for i in story.chosen if json.loads(story.log.bodies[i])["event"] == event)


def bend(story: Story, index: int, **data) -> None:
    """Make an entry say something else, in a log that then signs what came of it."""
    entry = json.loads(story.log.bodies[index])
    story.log.bodies[index] = canonical_json(entry | {"data": entry["data"] | data})
    story.log.anchored.clear()


def checked(path, story, **more):
    return verify_case(path, trust=story.log.policy, **more).report


def files(report) -> set[str]:
    return {found.file for found in report.findings if found.file}


def sentences(report) -> str:
    return "\n".join(found.message for found in report.findings)


def rewritten(path, into, change: Callable[[dict[str, bytes]], None]):
    """Write the members anew as Placet does, in their order, after a change: what a forger does who has no key."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    with zipfile.ZipFile(into, "w") as new:
        for name, data in members.items():
            add_member(new, name, data)
    return into
