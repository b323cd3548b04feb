"""What became of each request in a case: derived from its entries alone, by the rules by which the notary signs."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from placet.derivation import USED, Approved, LogDisagrees, check_decisions, rederive, still_approved
from placet.permits import Permit
from placet.verify import parse_time

Entry = Mapping[str, Any]
_REPLAYED = ("approval.", "promotion.", "standing_approval.")
_OPENED = "approval.opened"
_OF_A_REQUEST = frozenset({_OPENED, "approval.approved", "approval.decided", "approval.state_changed"})
"""Events that a case may hold only with the whole of their request; others can be about a neighbour."""


_FORMATS = {"approval.decided": "placet-decision/1", "approval.state_changed": "placet-lifting/1"}
_PUT = frozenset({"promotion.applied", "alias_change.done"})


class Requests:
    """The requests in a case, by id.

    Attributes:
        granted: each approval that follows from the entries before it, by the index of the entry that grants it.
    """

    def __init__(self, entries: Mapping[int, Entry]) -> None:
        self.entries, self.granted = entries, dict[int, Approved]()
        self._of: dict[str, list[tuple[int, Entry]]] = {}
        self._passkeys: dict[str, list[tuple[int, Entry]]] = {}
        self._uses: dict[str, list[tuple[int, Entry]]] = {}
        self._unnamed: list[int] = []
        for index, entry in sorted(entries.items()):
            data, event = entry["data"], str(entry["event"])
            if event.startswith("passkey."):
                self._passkeys.setdefault(str(data.get("passkey")), []).append((index, entry))
            elif isinstance(request := data.get("request"), str) and event.startswith(_REPLAYED):
                self._of.setdefault(request, []).append((index, entry))
            elif event in _OF_A_REQUEST:
                self._unnamed.append(index)
            if event == USED:
                self._uses.setdefault(str(data.get("granted_by")), []).append((index, entry))

    def derive(self) -> Iterator[tuple[int, str]]:
        """Derive each approval, and yield what does not follow: the index of an entry, and a sentence."""
        for index in self._unnamed:
            yield index, f"Entry {index} names no request."
        for request, told in self._of.items():
            first = next((index for index, entry in told if entry["event"] in _OF_A_REQUEST), None)
            if first is None:
                continue
            try:
                self._derive(request, told)
            except LogDisagrees as wrong:
                yield first, f"The request {request}: {wrong}"
            except (KeyError, TypeError, ValueError, AttributeError):
                yield first, f"The request {request} does not have the fields of its events."
        yield from self._statements()

    def _statements(self) -> Iterator[tuple[int, str]]:
        """Hold what people signed against the log as it stood then, beyond what its own entry repeats of it."""
        seen = set[str]()
        for told in self._of.values():
            opened, rounds, checked = dict[str, Any](), 0, dict[str, Any]()
            for index, entry in told:
                data, event = entry["data"], entry["event"]
                if event == _OPENED:
                    opened = data
                elif event in {"approval.review_opened", "approval.evaluated"}:
                    rounds, checked = rounds + (event == "approval.review_opened"), data
                elif event in _FORMATS and "statement" in data:
                    try:
                        said = json.loads(data["statement"])
                        if wrong := _differs(said, event, opened, rounds, checked):
                            yield index, f"Entry {index}: what was signed says another {wrong} than the log."
                        if said["nonce"] in seen:
                            yield index, f"Entry {index} tells a second time of what was signed once."
                        seen.add(said["nonce"])
                    except (KeyError, TypeError, ValueError, AttributeError):
                        yield index, f"Entry {index}: what was signed is no statement of Placet's."

    def _derive(self, request: str, told: Iterable[tuple[int, Entry]]) -> None:
        about = self._about(request)
        check_decisions(about, request)
        for index, entry in told:
            if entry["event"] == "approval.approved":
                self.granted[index] = rederive([row for row in about if row[0] <= index], request)

    def subject(self, request: str) -> Mapping[str, Any]:
        """Return what a request is about: ``name`` and ``digest``. Raises ValueError where none of that id is here."""
        for _, entry in self._of.get(request, ()):
            if entry["event"] == _OPENED:
                return dict(entry["data"]["subject"])
        raise ValueError(f"the request {request} was never opened")

    def of_promotion(self, name: str) -> list[tuple[int, Entry]]:
        """Return the entries about a promotion's request by its name, such as ``PR-12``, in order.

        Raises:
            ValueError: no entry here asks for it, or opens its request.
        """
        for request, told in self._of.items():
            if name in {_promotion(entry) for _, entry in told} - {""}:
                self.subject(request)
                return told
        raise ValueError(f"it is about {name[:100]}, and no entry in it asks for that")

    def outcomes(self) -> Iterator[str]:
        """Say in a line each what became of the requests in the case, as far as its entries tell."""
        for request, told in self._of.items():
            opened = next((entry["data"] for _, entry in told if entry["event"] == _OPENED), None)
            if opened is None:
                continue
            name = next(filter(None, (_promotion(entry) for _, entry in told)), f"Request {request}")
            moves = []
            for index, entry in told:
                if entry["event"] == "approval.approved":
                    until = str(entry["data"].get("valid_until"))[:10]
                    wrong = "" if index in self.granted else ", which does not follow from the entries before it"
                    moves.append(f"approved until {until} (entry {index}{wrong})")
                elif entry["event"] == "approval.state_changed":
                    moves.append(f"{str(entry['data'].get('to')).replace('_', ' ')} (entry {index})")
            if not any(entry["event"] == "approval.approved" for _, entry in told):
                moves.append("never approved")
            subject = opened.get("subject", {})
            yield f"{name}, {opened.get('asks_for')} for {subject.get('name')}: {', then '.join(moves)}."

    def applied(self) -> Iterator[tuple[int, str, bool]]:
        """Yield each change of an alias that rests on no approval in force: entry, sentence, and whether that is wrong.

        Not wrong is one whose request is another case's: then the case does not show that it was approved.
        """
        for index, entry in sorted(self.entries.items()):
            if entry["event"] != "promotion.applied":
                continue
            request = entry["data"].get("request")
            told = self._of.get(request, []) if isinstance(request, str) else []
            if not any(other["event"] == _OPENED for _, other in told):
                sentence = f"Entry {index} applies what was approved elsewhere, if at all: its request is not here."
                yield index, sentence, False
                continue
            try:
                self._check_applied(index, entry["data"])
            except LogDisagrees as wrong:
                yield index, f"Entry {index} applies what was not approved then: {wrong}", True
            except (KeyError, TypeError, ValueError, AttributeError):
                yield index, f"Entry {index} does not have the fields of its event.", True

    def _check_applied(self, index: int, data: Mapping[str, Any]) -> None:
        before = [row for row in self._about(data["request"]) if row[0] < index]
        approved = still_approved(before, data["request"])
        if approved.index not in self.granted or approved.subject_digest != data["digest"]:
            raise LogDisagrees("its approval does not follow from the entries, or is of other bytes.")
        if approved.asks_for != f"alias {data['alias']}":
            raise LogDisagrees("another alias was approved.")

    def check_permit(self, issued: Permit, index: int, said: Mapping[str, Any]) -> None:
        """Hold a permit against what it rests on: an approval, a person who broke the glass, or what went live.

        Args:
            index: of the entry that tells of the permit; ``said`` is its data.
        Raises:
            ValueError: with what does not fit.
        """
        at = int(issued.log["index"])
        ground = self.entries.get(at)
        if ground is None:
            raise ValueError(f"the entry that it rests on ({at}) is not in the case")
        if at >= index:
            raise ValueError(f"the entry that it rests on ({at}) is younger than the permit")
        if "request" in said and said["request"] != issued.approval:
            raise ValueError("it is for another request than its entry says")
        kind = issued.kind, issued.basis, ground["event"]
        if kind == ("serve", "approval", "approval.approved"):
            self._check_serving(issued, at, index, said, ground["data"])
        elif kind == ("serve", "break-glass", "alias_change.asked"):
            self._check_broken_glass(issued, said, ground)
        elif issued.kind in {"rollback", "stop"} and ground["event"] in _PUT:
            self._check_standby(issued, said, ground["data"])
        else:
            raise ValueError(f"it rests on an entry that permits no such thing ({ground['event']})")

    def _check_serving(
        self, issued: Permit, at: int, index: int, said: Mapping[str, Any], ground: Mapping[str, Any]
    ) -> None:
        approved = self.granted.get(at)
        if approved is None:
            raise ValueError("the approval that it rests on does not follow from the entries before it")
        if said.get("request") != approved.request:
            raise ValueError("it is for another request than its entry says")
        _same_words(issued, approved)
        about = said["subject"]["name"], said["subject"]["digest"], f"alias {issued.alias}"
        if about != (approved.subject_name, approved.subject_digest, approved.asks_for):
            raise ValueError("it is for another version or alias than was approved")
        if issued.expires_at != parse_time(ground["serves_until"]):
            raise ValueError("it holds for another time than was approved")
        try:
            still_approved([row for row in self._about(approved.request) if row[0] < index], approved.request)
        except LogDisagrees as wrong:
            raise ValueError(f"it was signed for what was in force no more: {wrong}") from None

    def _check_broken_glass(self, issued: Permit, said: Mapping[str, Any], ground: Entry) -> None:
        data = ground["data"]
        if data["kind"] != "break_glass" or not ground["actor"].startswith("person:"):
            raise ValueError("no person broke the glass for it")
        asked = data["change"], data["alias"], data["digest"], str(data["version"])
        if asked != (said.get("change"), issued.alias, issued.artifact_digest, issued.version):
            raise ValueError("it is for something else than the glass was broken for")
        if issued.policy or issued.evidence_manifest:
            raise ValueError("it names evidence or a policy, and nobody approved it")

    def _check_standby(self, issued: Permit, said: Mapping[str, Any], put: Mapping[str, Any]) -> None:
        if (put["change"], put["alias"]) != (said.get("change"), issued.alias):
            raise ValueError("it is about another change of an alias than the one that it would undo")
        if str((issued.replaces or {}).get("version")) != str(put["version"]):
            raise ValueError("it would replace another version than the change put there")
        before = [row for row in self.granted.values() if row.request == issued.approval]
        if issued.kind == "rollback" and before:  # else it leads back to what this case is not about
            _same_words(issued, before[-1])
            if issued.artifact_digest != before[-1].subject_digest:
                raise ValueError("it leads back to other bytes than were approved")

    def _about(self, request: str) -> list[tuple[int, Entry]]:
        """Return the entries about a request and about all that it rests on, in order."""
        rows, waiting, known = dict[int, Entry](), [request], {request}
        while waiting:
            for index, entry in (*self._of.get(one := waiting.pop(), ()), *self._uses.get(one, ())):
                rows[index] = entry
                if entry["data"]["request"] != one:
                    continue  # another request's use of this standing approval: it is counted, and that is all
                named = {str(other) for other in _rests_on(entry["data"])}
                waiting += sorted(named - known)
                known |= named
                rows |= dict(self._passkeys.get(str(entry["data"].get("signature", {}).get("passkey")), ()))
        return sorted(rows.items())


def _rests_on(data: Mapping[str, Any]) -> Iterator[Any]:
    yield from data.get("waivers", {}).values()
    yield from (data[name] for name in ("renews", "granted_by") if name in data)


def _same_words(issued: Permit, approved: Approved) -> None:
    """Check that a permit says of its approval what the approval says of itself."""
    policy = {**approved.policy, "version": str(approved.policy["version"])}
    ours = issued.approval, issued.artifact_digest, issued.evidence_manifest, dict(issued.policy)
    if ours != (approved.request, approved.subject_digest, approved.manifest, policy):
        raise ValueError("it names other bytes, evidence or another policy than were approved")
    threshold = issued.statement["predicate"].get("decision_threshold", "")
    if (issued.use_restrictions, threshold) != (approved.use_restrictions, approved.decision_threshold):
        raise ValueError("it names other restrictions or another threshold than were approved")


def _differs(
    said: Mapping[str, Any], event: str, opened: Mapping[str, Any], rounds: int, checked: Mapping[str, Any]
) -> str:
    """Return what a signed statement says otherwise than the log does; empty where nothing."""
    checks = said["checks"]
    pairs = {
        "format": (said["format"], _FORMATS[event]),
        "request": (said["request"], opened.get("request")),
        "subject": (said["subject"], opened.get("subject")),
        "alias or act": (said["asks_for"], opened.get("asks_for")),
        "policy": (said["policy"], opened.get("policy")),
        "round": (said["round"], rounds),
        "manifest": (said["manifest"], checked.get("manifest")),
        "verdict": (checks["outcome"], checked.get("verdict")),
        "outcome of a check": (checks["each"], checked.get("checks")),
    }
    return next((name for name, (ours, theirs) in pairs.items() if ours != theirs), "")


def _promotion(entry: Entry) -> str:
    """Return the name of the promotion that an entry asks for; empty for any other entry."""
    return f"PR-{entry['data'].get('promotion')}" if entry["event"] == "promotion.requested" else ""
