"""Permits that lie ready for the day when Placet is away, signed by the real notary, and what comes of their use."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from governance.accounts.services import link_external_identity
from governance.approvals import services as approvals
from governance.approvals.models import Finding
from governance.audit.actors import System
from governance.audit.models import Entry
from governance.audit.notary import Notary
from governance.common import clock
from placet.notes import encode_vkey
from placet.permits import InvalidPermit, verify
from placet.permits import Permit as Said
from registry import gate, interventions, offline, permits, selectors, standby
from registry.models import AliasChange, AliasHistory, Permit, PromotionRequest
from tests.factories import fresh, record_applied
from tests.roles import as_role

LOG_KEY, PERMIT_KEY = (Ed25519PrivateKey.from_private_bytes(byte * 32) for byte in (b"\1", b"\2"))


@pytest.fixture
def notary(tmp_path):
    """The real one, in its own role: a round, and the look after what should lie ready."""
    folders = tmp_path / "state", tmp_path / "anchors"
    for folder in folders:
        folder.mkdir()
    real = Notary(settings.LOG_ORIGIN, LOG_KEY, PERMIT_KEY, *folders)

    def round_() -> None:
        with as_role("notary"):
            real.round()
            real.round()
            standby.issue_due(real)

    return round_


@pytest.fixture
def cast(committed_cast):
    """Owner, officer and engineer have names in MLflow."""
    people = {"owner": committed_cast.owner, "officer": committed_cast.officer, "ml-engineer": committed_cast.engineer}
    for name, person in people.items():
        link_external_identity(person=person, provider="mlflow", subject=name, linked_by=None)
    return committed_cast


@pytest.fixture
def two(cast, notary):
    """Version 1 was live and version 2 is."""
    made = []
    for number in (1, 2):
        promotion = cast.approved(number=number)
        notary()
        record_applied(promotion.pk)
        made.append(fresh(promotion))
    notary()
    return made


def verified(permit, **expected) -> Said:
    vkey = encode_vkey("placet/permit", PERMIT_KEY.public_key())
    return verify(permit.envelope, [vkey], **expected)


def lies_ready(cast, kind):
    return standby.ready(selectors.live(cast.model, "champion"), kind)


def used(permit, **changes):
    """Tell the gate what the plugin did on a permit while Placet was away."""
    detail = {"alias": "champion", "permit_digest": permit.digest, "outcome": "done", "journal_id": str(uuid.uuid4())}
    return gate.decide(
        identity={"username": "owner", "source": "basic-auth"},
        action="permit.used",
        subject={"name": "the model", "version": "1"},
        detail=detail | {"used_at": clock.rfc3339(clock.now())} | changes,
        grant=None,
    )


def test_a_rollback_and_a_stop_lie_ready_for_who_may_do_them(cast, two):
    back, stop = (verified(lies_ready(cast, kind)) for kind in ("rollback", "stop"))
    live = two[1].version
    replaces = {"version": "2", "created_at_ms": live.mlflow_created_at_ms}
    assert (back.kind, back.version, back.artifact_digest) == ("rollback", "1", two[0].version.artifact_digest)
    assert (stop.kind, stop.version, stop.artifact_digest) == ("stop", "2", live.artifact_digest)
    assert back.replaces == stop.replaces == replaces
    assert back.holders == ("ml-engineer", "officer", "owner")
    assert stop.holders == ("officer", "owner"), "an engineer stops nothing"


def test_the_first_version_has_nothing_to_go_back_to(cast, notary):
    promotion = cast.approved()
    notary()
    record_applied(promotion.pk)
    notary()
    assert lies_ready(cast, "rollback") is None
    assert lies_ready(cast, "stop") is not None


def test_they_are_signed_once_and_anew_when_other_people_may(cast, two, notary):
    before = Permit.objects.count()
    notary()
    assert Permit.objects.count() == before
    link_external_identity(person=cast.validator, provider="mlflow", subject="validator", linked_by=None)
    notary()
    assert Permit.objects.count() == before, "a validator may do neither"
    from governance.accounts.roles import Role
    from tests.factories import given

    given(cast.validator, Role.OWNER)
    notary()
    assert "validator" in verified(lies_ready(cast, "stop")).holders


def test_what_lost_its_approval_gets_no_permit_to_go_back(cast, two, notary, monkeypatch):
    held = lies_ready(cast, "rollback")
    assert standby.withdrawn() == []
    approvals.revoke(request_id=two[0].approval_id, reason="Its data were wrong.", actor=System("test"))
    assert standby.withdrawn() == [held.digest], "which the plugin is told, since whoever copied it has it still"
    later = clock.now() + timedelta(days=25)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert lies_ready(cast, "rollback") is None, "nor is the one shown that was signed before"
    before = Permit.objects.filter(kind="rollback").count()
    notary()
    assert Permit.objects.filter(kind="rollback").count() == before
    later = held.expires_at
    assert standby.withdrawn() == [], "it opens nothing by itself"


def test_they_end(cast, two):
    permit = lies_ready(cast, "rollback")
    assert standby.LIFE - timedelta(seconds=9) < permit.expires_at - permit.issued_at <= standby.LIFE
    with pytest.raises(InvalidPermit, match="expired"):
        verified(permit, now=permit.expires_at)


def test_what_was_done_offline_is_history_with_its_person_and_moment(cast, two):
    permit, moment = lies_ready(cast, "rollback"), clock.now()
    assert used(permit, used_at=clock.rfc3339(moment)).verdict == "ALLOW"
    change = AliasChange.objects.get(kind="rollback")
    span = selectors.live(cast.model, "champion")
    assert (span.version, span.opened_by, change.asked_by) == (two[0].version, change, cast.owner)
    assert abs(span.during.lower - moment) < timedelta(milliseconds=1)
    assert fresh(two[1]).state == PromotionRequest.State.ROLLED_BACK


def test_a_stop_done_offline_leaves_nothing_live(cast, two):
    used(lies_ready(cast, "stop"))
    assert selectors.live(cast.model, "champion") is None


def test_a_stop_done_offline_is_reviewed_by_somebody_else(cast, two):
    used(lies_ready(cast, "stop"))
    review = Finding.objects.get(code="stop-review")
    assert (review.severity, review.owner, review.request_id) == ("high", cast.owner, two[1].approval_id)
    assert str(AliasChange.objects.get(kind="stop")) in review.title


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("It refuses\0 everybody.\n\ud800", "It refuses everybody."),
        ("x" * 5000, "x" * (1000 - len(offline.HOW) - 1)),
        ("", ""),
        (None, ""),
        (["no", "text"], ""),
    ],
    ids=["unprintable", "long", "empty", "none", "a list"],
)
def test_why_it_was_done_is_kept_as_far_as_it_is_text(cast, two, sent, kept):
    used(lies_ready(cast, "rollback"), reason=sent)
    assert AliasChange.objects.get(kind="rollback").reason == f"{kept} {offline.HOW}".strip()


@pytest.mark.parametrize("changes", [{"outcome": "failed"}, {"outcome": "unknown"}, {"alias": "canary"}])
def test_whoever_used_a_permit_is_in_the_log_whatever_became_of_it(cast, two, changes):
    permit = lies_ready(cast, "rollback")
    used(permit, **changes)
    (entry,) = [said for said in map(json.loads, Entry.objects.values_list("body", flat=True)) if is_a_use(said)]
    assert (entry["event"], entry["actor"]) == ("gate.allowed", cast.owner.actor_id)
    assert entry["data"]["permit"] == permit.digest


def is_a_use(said):
    return said["data"].get("action") == "permit.used"


def test_a_use_told_twice_counts_once(cast, two):
    permit, journal_id = lies_ready(cast, "rollback"), str(uuid.uuid4())
    for _ in range(3):
        used(permit, journal_id=journal_id)
    assert AliasChange.objects.filter(kind="rollback").count() == 1
    assert not Finding.objects.filter(code="permit-misused").exists()


@pytest.mark.parametrize(
    "changes", [{"permit_digest": "sha256:" + "0" * 64}, {"alias": "canary"}], ids=["unknown permit", "another alias"]
)
def test_what_does_not_fit_is_a_finding_and_no_history(cast, two, changes):
    spans = AliasHistory.objects.count()
    used(lies_ready(cast, "rollback"), **changes)
    assert AliasHistory.objects.count() == spans
    assert Finding.objects.get(code="permit-misused").severity == "critical"


def test_a_use_of_which_nobody_knows_whether_it_was_done_is_a_finding(cast, two):
    used(lies_ready(cast, "rollback"), outcome="unknown")
    assert selectors.live(cast.model, "champion").version == two[1].version
    assert "is not known" in Finding.objects.get(code="permit-misused").title


def test_a_use_that_failed_changes_nothing(cast, two):
    used(lies_ready(cast, "rollback"), outcome="failed")
    assert selectors.live(cast.model, "champion").version == two[1].version


def test_a_broken_glass_has_a_short_permit_that_says_what_it_is(cast, two, notary):
    change = interventions.break_glass(
        model=cast.model.name, version=1, alias="champion", person=cast.owner, reason="Version 2 refuses everybody."
    )
    notary()
    permit = Permit.objects.get(change=change, kind="serve")
    said = verified(permit)
    assert (said.basis, said.version, said.approval) == ("break-glass", "1", str(change.pk))
    assert permit.expires_at == change.asked_at + permits.BROKEN_GLASS_FOR
