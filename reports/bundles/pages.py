"""The pages of a bundle: what happened, in order, each row with its entry and its files; without script or network."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string

from governance.audit.export import Head
from governance.audit.selectors import LogEntry
from placet.case_files import INDEX, entry_name, papers_of, policy_digests
from registry.models import PromotionRequest
from registry.reviewing.trail import said
from reports.bundles.gathering import Gathered

Row = dict[str, Any]
Load = Callable[[], bytes]
_WORDS = ("rationale", "statement", "words", "text", "reason", "note", "why", "description", "title")


def add(
    files: dict[str, Load],
    found: Gathered,
    head: Head,
    *,
    about: str,
    words: Mapping[int, Mapping[str, Any]],
    left_out: Mapping[str, str],
) -> None:
    """Add ``index.html``, and a page for each promotion where there is more than one story to tell.

    Args:
        files: those that the pages may link to; the pages join them.
        words: erasable texts by index.
        left_out: read when the page is drawn.
    """
    named = _Story(found, words, frozenset(files))
    base: Row = {"about": about, "head": head, "start": found.start, "end": found.end}
    if found.models is not None and len(found.promotions) == 1:
        only = found.promotions[0]
        rows = named.rows(found.entries)
        files[INDEX] = _drawn(base | {"promotion": _promotion(only), "rows": rows, "left_out": left_out})
        return
    told: set[int] = set()
    cases = []
    for promotion in found.promotions:
        own = named.of(promotion)
        told |= own
        name = f"requests/{promotion}.html"
        files[name] = _drawn(base | {"promotion": _promotion(promotion), "rows": named.rows(sorted(own)), "up": "../"})
        cases.append(_promotion(promotion) | {"page": name, "entries": len(own)})
    rest = named.rows(sorted(found.entries.keys() - told))
    files[INDEX] = _drawn(base | {"cases": cases, "rows": rest, "left_out": left_out})


def _drawn(context: Row) -> Load:
    def draw() -> bytes:
        style = (Path(__file__).parent / "case.css").read_text()
        return render_to_string("reports/case/page.html", {"style": style, "up": ""} | context).encode()

    return draw


def _promotion(row: PromotionRequest) -> Row:
    version = row.version
    return {
        "name": str(row),
        "model": str(version.model),
        "version": version.number,
        "alias": row.alias,
        "digest": version.artifact_digest,
        "policy": str(row.approval.policy_version),
    }


class _Story:
    """The rows of the pages, from the log's entries and from nothing else: so no page says what no entry holds."""

    def __init__(self, found: Gathered, words: Mapping[int, Mapping[str, Any]], files: frozenset[str]) -> None:
        self.found, self.words, self.files = found, words, files
        self._requests: dict[str, set[int]] = {}
        self._roles: dict[str, dict[str, str]] = {}
        for index, entry in found.entries.items():
            data = entry.parsed["data"]
            if request := data.get("request"):
                self._requests.setdefault(str(request), set()).add(index)
            if entry.event == "approval.opened":
                self._roles[str(request)] = {
                    stage["name"]: " or ".join(stage["roles"]).replace("_", " ") for stage in data["stages"]
                }

    def of(self, promotion: PromotionRequest) -> set[int]:
        """Return the entries of one promotion: about its request, its change of the alias, and its evidence."""
        own = set(self._requests.get(str(promotion.approval_id), ()))
        manifest = {
            row["payload_digest"]
            for index in own
            if (entry := self.found.entries[index]).event == "approval.review_opened"
            for row in entry.parsed["data"]["evidence"]
        }
        digest = promotion.version.artifact_digest
        for index, entry in self.found.entries.items():
            data = entry.parsed["data"]
            attached = entry.event == "evidence.attached" and (
                data["payload_digest"] in manifest or data["subject"]["digest"] == digest
            )
            if attached or data.get("promotion") == promotion.number:
                own.add(index)
        return own

    def rows(self, indexes: Any) -> list[Row]:
        """Return entries as rows, in the order of the log."""
        return [self._row(index, self.found.entries[index]) for index in indexes]

    def _row(self, index: int, entry: LogEntry) -> Row:
        body = entry.parsed
        data, words = body["data"], self.words.get(index, {})
        name = words.get("approver") or words.get("reviewer") or words.get("name") or ""
        return {
            "index": index,
            "at": body["at"][:19].replace("T", " "),
            "what": _what(entry.event, data),
            "kind": entry.event.partition(".")[0],
            "who": str(name),
            "actor": body["actor"],
            "role": self._roles.get(str(data.get("request")), {}).get(str(data.get("stage")), ""),
            "words": next((str(words[key]) for key in _WORDS if words.get(key)), ""),
            "files": self._links(index, body),
            "entry": entry_name(index),
        }

    def _links(self, index: int, body: Mapping[str, Any]) -> list[Row]:
        names = [*papers_of(body)]
        names += [f"policies/{digest[7:]}.txt" for digest in sorted(policy_digests(body))]
        names += [f"decisions/{index:012}.json"]
        return [{"name": name, "said": _said(name)} for name in names if name in self.files]


def _what(event: str, data: Mapping[str, Any]) -> str:
    try:
        return _of_document(event, data) or said(event, data)
    except (KeyError, TypeError, ValueError):
        return event.replace(".", " ").replace("_", " ")


def _of_document(event: str, data: Mapping[str, Any]) -> str:
    """Say what an entry about a document records, and which version the document is about; empty for other entries."""
    if event == "document.built":
        subject = data["subject"]
        about = f"version {subject['name']}" if subject else "no version"
        return f"made the document {data['kind']}, about {about}"
    if event == "document.signed":
        return f"signed the statement of the document {data['kind']}"
    if event == "document.time_stamped":
        return f"gave a document its time-stamp {data['number']}, which ends on {data['ends_at'][:10]}"
    return ""


def _said(name: str) -> str:
    folder, _, rest = name.partition("/")
    kinds = {"documents": "document", "policies": "policy", "permits": "permit", "decisions": "decision"}
    kind = kinds.get(folder, "file" if "files/" in rest else folder)
    if rest.endswith(".tst"):
        return "time-stamp"
    return f"signed {kind}" if rest.endswith(".dsse.json") else f"{kind} ({rest.rpartition('.')[2] or 'file'})"
