"""What the papers of a case must say: each is held against the log's entry that names it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from placet import attestations, permits
from placet.assertions import judge
from placet.canonical import canonical_json
from placet.case_changes import KINDS, population, table
from placet.case_documents import Documents
from placet.case_files import (
    MANIFEST,
    PAYLOAD,
    SEAL,
    STATEMENT,
    credential_copy,
    credential_name,
    decision_copy,
    decision_name,
    paper_name,
    papers_of,
    payload_name,
    policy_copy,
    policy_digests,
)
from placet.case_pages import check_pages
from placet.case_requests import Requests
from placet.trust import Trust
from placet.uris import qualified
from placet.verify import parse_time

Entry = Mapping[str, Any]
FREE = ("README.txt", "index.html", "coverage.json", "changes.json", "changes.csv", MANIFEST, SEAL)
FREE_FOLDERS = ("log/", "keys/", "requests/")
_PAPERS = ("document/v1", "submitted_document/v1")  # these can be about the whole system
_KINDS = {
    "log/entries": "entries of the log",
    "decisions": "decisions",
    "credentials": "public keys",
    "evidence": "evidence",
    "documents": "documents",
    "policies": "policies",
    "permits": "permits",
    "log/payloads": "words that can be erased",
}


class Row(NamedTuple):
    """How many papers of one kind a case holds, how many it says it leaves out, and how many do not fit."""

    kind: str
    here: int
    left_out: int
    wrong: int


class Box(Protocol):
    """Where members are read from; ``placet.case.Members``."""

    def __contains__(self, name: str) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def read(self, name: str) -> bytes: ...
    def under(self, folder: str) -> list[str]: ...


class Found(Protocol):
    """Where findings go; ``placet.case.Findings``."""

    notes: list[str]

    def add(self, part: str, message: str, *, file: str | None = None, index: int | None = None) -> None: ...
    def about(self, file: str, part: str = "integrity", index: int | None = None) -> AbstractContextManager[None]: ...


class Contents:
    """The papers of one case, and the entries by index that were proved to be in the log."""

    def __init__(self, box: Box, entries: dict[int, Entry], trust: Trust, found: Found) -> None:
        self.box, self.entries, self.trust, self.found = box, entries, trust, found
        self.left_out: dict[str, str] = {}
        self.named, self._erased, self._attached = set[str](), set[str](), dict[str, tuple[int, Any]]()
        self._evidence_keys: list[tuple[int, Entry]] = []
        self.requests, self.untold = Requests({}), False
        """Whether something stays open: left out, or not to be checked with these keys."""

    def check(self, manifest: Mapping[str, Any]) -> tuple[Row, ...]:
        """Check everything, and return what is there."""
        self.left_out = {str(name): str(why) for name, why in manifest.get("left_out", [])}
        self._look_around()
        self.requests = Requests(self.entries)
        self._decisions()
        with self.found.about(MANIFEST):
            self._scope(manifest["scope"])
        for index, entry in sorted(self.entries.items()):
            with self.found.about(f"Entry {index}", index=index):
                self._read(index, entry)
        Documents(self.box, self.entries, self._attached, self.found).check()
        check_pages(self.box, self.entries, self.left_out, self.found)
        with self.found.about("changes.json"):
            self._changes(json.loads(self.box.read("changes.json")), manifest["scope"])
        with self.found.about("coverage.json"):
            self._coverage(json.loads(self.box.read("coverage.json")), manifest["scope"])
        for name in self.box:
            if name not in self.named and name not in FREE and not name.startswith(FREE_FOLDERS):
                self.found.add("integrity", f"{name}: no entry of the case names it.", file=name)
        for name, why in sorted(self.left_out.items()):
            self.untold = True
            self.found.notes.append(f"Left out: {name}: {why}")
        return self._rows()

    def _coverage(self, told: Mapping[str, Any], scope: Mapping[str, Any]) -> None:
        """Check that a coverage statement is of the case's period, ends within it, and counts what it lists."""
        if not {"from", "to", "unknown"} <= told.keys():
            raise ValueError("is no coverage statement")
        first, last = parse_time(told["from"]), parse_time(told["to"])
        if first != parse_time(scope["from"]) or not first <= last <= parse_time(scope["to"]):
            raise ValueError("is of another period than the case")
        if "unexplained_changes" in told:
            odd = len(told["deviations"]) + len(told["grants"]["without_a_change"])
            if told["unexplained_changes"] != odd:
                raise ValueError("counts other changes that nobody explains than it lists")

    def _scope(self, said: Mapping[str, Any]) -> None:
        """Check that the entries are here which the manifest says that the case is about."""
        first, last = parse_time(said["from"]), parse_time(said["to"])
        if first >= last:
            raise ValueError("its period has no length")
        if said["kind"] == "promotion":
            told = self.requests.of_promotion(str(said["name"]))
            opened = min(parse_time(entry["at"]) for _, entry in told)
            if not first <= opened < last:
                raise ValueError("the request that it is about was not made in the period that it names")
        elif said["kind"] == "system" and all(
            entry["data"].get("system") != said["name"] for entry in self.entries.values()
        ):
            raise ValueError("it is about an AI system, and no entry in it is")

    def _look_around(self) -> None:
        """Take note of what many entries need: erased words, attached evidence by its row, keys of evidence."""
        for index, entry in sorted(self.entries.items()):
            if entry["event"] == "payload.redacted":
                self._erased.add(str(entry["data"].get("entry")))
            elif entry["event"] == "evidence.attached":
                for row in entry["subjects"]:
                    self._attached.setdefault(str(row.get("key")), (index, entry["data"]))
            elif entry["event"] in {"evidence_key.registered", "evidence_key.ended"}:
                self._evidence_keys.append((index, entry))

    def _rows(self) -> tuple[Row, ...]:
        wrong = Counter[str]()
        for finding in getattr(self.found, "listed", ()):
            wrong.update(folder for folder in _KINDS if str(finding.file or "").startswith(f"{folder}/"))
        rows = []
        for folder, kind in _KINDS.items():
            missing = sum(name.startswith(f"{folder}/") for name in self.left_out)
            rows.append(Row(kind, len(self.box.under(folder)), missing, wrong[folder]))
        return tuple(rows)

    def _read(self, index: int, entry: Entry) -> None:
        for name, digest in papers_of(entry).items():
            known = name in self.named
            if self._there(name) and not known and "sha256:" + sha256(self.box.read(name)).hexdigest() != digest:
                self.found.add("integrity", f"{name}: its bytes are not those of its name.", file=name)
        readers: dict[str, Callable[[int, Entry], None]] = {
            "approval.decided": self._decision,
            "passkey.enrolled": self._credential,
            "permit.issued": self._permit,
            "evidence.attached": self._statement,
            "approval.review_opened": self._manifest,
            "approval.opened": self._stages,
        }
        if reader := readers.get(entry["event"]):
            reader(index, entry)
        for digest in policy_digests(entry):
            self._policy(digest)
        if entry["payload"] is not None and entry["id"] not in self._erased:
            self._there(payload_name(index))

    def _policy(self, digest: str) -> None:
        """Check that a policy which people read is the one that has the digest."""
        name, canonical = (paper_name("policies", digest, ending) for ending in (".txt", ".json"))
        if self._there(name):
            with self.found.about(name):
                if canonical not in self.box or self.box.read(name) != policy_copy(self.box.read(canonical)):
                    raise ValueError("it says something else than the policy with that digest, or that is not here")

    def _there(self, name: str) -> bool:
        """Return whether a file that an entry names is here; one that is neither here nor left out is a finding."""
        self.named.add(name)
        if name in self.box:
            return True
        if name not in self.left_out:
            self.found.add(
                "completeness", f"{name} is named by the log, and neither here nor said to be left out.", file=name
            )
        return False

    def _decision(self, index: int, entry: Entry) -> None:
        self._same(decision_name(index), decision_copy(index, entry))

    def _credential(self, index: int, entry: Entry) -> None:
        self._same(credential_name(str(entry["data"]["passkey"])), credential_copy(index, entry))

    def _same(self, name: str, content: bytes) -> None:
        if self._there(name) and self.box.read(name) != content:
            self.found.add("decisions", f"{name}: it says something else than the log's entry.", file=name)

    def _permit(self, index: int, entry: Entry) -> None:
        name = paper_name("permits", entry["data"]["permit"], ".json")
        if name in self.box:
            with self.found.about(name, index=index):
                self._check_permit(name, index, entry)

    def _check_permit(self, name: str, index: int, entry: Entry) -> None:
        """Check a permit's signature, and that it says what its entry says and what was approved."""
        if not self.trust.permits:
            self.untold = True
            self.found.notes.append(f"{name}: the trust file names no permit key, so its signature was not checked.")
            return
        envelope = json.loads(self.box.read(name))
        issued = permits.read(envelope, self.trust)
        said = entry["data"]
        facts = (
            issued.kind,
            f"{qualified(issued.workspace, issued.model)}/{issued.version}",
            issued.artifact_digest,
            issued.alias,
        )
        if facts != (said["kind"], said["subject"]["name"], said["subject"]["digest"], said["alias"]):
            raise ValueError("it is for another version, alias or act than its entry says")
        if issued.log.get("origin") != entry["log"] or parse_time(said["expires"]) != issued.expires_at:
            raise ValueError("it is of another log, or holds for another time than its entry says")
        self.requests.check_permit(issued, index, said)

    def _statement(self, index: int, entry: Entry) -> None:
        digest = entry["data"]["files"].get(STATEMENT)
        if digest and (name := paper_name("evidence", digest, ".dsse.json")) in self.box:
            with self.found.about(name, index=index):
                self._check_statement(name, index, entry)

    def _check_statement(self, name: str, index: int, entry: Entry) -> None:
        """Check who signed a statement about evidence, and that it names these bytes."""
        keys: dict[str, Ed25519PublicKey] = {}
        for at, key in self._evidence_keys:
            if at < index and key["data"]["account"] == entry["actor"]:
                keys.pop(key["data"]["key"], None)  # one that had ended signs nothing more
                if key["event"] == "evidence_key.registered":
                    keys[key["data"]["key"]] = attestations.read_public_pem(key["data"]["public_key"])
        signed = attestations.verify(json.loads(self.box.read(name)), keys)
        data = entry["data"]
        ours = (signed.evidence_type, f"{signed.model}/{signed.version}", signed.artifact_digest)
        if ours != (data["type"], data["subject"]["name"], data["subject"]["digest"]):
            raise ValueError("it is about other evidence, another version or other bytes than its entry")
        files = {key: value for key, value in data["files"].items() if key not in {STATEMENT, PAYLOAD}}
        if dict(signed.files) != files or signed.payload_digest != data["files"].get(PAYLOAD):
            raise ValueError("it names other files than its entry")
        sent = paper_name("evidence", signed.payload_digest, ".json")
        kept = paper_name("evidence", data["payload_digest"], ".json")
        if sent in self.box and kept in self.box and json.loads(self.box.read(sent)) != json.loads(self.box.read(kept)):
            raise ValueError("what was signed is not what was kept")

    def _manifest(self, index: int, entry: Entry) -> None:
        """Check that the evidence which a review was opened on has the digest that everybody signed, and is here."""
        data = entry["data"]
        if "sha256:" + sha256(canonical_json(data["evidence"])).hexdigest() != data["manifest"]:
            raise ValueError("the list of evidence does not have the digest that people signed")
        about = self.requests.subject(str(data["request"]))
        for row in data["evidence"]:
            at, said = self._attached.get(row["id"], (index, {}))
            if at >= index:
                raise ValueError(f"no entry of the case attaches the {row['type']} that the review was opened on")
            if (said["type"], said["payload_digest"]) != (row["type"], row["payload_digest"]):
                raise ValueError(f"entry {at} attaches other evidence than the {row['type']} that it should be")
            if said["subject"] != about and row["type"] not in _PAPERS:
                raise ValueError(f"entry {at} attaches {row['type']} about another version than the request is about")

    def _stages(self, index: int, entry: Entry) -> None:
        """Check that a request is signed as the policy of that digest says: no stage less, no smaller quorum."""
        name = paper_name("policies", entry["data"]["policy"]["digest"], ".json")
        if name not in self.box:
            return
        with self.found.about(name, index=index):
            wanted = [_stage(stage) for stage in json.loads(self.box.read(name)).get("stages", [])]
            if wanted != [_stage(stage) for stage in entry["data"]["stages"]]:
                raise ValueError(f"entry {index} opens a request with other stages than the policy has")

    def _decisions(self) -> None:
        """Check every signature, and that each approval follows from the entries before it."""
        for index, sentence in judge(sorted(self.entries.items())):
            file = decision_name(index)
            self.found.add("decisions", sentence, index=index, file=file if file in self.box else None)
        for index, sentence in self.requests.derive():
            file = decision_name(index)
            self.found.add("decisions", sentence, index=index, file=file if file in self.box else None)
        for index, sentence, wrong in self.requests.applied():
            if wrong:
                self.found.add("decisions", sentence, index=index)
            else:
                self.found.notes.append(sentence)
        self.found.notes += self.requests.outcomes()

    def _changes(self, said: Mapping[str, Any], scope: Mapping[str, Any]) -> None:
        """Check that the changes listed are those among the entries, in the period and of the models of the case."""
        if (said["from"], said["to"], said["events"]) != (scope["from"], scope["to"], sorted(KINDS)):
            raise ValueError("it is of another period than the case, or of other events than change an alias")
        models = said["models"]
        if scope["kind"] == "promotion":
            told = self.requests.of_promotion(str(scope["name"]))
            wanted = [str(entry["data"]["model"]) for _, entry in told if entry["event"] == "promotion.requested"]
            if models != wanted[:1]:
                raise ValueError("it is of other models than the case")
        elif (models is None) != (scope["kind"] == "period"):
            raise ValueError("it is of other models than the case")
        items = population(self.entries, start=scope["from"], end=scope["to"], models=models)
        if said["items"] != items or said["count"] != len(items):
            ours, theirs = ({row["index"]: row for row in rows} for rows in (items, said["items"]))
            odd = sorted(index for index in {**ours, **theirs} if ours.get(index) != theirs.get(index))
            raise ValueError(f"entry {odd[0]} is listed otherwise than it is, or not" if odd else "miscounted")
        if self.box.read("changes.csv") != table(items):
            self.found.add("integrity", "changes.csv: it lists other changes than changes.json.", file="changes.csv")


def _stage(said: Mapping[str, Any]) -> tuple[str, list[str], int, str]:
    """Return what a policy and a request both say of a stage; unsaid, one person signs, with a password."""
    return said["name"], sorted(said["roles"]), said.get("quorum", 1), said.get("signature") or "password"
