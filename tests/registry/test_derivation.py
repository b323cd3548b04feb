"""The notary's own reading of the log: a permit only where the entries really show an approval."""

import copy
from typing import Any

import pytest

from placet.derivation import LogDisagrees, rederive

REQUEST = "b6f0e2f6-0f0c-4a53-8c8e-6f3f6a3b2f11"
SUBJECT = {"name": "credit-risk/2", "digest": "sha256:" + "a" * 64}
POLICY = {"name": "credit-high-risk", "version": 1, "digest": "sha256:" + "b" * 64}
MANIFEST = "sha256:" + "c" * 64
STAGES = [
    {"name": "validation", "roles": ["validator"], "quorum": 1, "requires": None, "eligible": ["validator"]},
    {"name": "risk", "roles": ["risk_officer"], "quorum": 2, "requires": None, "eligible": ["risk-1", "risk-2"]},
]
Entry = dict[str, Any]


def said(event: str, actor: str, **data: Any) -> Entry:
    at = "2026-11-22T18:00:00.000000Z"
    return {"event": event, "at": at, "actor": actor, "data": {"request": REQUEST, **data}}


def decided(person: str, stage: str, verdict: str = "approve") -> Entry:
    return said(
        "approval.decided", f"person:{person}", subject=SUBJECT, stage=stage, verdict=verdict, manifest=MANIFEST
    )


def an_approval() -> list[Entry]:
    return [
        said(
            "approval.opened",
            "person:engineer",
            subject=SUBJECT,
            asks_for="alias champion",
            policy=POLICY,
            stages=STAGES,
            excluded=["engineer", "owner"],
        ),
        said("approval.review_opened", "system:placet", manifest=MANIFEST, verdict="HOLD", excluded=[]),
        said("approval.evaluated", "person:validator", manifest=MANIFEST, verdict="ALLOW"),
        decided("validator", "validation"),
        decided("risk-1", "risk"),
        decided("risk-2", "risk"),
        said(
            "approval.approved",
            "person:risk-2",
            subject=SUBJECT,
            asks_for="alias champion",
            policy=POLICY,
            manifest=MANIFEST,
            valid_until="2027-05-22T18:00:00.000000Z",
            use_restrictions=[],
        ),
    ]


def derived(entries: list[Entry]) -> Any:
    return rederive(list(enumerate(entries)), REQUEST)


def test_an_approval_is_derived_from_its_entries():
    found = derived(an_approval())
    assert (found.subject_digest, found.manifest, found.index) == (SUBJECT["digest"], MANIFEST, 6)


def without(index: int) -> list[Entry]:
    entries = an_approval()
    del entries[index]
    return entries


def changed(index: int, **data: Any) -> list[Entry]:
    entries = copy.deepcopy(an_approval())
    actor = data.pop("actor", None)
    entries[index]["data"].update(data)
    if actor:
        entries[index]["actor"] = actor
    return entries


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([], "no entry approves"),
        (without(0), "never opened"),
        (without(2), "verdict"),
        (without(3), "too few signatures"),
        (without(5), "too few signatures"),
        (without(6), "no entry approves"),
        (changed(5, actor="person:risk-1"), "signed before"),
        (changed(5, actor="person:stranger"), "not eligible"),
        (changed(3, actor="service:validator"), "not eligible"),
        (changed(0, excluded=["validator"]), "separation of duties"),
        (changed(4, manifest="sha256:" + "d" * 64), "other evidence"),
        (changed(4, subject={**SUBJECT, "digest": "sha256:" + "e" * 64}), "another subject"),
        (changed(6, subject={**SUBJECT, "digest": "sha256:" + "e" * 64}), "subject"),
        (changed(6, asks_for="alias canary"), "asks_for"),
        (changed(6, policy={**POLICY, "version": 2}), "policy"),
        (changed(2, verdict="BLOCK"), "BLOCK"),
        (changed(4, verdict="reject"), "too few signatures"),
        (
            [*an_approval(), said("approval.state_changed", "system:x", **{"from": "approved", "to": "revoked"})],
            "revoked",
        ),
        ([*an_approval()[:6], an_approval()[0], an_approval()[6]], "second time"),
    ],
)
def test_whatever_the_log_does_not_show_gets_no_permit(entries, why):
    with pytest.raises(LogDisagrees, match=why):
        derived(entries)


def lent(stage: int = 1, **delegates: str) -> list[Entry]:
    """The same approval with stand-ins: who may sign for whom in a stage."""
    entries = copy.deepcopy(an_approval())
    entries[0]["data"]["stages"][stage]["delegates"] = delegates
    return entries


def signed_for(entries: list[Entry], index: int, person: str, place: str) -> list[Entry]:
    entries[index]["actor"] = f"person:{person}"
    entries[index]["data"]["on_behalf_of"] = place
    return entries


def test_a_delegate_counts_in_the_place_of_the_delegator():
    assert derived(signed_for(lent(guest="risk-2"), 5, "guest", "risk-2")).index == 6


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (signed_for(lent(guest="risk-1"), 5, "guest", "risk-1"), "signed before"),  # risk-1 signed in their own place
        (signed_for(lent(guest="risk-2"), 5, "guest", "risk-1"), "stands for nobody"),
        (signed_for(lent(guest="risk-2"), 5, "stranger", "risk-2"), "stands for nobody"),
        (signed_for(an_approval(), 5, "guest", "risk-2"), "stands for nobody"),
        (signed_for(lent(guest="boss"), 5, "guest", "boss"), "not eligible"),  # the place is none in this stage
        (signed_for(signed_for(lent(guest="risk-2"), 4, "guest", "risk-2"), 5, "risk-2", "risk-2"), "signed before"),
        (
            signed_for(signed_for(lent(guest="risk-2"), 4, "guest", "risk-2"), 5, "guest", "risk-2"),
            "signed before",
        ),
    ],
)
def test_a_delegate_and_whom_they_stand_for_count_once(entries, why):
    with pytest.raises(LogDisagrees, match=why):
        derived(entries)


@pytest.mark.parametrize("excluded", ["guest", "risk-2"])
def test_a_delegation_carries_no_one_past_separation_of_duties(excluded):
    entries = signed_for(lent(guest="risk-2"), 5, "guest", "risk-2")
    entries[1]["data"]["excluded"] = [excluded]
    with pytest.raises(LogDisagrees, match="separation of duties"):
        derived(entries)
    entries[1]["data"]["excluded"] = []
    entries[0]["actor"] = f"person:{excluded}"
    with pytest.raises(LogDisagrees, match="separation of duties"):
        derived(entries)


def confirmed(stated: str, said: str | None, *before: Entry) -> list[Entry]:
    opened, *rest = copy.deepcopy(an_approval())
    if said is not None:
        rest[2]["data"]["change_class"] = said
    asking = said_of_class(stated)
    return [opened, asking, *before, *rest]


def said_of_class(stated: str) -> Entry:
    entry = asked()
    entry["data"]["change_class"] = stated
    return entry


def test_the_change_class_that_was_stated_is_the_one_that_the_validation_stage_confirmed():
    assert derived(confirmed("substantial", "substantial")).index == 7
    for said_there in ("non-substantial", "", None):
        with pytest.raises(LogDisagrees, match="change class"):
            derived(confirmed("substantial", said_there))
    back = said("approval.state_changed", "person:validator", to="changes_requested")
    again = said("promotion.restated", "person:engineer", change_class="substantial")
    assert derived(confirmed("non-substantial", "substantial", back, again)).index == 9
    with pytest.raises(LogDisagrees, match="while people decide"):
        derived(confirmed("non-substantial", "substantial", again))


def test_a_lifted_suspension_gives_the_approval_back():
    entries = an_approval()
    entries += [
        said("approval.state_changed", "system:x", to="suspended"),
        said("approval.state_changed", "person:r", to="approved"),
    ]
    assert derived(entries).index == 6


def test_entries_about_other_requests_do_not_count():
    entries = an_approval()
    entries[5]["data"]["request"] = "another"
    with pytest.raises(LogDisagrees, match="too few"):
        derived(entries)


def asked(digest: str = SUBJECT["digest"], threshold: str = "0.3") -> Entry:
    return said(
        "promotion.requested",
        "person:engineer",
        model="credit-risk",
        alias="champion",
        digest=digest,
        decision_threshold=threshold,
    )


def test_the_decision_threshold_is_the_one_that_was_asked_for_with_the_request():
    opened, *rest = an_approval()
    assert derived([opened, asked(), *rest]).decision_threshold == "0.3"
    assert derived([opened, *rest]).decision_threshold == ""
    for entries in ([opened, asked(), asked(threshold="0.9"), *rest], [opened, asked(digest="sha256:0"), *rest]):
        with pytest.raises(LogDisagrees, match="another version"):
            derived(entries)
