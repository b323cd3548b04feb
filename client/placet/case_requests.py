"""What became of each request in a case: derived from its entries alone, by the rules by which the notary signs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from placet.derivation import USED, Approved, LogDisagrees, check_decisions, rederive

Entry = Mapping[str, Any]
_REPLAYED = ("approval.", "promotion.", "standing_approval.")
_OPENED = "approval.opened"
_OF_A_REQUEST = frozenset({_OPENED, "approval.approved", "approval.decided", "approval.state_changed"})
"""Events that a case may hold only with the whole of their request; others can be about a neighbour."""


class Requests:
    """The requests in a case, by id.

    Attributes:
        granted: each approval that follows from the entries before it, by the index of the entry that grants it.
    """

    def __init__(self, entries: Mapping[int, Entry]) -> None:
        self.granted: dict[int, Approved] = {}
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

    def _derive(self, request: str, told: Iterable[tuple[int, Entry]]) -> None:
        about = self._about(request)
        check_decisions(about, request)
        for index, entry in told:
            if entry["event"] == "approval.approved":
                self.granted[index] = rederive([row for row in about if row[0] <= index], request)

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
