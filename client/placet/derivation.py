"""Derive an approval from the log's entries about one request, and from nothing else. Pure: no database, no settings.

The notary signs a permit only for what this module finds, so a table that claims more than the log shows gets none.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from placet.assertions import Passkeys
from placet.canonical import canonical_json

Entry = Mapping[str, Any]
Entries = list[tuple[int, Entry]]
PERSON = "person:"
STANDING = "standing approval"
DEEPEST = 8
"""So many requests may rest on one another: a promotion on a waiver, and that on a waiver of its own, and so on."""
USED = "standing_approval.used"


def standing_digest(terms: Mapping[str, Any]) -> str:
    """Return the digest of a standing approval's terms, which people sign; that of its envelope is among them."""
    return "sha256:" + sha256(b"placet/standing-approval/v1\x00" + canonical_json(dict(terms))).hexdigest()


def waiver_digest(request: str, check: str, manifest: str) -> str:
    """Return the digest of what a waiver is about: one failed check of one request, on the evidence of one manifest."""
    said = {"request": request, "check": check, "manifest": manifest}
    return "sha256:" + sha256(b"placet/waiver/v1\x00" + canonical_json(said)).hexdigest()


class LogDisagrees(Exception):
    """The log does not show the approval that the tables claim; no permit is signed."""


@dataclass(frozen=True)
class Approved:
    """An approval as the log shows it; ``index`` is the entry that grants it."""

    request: str
    subject_name: str
    subject_digest: str
    asks_for: str
    manifest: str
    policy: Mapping[str, Any]
    valid_until: str
    use_restrictions: tuple[str, ...]
    index: int
    decision_threshold: str = ""
    waivers: Mapping[str, str] = field(default_factory=dict)
    renews: str = ""
    signers: frozenset[str] = frozenset()
    use: Mapping[str, Any] | None = None
    """The use of a standing approval that granted it, as its own entry says; None where people signed."""

    @property
    def signed(self) -> bool:
        return bool(self.signers)


def rederive(entries: Iterable[tuple[int, Entry]], request: str) -> Approved:
    """Return the approval of ``request`` that the entries show.

    Args:
        entries: (index, parsed body) of every integrated entry about the request, about the requests that grant the
            waivers which its evaluations name, about the one that it renews, about the standing approval that granted
            it with all its uses, and about passkeys, in order.

    Raises:
        LogDisagrees: a stage lacks signatures, a signer was not eligible or kept from signing, a passkey did not sign
            where it must, the verdict was not ALLOW, the subject or the manifest changed on the way, or the approval
            has lost its force; or a standing approval granted it that does not cover it.
    """
    return _rederive(list(entries), request, ())


def _rederive(known: Entries, request: str, above: tuple[str, ...]) -> Approved:
    """Derive a request on which those ``above`` rest."""
    if request in above or len(above) > DEEPEST:
        raise LogDisagrees("it rests on itself, or on more requests upon one another than anybody needs.")
    derivation, above = _read(known, request), (*above, request)
    approved = derivation.result()
    if approved.renews:
        _check_renewed(approved, _read(known, approved.renews))
    for check, waiver in sorted(approved.waivers.items()):
        _check_waiver(approved, check, _rederive(known, waiver, above))
    if approved.use is not None:
        before = [(index, entry) for index, entry in known if index < approved.index]
        check_use(approved, derivation, _rederive(before, approved.use["granted_by"], above), before)
    return approved


def still_approved(entries: Iterable[tuple[int, Entry]], request: str) -> Approved:
    """Return the approval of ``request``, if its entries approve it and each suspension was lifted as it must.

    Waivers, what it renews and standing approvals are not read again: they counted when it was approved.

    Raises:
        LogDisagrees: as ``rederive``, about the request alone.
    """
    return _read(entries, request).result()


def check_decisions(entries: Iterable[tuple[int, Entry]], request: str) -> None:
    """Check what the entries say of ``request``, whatever became of it: that whoever signed might sign.

    Raises:
        LogDisagrees: as ``rederive``; that nothing was approved is no disagreement.
    """
    _read(entries, request)


def _read(known: Iterable[tuple[int, Entry]], request: str) -> "_Derivation":
    derivation = _Derivation()
    for index, entry in known:
        if str(entry["event"]).startswith("passkey."):
            derivation.passkeys.read(index, entry)
        elif entry["data"].get("request") == request:
            derivation.read(index, entry)
    return derivation


def _check_renewed(renewal: Approved, old: "_Derivation") -> None:
    """Check that what is renewed was approved for the same subject, and kept its force or lapsed from having it."""
    approved = old.approved
    if approved is None or approved.index > renewal.index:
        raise LogDisagrees("it renews what no entry approves.")
    same = (approved.subject_name, approved.subject_digest, approved.asks_for)
    if same != (renewal.subject_name, renewal.subject_digest, renewal.asks_for):
        raise LogDisagrees("it renews the approval of something else.")
    if old.suspended or old.state not in {"approved", "lapsed", "renewed"}:
        raise LogDisagrees(f"what it renews is {'suspended' if old.suspended else old.state}.")


def _check_waiver(approved: Approved, check: str, granted: Approved) -> None:
    """Check that the request which grants a waiver is about this check on this evidence, and came first."""
    about = waiver_digest(approved.request, check, approved.manifest)
    if (granted.asks_for, granted.subject_digest) != ("waiver", about) or granted.index > approved.index:
        raise LogDisagrees(f"the waiver of {check} was not granted for this request on this evidence.")
    if granted.policy != approved.policy or not granted.signed:
        raise LogDisagrees(f"the waiver of {check} was signed by nobody, or under another policy.")


def check_use(
    approved: Approved, derivation: "_Derivation", granted: Approved, before: Iterable[tuple[int, Entry]]
) -> None:
    """Check that the standing approval which granted a request covers it, and was in force with this use left.

    Args:
        granted: the standing approval, derived from its own request as the log stood before this one was granted.

    Raises:
        LogDisagrees: the terms are not those that were signed, or do not cover the request.
    """
    use = approved.use or {}
    terms = use["terms"]
    if (granted.asks_for, granted.subject_digest) != (STANDING, standing_digest(terms)) or not granted.signed:
        raise LogDisagrees("the standing approval was signed by nobody, or on other terms.")
    if granted.policy != approved.policy or derivation.line != (terms["model"], terms["alias"]):
        raise LogDisagrees("the standing approval is for another model, alias or policy.")
    if min(granted.valid_until, str(terms["until"])) <= derivation.approved_at:
        raise LogDisagrees("the standing approval had ended.")
    if granted.signers & {*derivation.excluded, derivation.requester.removeprefix(PERSON)}:
        raise LogDisagrees("one who signed the standing approval had a part in this version.")
    uses = [
        entry["data"]["number"]
        for _, entry in before
        if entry["event"] == USED and entry["data"]["granted_by"] == use["granted_by"]
    ]
    if uses != list(range(1, len(uses) + 1)) or use["number"] != len(uses) or use["number"] > terms["max_uses"]:
        raise LogDisagrees("the standing approval had no use left.")


@dataclass
class _Derivation:
    """Reads entries in order and keeps what has been said so far; ``signed`` holds the places signed in, by stage."""

    opened: Mapping[str, Any] | None = None
    requester: str = ""
    manifest: str = ""
    verdict: str = ""
    excluded: set[str] = field(default_factory=set)
    signed: dict[str, set[str]] = field(default_factory=dict)
    signers: set[str] = field(default_factory=set)
    approved: Approved | None = None
    state: str = ""
    suspended: bool = False
    threshold: str | None = None
    change_class: str = ""
    waivers: Mapping[str, str] = field(default_factory=dict)
    passkeys: Passkeys = field(default_factory=Passkeys)
    opened_at: int = -1
    suspended_at: int = -1
    line: tuple[str, str] = ("", "")
    decided: bool = False
    use: Mapping[str, Any] | None = None
    approved_at: str = ""

    def read(self, index: int, entry: Entry) -> None:
        readers: dict[str, Callable[[int, Entry], None]] = {
            "approval.opened": self._open,
            "promotion.requested": self._ask,
            "promotion.restated": self._restate,
            "approval.review_opened": self._open_review,
            "approval.evaluated": self._evaluate,
            "approval.decided": self._decide,
            USED: self._use,
            "approval.approved": self._approve,
            "approval.state_changed": self._change,
        }
        reader = readers.get(entry["event"])
        if reader is None:
            return
        if self.opened is None and reader != self._open:
            raise LogDisagrees(f"entry {index} speaks of a request that was never opened.")
        reader(index, entry)

    def result(self) -> Approved:
        if self.approved is None:
            raise LogDisagrees("no entry approves it.")
        if self.state != "approved":
            raise LogDisagrees(f"the approval is {self.state}.")
        return replace(self.approved, decision_threshold=self.threshold or "")

    def _open(self, index: int, entry: Entry) -> None:
        if self.opened is not None:
            raise LogDisagrees(f"entry {index} opens the request a second time.")
        self.opened, self.requester, self.opened_at = entry["data"], str(entry["actor"]), index

    def _ask(self, index: int, entry: Entry) -> None:
        """Read what the version is to serve with; it is asked for once, with the request."""
        if self.threshold is not None or entry["data"]["digest"] != self._said()["subject"]["digest"]:
            raise LogDisagrees(f"entry {index} asks for another version than the request is about.")
        self.threshold = str(entry["data"]["decision_threshold"])
        self.change_class = str(entry["data"].get("change_class", ""))
        self.line = (str(entry["data"]["model"]), str(entry["data"]["alias"]))

    def _restate(self, index: int, entry: Entry) -> None:
        """Read another change class, stated in answer to requested changes; nobody has signed on it yet."""
        if self.state != "changes_requested":
            raise LogDisagrees(f"entry {index} states another change class while people decide.")
        self.change_class = str(entry["data"]["change_class"])

    def _open_review(self, index: int, entry: Entry) -> None:
        data = entry["data"]
        self.manifest, self.verdict, self.approved = data["manifest"], data["verdict"], None
        self.signed, self.signers, self.waivers = {}, set(), data.get("waivers", {})
        self.excluded = {*self._said()["excluded"], *data["excluded"]}

    def _evaluate(self, index: int, entry: Entry) -> None:
        if entry["data"]["manifest"] != self.manifest:
            raise LogDisagrees(f"entry {index} evaluates other evidence than the review was opened on.")
        self.verdict, self.waivers = entry["data"]["verdict"], entry["data"].get("waivers", {})

    def _decide(self, index: int, entry: Entry) -> None:
        opened, data, actor = self._said(), entry["data"], str(entry["actor"])
        self.decided = True
        if data["verdict"] != "approve":
            return
        person = actor.removeprefix(PERSON)
        stage = next((row for row in opened["stages"] if row["name"] == data["stage"]), None)
        place = data.get("on_behalf_of", person)
        if stage is None or not actor.startswith(PERSON) or place not in stage["eligible"]:
            raise LogDisagrees(f"the signer of entry {index} was not eligible for stage {data['stage']}.")
        if place != person and stage.get("delegates", {}).get(person) != place:
            raise LogDisagrees(f"the signer of entry {index} stands for nobody in stage {data['stage']}.")
        if {person, place} & self.excluded or self.requester in {actor, PERSON + place}:
            raise LogDisagrees(f"the signer of entry {index} was kept from signing by separation of duties.")
        if person in self.signers or any(place in places for places in self.signed.values()):
            raise LogDisagrees(f"the signer of entry {index} signed before.")
        if data["manifest"] != self.manifest or data["subject"] != opened["subject"]:
            raise LogDisagrees(f"entry {index} signs other evidence or another subject.")
        if "validator" in stage["roles"] and data.get("change_class", "") != self.change_class:
            raise LogDisagrees(f"entry {index} does not confirm the change class that was stated.")
        if stage.get("signature") == "passkey":
            self._check_passkey(index, entry, since=self.opened_at)
        self.signers.add(person)
        self.signed.setdefault(data["stage"], set()).add(place)

    def _check_passkey(self, index: int, entry: Entry, *, since: int, asked: str = "request") -> None:
        if entry["data"].get("signature", {}).get("kind") != "passkey":
            raise LogDisagrees(f"entry {index} signs with no passkey, which its stage asks for.")
        if wrong := next(self.passkeys.problems(entry, since=since, asked=asked), None):
            raise LogDisagrees(f"entry {index} {wrong}.")

    def _approve(self, index: int, entry: Entry) -> None:
        opened, data = self._said(), entry["data"]
        for name in ("subject", "asks_for", "policy"):
            if data[name] != opened[name]:
                raise LogDisagrees(f"the {name} that entry {index} approves is not the one that was asked for.")
        if data["manifest"] != self.manifest:
            raise LogDisagrees(f"entry {index} approves on other evidence than the review was opened on.")
        if self.verdict != "ALLOW":
            raise LogDisagrees(f"the last verdict before entry {index} was {self.verdict or 'never given'}.")
        if "standing" in data:
            self._check_used(index, data["standing"])
        else:
            self.use = None
        for stage in opened["stages"] if self.use is None else ():
            if len(self.signed.get(stage["name"], ())) < stage["quorum"]:
                raise LogDisagrees(f"stage {stage['name']} has too few signatures.")
        self.approved_at = str(entry["at"])
        self.state = "approved"
        self.approved = Approved(
            request=data["request"],
            subject_name=data["subject"]["name"],
            subject_digest=data["subject"]["digest"],
            asks_for=data["asks_for"],
            manifest=self.manifest,
            policy=data["policy"],
            valid_until=data["valid_until"],
            use_restrictions=tuple(data["use_restrictions"]),
            index=index,
            waivers=dict(self.waivers),
            signers=frozenset(self.signers.union(*self.signed.values())),
            use=self.use,
            renews=str(opened.get("renews", "")),
        )

    def _use(self, index: int, entry: Entry) -> None:
        self.use = entry["data"]

    def _check_used(self, index: int, named: Mapping[str, Any]) -> None:
        """Check that the entry before said the same, with every condition met, of a request that nobody decided on."""
        use = self.use
        if use is None or {name: use[name] for name in ("standing", "granted_by", "number")} != dict(named):
            raise LogDisagrees(f"entry {index} names a use of a standing approval that no entry shows.")
        if use["manifest"] != self.manifest or not use["conditions"] or not all(use["conditions"].values()):
            raise LogDisagrees(f"entry {index} rests on a standing approval, and is outside it.")
        if self.decided or self.change_class != "pre-determined":
            raise LogDisagrees(f"entry {index} rests on a standing approval where people were to decide.")

    def _change(self, index: int, entry: Entry) -> None:
        data, was = entry["data"], self.state
        self.state = str(data["to"])
        if was == "suspended" and self.state == "approved":
            self._check_lifted(index, entry)
        if self.state == "suspended":
            self.suspended_at = index
        if self.state in {"approved", "suspended"}:  # a lapse keeps what it was: it lifts no suspension
            self.suspended = self.state == "suspended"

    def _check_lifted(self, index: int, entry: Entry) -> None:
        """Check that whoever gave it its force back had no part in it, and signed as those did who approved it."""
        actor = str(entry["actor"])
        if not actor.startswith(PERSON) or actor == self.requester or actor.removeprefix(PERSON) in self.excluded:
            raise LogDisagrees(f"the signer of entry {index} was kept from lifting the suspension.")
        if any(stage.get("signature") == "passkey" for stage in self._said()["stages"]):
            self._check_passkey(index, entry, since=self.suspended_at, asked="suspension")

    def _said(self) -> Mapping[str, Any]:
        if self.opened is None:
            raise LogDisagrees("the request was never opened.")
        return self.opened
