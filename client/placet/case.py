"""Verify a case offline: the papers of one promotion, AI system or period, and the log's entries that name them.

Everything is held against the log: each file against the manifest, the manifest and each entry against a checkpoint
that a trusted key signed, and each paper, decision and permit against the entry that names it. ``placet.verify`` does
the cryptography; what the papers say is in ``placet.case_contents``.
"""

import os
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from placet.case_contents import Contents, Row
from placet.case_files import FORMAT, HEAD, INDEX, KEYS, MANIFEST, README, SCOPES, SEAL, entry_name, payload_name
from placet.trust import Trust, parse_trust
from placet.verify import (
    EMPTY_ROOT,
    MAX_MEMBER,
    Checkpoint,
    Finding,
    InvalidProof,
    InvalidTrust,
    Report,
    Verdict,
    add_member,
    commitment,
    decode64,
    leaf_hash,
    load_canonical,
    open_receipt,
    parse_checkpoint,
    parse_entry,
    parse_time,
    verify_consistency,
    verify_inclusion,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*){0,3}")
_ANCHORED = re.compile(r"log/anchored/([0-9]{20})\.(note|json|tsr)")
_MOST = 100  # findings of one kind that are listed
_CHOSEN = "A case holds chosen entries; that no other entry speaks of it, only the bundle of the whole log shows."
_SERVERS = (
    "coverage.json and the words of the pages say what the server told at the time: the log names their digests and "
    "not their words. The pages of a PDF were not read: only drawing them again shows that they print its snapshot."
)


class Case(NamedTuple):
    """What a case shows: the report, as of a bundle, and for each kind of paper how many are there and fit."""

    report: Report
    rows: tuple[Row, ...]
    scope: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the whole as JSON-ready values."""
        papers = [row._asdict() for row in self.rows]
        return self.report.to_dict() | {"format": FORMAT, "scope": dict(self.scope), "papers": papers}


def is_case(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is meant to be a case: it keeps a part of the log in a folder, where a bundle has all."""
    with suppress(OSError, ValueError, zipfile.BadZipFile, NotImplementedError), zipfile.ZipFile(path) as box:
        return any(name.startswith("log/") for name in box.namelist())
    return False


class Members:
    """The members of a zip as Placet writes it: stored, so that their bytes stand in the file as they are."""

    def __init__(self, path: Path) -> None:
        self.path, self.digests = path, dict[str, str]()
        self._places: dict[str, tuple[int, int]] = {}

    def open(self) -> None:
        """Write the zip anew from its members and hold it against the file: no byte may stand beside what is read.

        Raises:
            ValueError: a name that no file of a case has, a member that is packed or too large, or a file that was
                cut, changed or packed by something else.
        """
        with zipfile.ZipFile(self.path) as old:
            infos = old.infolist()
        if sum(member.file_size for member in infos) >= self.path.stat().st_size:
            raise ValueError("its members are larger than the file")
        for member in infos:
            if not _NAME.fullmatch(member.filename) or member.file_size > MAX_MEMBER:
                raise ValueError(f"{member.filename[:200]!r} is no member of a case, or too large for one")
            self._places[member.filename] = member.header_offset + 30 + len(member.filename), member.file_size
        with tempfile.TemporaryFile() as anew, self.path.open("rb") as file:
            with zipfile.ZipFile(anew, "w") as new:
                for name in self._places:
                    self.digests[name] = add_member(new, name, self.read(name))
            anew.seek(0)
            while (ours := anew.read(1 << 16)) == (theirs := file.read(1 << 16)) and ours:
                pass
            if ours != theirs:
                at = file.tell()
                raise ValueError(f"before byte {at} it is not as Placet writes it: cut, changed or repacked")

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def under(self, folder: str) -> list[str]:
        """Return the names in a folder, those below it included."""
        return [name for name in self._places if name.startswith(f"{folder}/")]

    def read(self, name: str) -> bytes:
        """Return a member's bytes, none for one that is not there."""
        offset, size = self._places.get(name, (0, 0))
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)


class Findings:
    """What is wrong, up to a hundred of each kind; hostile bytes give findings and never an exception."""

    def __init__(self) -> None:
        self.listed, self.notes, self.counts = list[Finding](), list[str](), Counter[str]()

    def add(self, part: str, message: str, *, file: str | None = None, index: int | None = None) -> None:
        """Note that something is wrong with ``part``: integrity, completeness, anchoring or decisions."""
        self.counts[part] += 1
        if self.counts[part] == _MOST + 1:
            self.notes.append(f"There is more about {part} than is listed.")
        elif self.counts[part] <= _MOST:
            self.listed.append(Finding(part, message, index, file=file))

    @contextmanager
    def about(self, file: str, part: str = "integrity", index: int | None = None) -> Iterator[None]:
        """Make whatever goes wrong inside a finding about a file."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 whatever hostile bytes lead to is a finding
            self.add(part, f"{file}: {error}", file=file, index=index)


class _Check:
    """One verification; its methods run in the order in which they stand."""

    def __init__(self, path: Path, trust: Trust) -> None:
        self.box, self.trust, self.found = Members(path), trust, Findings()
        self.head, self.note, self.later = Checkpoint("", 0, EMPTY_ROOT), b"", Checkpoint("", 0, EMPTY_ROOT)
        self.entries, self.manifest, self.anchored = dict[int, Any](), dict[str, Any](), 0

    def read_head(self) -> None:
        self.note = self.box.read(HEAD)
        self.head = parse_checkpoint(self.note, self.trust.logs)

    def read_manifest(self) -> None:
        """Check that the log itself signed the manifest, by an entry behind those here, and what it lists."""
        text, head = self.box.read(MANIFEST), self.head
        with self.found.about(SEAL):
            index, proof, note, extra = open_receipt(self.box.read(SEAL))
            later, said = parse_checkpoint(note, self.trust.logs), parse_entry(extra or b"")
            if note.partition(b"\n\n")[2].count(b"\n") != 1:  # nothing else holds these bytes: whoever adds a line
                raise InvalidProof("Its checkpoint has another signature beside the log's own.")
            verify_inclusion(index, later.size, leaf_hash(extra or b""), proof, later.root)
            facts = later.origin, said["log"], said["event"], index >= head.size
            if facts != (head.origin, head.origin, "bundle.exported", True):
                raise InvalidProof("This is not the log's entry about a manifest.")
            self.later = later
            if said["data"].get("manifest") != f"sha256:{sha256(text).hexdigest()}":
                self.found.add("integrity", f"{MANIFEST}: it is not the one that the log names.", file=MANIFEST)
        manifest = load_canonical(text)
        about = tuple(manifest[key] for key in ("format", "origin", "size", "root"))
        if about != (FORMAT, head.origin, head.size, f"sha256:{head.root.hex()}"):
            raise ValueError("is not about this checkpoint")
        if manifest["scope"]["kind"] not in SCOPES or not all(why for _, why in manifest["left_out"]):
            raise ValueError("does not say what it is about, or why something is left out")
        parse_time(manifest["created_at"])
        listed, here = dict(manifest["files"]), dict([*self.box.digests.items()][:-2])
        for name in sorted(name for name in {**listed, **here} if listed.get(name) != here.get(name)):
            self.found.add("integrity", f"{name[:200]!r} is missing, or not as the manifest lists it.", file=name[:200])
        if [*self.box] != [*sorted(here), MANIFEST, SEAL] or (listed == here and [*listed] != sorted(here)):
            raise ValueError("the members stand in another order")
        for needed in (README, INDEX, "coverage.json", "changes.json", "changes.csv"):
            if needed not in here:
                raise ValueError(f"{needed} is not among the files")
        self.manifest = manifest

    def read_entries(self) -> None:
        """Check each entry's proof under the checkpoint, and the erasable text beside it."""
        for name in sorted(self.box.under("log/entries")):
            with self.found.about(name):
                index, proof, note, extra = open_receipt(self.box.read(name))
                if name != entry_name(index) or note != self.note or extra is None:
                    raise InvalidProof("it is another entry's, under another checkpoint, or without the entry's bytes")
                verify_inclusion(index, self.head.size, leaf_hash(extra), proof, self.head.root)
                entry = parse_entry(extra)
                self.entries[index] = entry
        logs = self._logs()
        for index, entry in [*self.entries.items()]:
            first, stop = logs.get(entry["log"], (0, 0))
            if not first <= index < stop:
                del self.entries[index]
                self.found.add("integrity", f"{entry_name(index)}: it belongs to another log", file=entry_name(index))
        for name in self.box.under("log/payloads"):
            with self.found.about(name):
                index = int(name.rpartition("/")[2].removesuffix(".json"))
                salt, text = load_canonical(self.box.read(name))
                if name != payload_name(index) or index not in self.entries:
                    raise ValueError("the entry that it belongs to is not here")
                if commitment(decode64(salt), text.encode()) != self.entries[index]["payload"]:
                    raise ValueError("the entry does not commit to this text")

    def _logs(self) -> dict[str, tuple[int, int]]:
        """Return where the entries of each log stand: entry 0 may fork one, whose entry 0 is now entry 1, and so on."""
        logs, at, stop = {self.head.origin: (0, self.head.size)}, 0, self.head.size
        while (entry := self.entries.get(at, {})).get("event") == "log.forked":
            with self.found.about(entry_name(at)):
                kept = entry["data"]["kept"]
                if type(kept) is not int or kept < 0:
                    raise ValueError("it forks a log and does not say how many entries it keeps")
                at, stop = at + 1, min(stop, at + 1 + kept)
                logs.setdefault(str(entry["data"]["previous"]["origin"]), (at, stop))
                continue
            break
        return logs

    def read_anchors(self, outside: Sequence[bytes], vouched: Callable[[bytes], str]) -> None:
        """Hold the checkpoints that were published, and those from outside, against the one that all is under."""
        inside = [name for name in self.box.under("log/anchored") if name.endswith(".note")]
        notes = [("integrity", HEAD, self.note)] + [("integrity", name, self.box.read(name)) for name in inside]
        notes += [("anchoring", f"Checkpoint {n} from outside", note) for n, note in enumerate(outside, start=1)]
        by = ""
        for part, name, note in notes:
            with self.found.about(name, part):
                seen = parse_checkpoint(note, self.trust.logs)
                if name in inside and name != f"log/anchored/{seen.size:020}.note":
                    raise ValueError("it is named like another size")
                reached = self._reached(seen)
                if not reached and part == "integrity":
                    raise InvalidProof("no proof beside it says that the log grew from there")
                who = "in the checkpoint that you brought" if part == "anchoring" else vouched(note)
                if not reached:
                    self._unconnected(name, seen)
                elif who and reached > self.anchored:
                    self.anchored, by = reached, who
        if by:
            self.found.notes.append(f"Seen outside up to entry {self.anchored - 1}, {by}.")
            if beyond := sum(index >= self.anchored for index in self.entries):
                self.found.notes.append(f"{beyond} entries of the case stand behind that.")

    def read_the_rest(self) -> None:
        """Check that no file stands where no entry names one; a time stamp is for ``openssl ts -verify``."""
        asked = [entry["data"] for entry in self.entries.values() if entry["event"] == "promotion.requested"]
        pages = {f"requests/PR-{data.get('promotion')}.html" for data in asked}
        for name in (name for name in self.box if name.startswith(("log/", "keys/", "requests/"))):
            if name in {HEAD, *KEYS, *pages} or name.startswith(("log/entries/", "log/payloads/")):
                continue
            with self.found.about(name):
                if not (steps := _ANCHORED.fullmatch(name)):
                    raise ValueError("is no member of a case")
                if steps[2] == "json":
                    self._grown(int(steps[1]), self.box.read(name))
                elif steps[2] == "tsr" and f"log/anchored/{steps[1]}.note" not in self.box:
                    raise ValueError("is a time stamp over a checkpoint that is not here")

    def _grown(self, size: int, steps: bytes) -> None:
        """Check that what should be a proof could be one; only with a checkpoint of that size it proves something."""
        if not 0 < size <= self.head.size or any(len(decode64(step)) != 32 for step in load_canonical(steps)):
            raise ValueError("is no proof that the log grew to the checkpoint of the case")

    def _unconnected(self, name: str, seen: Checkpoint) -> None:
        self.found.notes.append(
            f"{name}: no proof in the case leads from its {seen.size} entries to the {self.head.size} of the case. "
            "Ask for the case anew with that size."
        )

    def _reached(self, seen: Checkpoint) -> int:
        """Return how many entries a checkpoint vouches for; 0 when nothing here connects it with the case.

        That under which the log names the manifest connects nothing: no proof leads to it from the case's own, so it
        may be of a history that the log shows to others.

        Raises:
            ValueError: it is another log's, or signs another history.
        """
        if seen.origin != self.head.origin:
            raise ValueError(f"it is of the log {seen.origin}, the case of {self.head.origin}")
        for known in (self.head, self.later):
            if seen.size == known.size and seen.root != known.root:
                raise InvalidProof(f"it signs another history of the first {seen.size} entries")
        if seen.size == self.head.size:
            return seen.size
        steps = f"log/anchored/{seen.size:020}.json"
        if seen.size > self.head.size or steps not in self.box:
            return 0
        proof = [decode64(step) for step in load_canonical(self.box.read(steps))]
        verify_consistency(seen.size, self.head.size, seen.root, self.head.root, proof)
        return seen.size


def verify_case(
    path: str | os.PathLike[str],
    *,
    trust: str | bytes | os.PathLike[str],
    checkpoints: Sequence[str | bytes | os.PathLike[str]] = (),
) -> Case:
    """Check a case against the keys you trust and the checkpoints you kept; a hostile one gives findings.

    Args:
        trust: the trust file, as text or path; its permit keys and witnesses count too.
        checkpoints: signed notes that you got from elsewhere, as text or path.
    Raises:
        InvalidTrust: the trust file cannot be read.
        OSError: the case or a checkpoint cannot be read.
    """
    known = parse_trust(_given(trust).decode())
    if not known.logs:
        raise InvalidTrust("The trust file lists no log key: it needs at least one line 'log <vkey>'.")
    outside = [_given(note) for note in checkpoints]
    Path(path).open("rb").close()
    check, found = _Check(Path(path), known), None
    contents = Contents(check.box, check.entries, known, check.found)
    with check.found.about("The file"):
        check.box.open()
    with check.found.about(HEAD):
        check.read_head()
        with check.found.about(MANIFEST):
            check.read_manifest()
        check.read_entries()
        check.read_anchors(outside, known.vouched)
        check.read_the_rest()
        found = contents.check(check.manifest)
    return _reported(check, found or (), contents.untold)


def _reported(check: _Check, rows: tuple[Row, ...], untold: bool) -> Case:
    counts, notes = check.found.counts, check.found.notes
    scope = check.manifest.get("scope", {})
    whole = not counts["integrity"] and not untold
    asked = {"integrity": True, "completeness": whole, "anchoring": not counts["integrity"] and check.anchored > 0}
    verdicts = {
        part: Verdict("fails" if counts[part] else "holds" if shown else "not shown") for part, shown in asked.items()
    }
    head = check.head
    report = Report(
        **verdicts,
        findings=tuple(check.found.listed),
        notes=(*notes, _CHOSEN, _SERVERS),
        origin=head.origin,
        size=head.size,
        root=f"sha256:{head.root.hex()}",
        anchored=check.anchored,
    )
    return Case(report, rows, scope)


def _given(source: str | bytes | os.PathLike[str]) -> bytes:
    text = isinstance(source, str) and ("\n" in source or source.startswith("log "))  # and no path to one
    return str(source).encode() if text else source if isinstance(source, bytes) else Path(source).read_bytes()


def said(case: Case) -> str:
    """Return what a case is about in a line."""
    name, first, last = (str(case.scope.get(key) or "") for key in ("name", "from", "to"))
    period = f", {first[:10]} to {last[:10]}" if first and last else ""
    return f"{case.scope.get('kind', 'unknown')} {name}{period}" if case.scope else "unknown"
