"""Write cases: the papers of one promotion, AI system or period in one zip, which ``placet.case`` checks.

The same papers under the same checkpoint give the same bytes, but for the last member: the log's word about the rest.
"""

import json
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from placet.canonical import canonical_json
from placet.digests import hex_of
from placet.verify import MAX_MEMBER, InvalidProof, add_member, open_receipt, parse_entry

FORMAT = "placet-case/1"
MANIFEST, SEAL, HEAD, README, INDEX = (
    "manifest.json",
    "manifest.tlog-proof",
    "log/checkpoint.note",
    "README.txt",
    "index.html",
)
SCOPES = ("promotion", "system", "period")
KEYS = ("keys/README.txt", "keys/policy.txt")
STATEMENT, DOCUMENT, PAYLOAD = "statement.dsse.json", "document.pdf", "payload.json"
"""Names of files of evidence that have a place of their own: a signed statement, a paper, a payload as it was sent."""

README_TEXT = """Placet case (placet-case/1)

The papers of a promotion, an AI system or a period. Begin with index.html: it opens in any browser, without a network.

Check it on any machine, with no account:

    pip install "placet[cli]"
    placet verify case.zip --policy policy.txt --checkpoint a-checkpoint-you-kept.note

policy.txt holds the public keys that you trust. Get it from somewhere else than this file: keys/ is for comparison.

index.html, requests/  what happened, in order; each row names its entry in the log
documents/             papers as they were made or handed in (.pdf), what each was made from (.json), and time-stamps
                       that it was given later (.tst, RFC 3161), by SHA-256
evidence/              what was measured or stated, by the SHA-256 that the log names; *.dsse.json are signed statements
decisions/             who decided what, with the text that was signed and the signature, by index of the log's entry
credentials/           public keys of the passkeys that signed
policies/              policies that requests were held against: to read (.txt), and in the form that has the digest
permits/               what the notary signed (DSSE), by digest
coverage.json          who watched MLflow meanwhile, with gaps, and what nobody can know
changes.json, .csv     every change of a protected alias meanwhile, and every attempt
keys/                  the public keys that this Placet names; trust none because it stands here
log/checkpoint.note    the signed checkpoint that everything here is under
log/entries/           each entry about this case: its exact bytes and its proof (C2SP tlog-proof), by index
log/payloads/          words and names beside an entry that could be erased: [salt, text]
log/anchored/          checkpoints that were published outside, time stamps (RFC 3161), and proofs that the log grew
manifest.json          what this file says about itself: the digest of every file above, and what is left out and why
manifest.tlog-proof    the log's own entry that names the manifest's digest, with its proof: so the manifest is signed

It holds chosen entries. That no other entry speaks of the case, only the bundle of the whole log shows.
"""


class BrokenCase(ValueError):
    """The papers do not make a case; nothing is written."""


def entry_name(index: int) -> str:
    """Return where the receipt of an entry stands."""
    return f"log/entries/{index:012}.tlog-proof"


def payload_name(index: int) -> str:
    """Return where the erasable text of an entry stands."""
    return f"log/payloads/{index:012}.json"


def decision_name(index: int) -> str:
    """Return where the decision that an entry holds stands."""
    return f"decisions/{index:012}.json"


def credential_name(passkey: str) -> str:
    """Return where the public key of a passkey stands."""
    return f"credentials/{sha256(passkey.encode()).hexdigest()[:32]}.json"


def paper_name(folder: str, digest: str, ending: str = "") -> str:
    """Return where the bytes of a digest stand. Raises ValueError when it is none."""
    return f"{folder}/{hex_of(digest)}{ending}"


def decision_copy(index: int, entry: Mapping[str, Any]) -> bytes:
    """Return a decision as a file: what its entry says, so that it can be read without opening a receipt."""
    return canonical_json({"index": index, "at": entry["at"], "approver": entry["actor"], **entry["data"]})


def credential_copy(index: int, entry: Mapping[str, Any]) -> bytes:
    """Return a passkey's public half as a file: what the entry that enrols it says."""
    return canonical_json({"index": index, "at": entry["at"], **entry["data"]})


def policy_copy(canonical: bytes) -> bytes:
    """Return a policy to read, from the form that has the digest: the text that it was written in, nothing holds."""
    return json.dumps(json.loads(canonical), indent=2, ensure_ascii=False).encode() + b"\n"


def policy_digests(entry: Mapping[str, Any]) -> set[str]:
    """Return the digests of the policies that an entry about a request or a policy names."""
    data = entry["data"]
    if entry["event"] in {"approval.opened", "approval.approved"}:
        return {str(data["policy"]["digest"])}
    return {str(data["digest"])} if entry["event"] in {"policy.drafted", "policy.published"} else set()


def papers_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the files that an entry names by digest: where each stands in a case, and its digest."""
    data, event = entry["data"], entry["event"]
    if event in {"document.built", "document.signed"}:  # of the second, the draft that its signatory read
        return _named(("documents", data["pdf"], ".pdf"), ("documents", data["snapshot"], ".json"))
    if event == "document.time_stamped":
        return _named(("documents", data["token"], ".tst"))
    if event == "document.submitted":
        return _named(("documents", data["file"], ".pdf"))
    if event == "validation.report_uploaded":
        return _named(("documents", data["report"], ".pdf"))
    if event == "permit.issued":
        return _named(("permits", data["permit"], ".json"))
    if event == "evidence.attached":
        files = [_file_of_evidence(name, digest) for name, digest in data["files"].items()]
        return _named(("evidence", data["payload_digest"], ".json"), *files)
    named = [("policies", digest, ".json") for digest in sorted(policy_digests(entry))]
    return _named(*named)


def _file_of_evidence(name: str, digest: str) -> tuple[str, str, str]:
    places = {
        STATEMENT: ("evidence", ".dsse.json"),
        PAYLOAD: ("evidence", ".json"),
        DOCUMENT: ("documents", ".pdf"),
    }
    folder, ending = places.get(name, ("evidence/files", ""))
    return folder, digest, ending


def _named(*places: tuple[str, str, str]) -> dict[str, str]:
    return {paper_name(folder, digest, ending): digest for folder, digest, ending in places}


def write_case(
    path: str | os.PathLike[str],
    *,
    origin: str,
    size: int,
    root: bytes,
    scope: Mapping[str, Any],
    created_at: str,
    members: Iterable[tuple[str, bytes]],
    left_out: Callable[[], Mapping[str, str]],
    seal: Callable[[bytes], bytes],
) -> Path:
    """Write a case, all or nothing: a failure leaves no file and keeps an older one. One member is in memory at a time.

    Args:
        path: where to write; the folder must exist.
        origin, size, root: what the checkpoint among the members says.
        scope: what it is about: ``kind`` (one of ``SCOPES``), ``name``, ``from`` and ``to``.
        created_at: as ``2026-11-23T18:00:00.123456Z``; the checkpoint's time, as the clock's would differ each time.
        members: name and bytes of every file, in the order of their names.
        left_out: asked once all members are written: what is named and not here, and why.
        seal: given the manifest's bytes, appends an entry ``bundle.exported`` with ``data.manifest`` = their digest to
            the log, and returns its receipt with the entry as extra data.
    Raises:
        BrokenCase: the members are out of order, one is too large, or the receipt is not of an entry about this
            manifest.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("xb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                files: list[list[str]] = []
                for name, data in members:
                    if len(data) > MAX_MEMBER or (files and name <= files[-1][0]):
                        raise BrokenCase(f"{name} is larger than {MAX_MEMBER >> 20} MiB, or out of order.")
                    files.append([name, add_member(archive, name, data)])
                missing = [[name, why] for name, why in sorted(left_out().items())]
                about = {"format": FORMAT, "origin": origin, "size": size, "root": "sha256:" + root.hex()}
                rest = {"scope": dict(scope), "created_at": created_at, "left_out": missing, "files": files}
                manifest = canonical_json(about | rest)
                add_member(archive, MANIFEST, manifest)
                add_member(archive, SEAL, _checked_seal(seal(manifest), manifest, size))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _checked_seal(receipt: bytes, manifest: bytes, size: int) -> bytes:
    """Return the receipt if its entry names this manifest. Its proof is for the reader of the case to check."""
    try:
        index, _, _, extra = open_receipt(receipt)
        entry = parse_entry(extra or b"")
    except (InvalidProof, ValueError) as error:
        raise BrokenCase(f"The manifest's receipt cannot be used: {error}") from None
    digest = "sha256:" + sha256(manifest).hexdigest()
    if index < size or (entry["event"], entry["data"].get("manifest")) != ("bundle.exported", digest):
        raise BrokenCase("The receipt is not of an entry 'bundle.exported' about this manifest, behind those in it.")
    return receipt
