"""A modified system: its signed class is open again until it is proposed anew and a second person signs."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.urls import reverse

from governance.accounts.roles import Role
from governance.approvals import waivers
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.inventory import modifying, retiring, selectors, services
from governance.inventory.errors import ClassReopened, ProposalOvertaken, SystemRetired
from governance.inventory.models import AISystem, Modification
from governance.policy.selectors import effective, governing
from monitoring.incidents.selectors import route_of
from registry import promotions, protected, refusals
from registry.errors import SystemProhibited, SystemUnclassified
from reports.facts import Facts
from tests.factories import REASON, a_system, a_user, fresh
from tests.reports.factories import Bank, a_declared_system, a_proposal

WHAT = "Another model takes the place of the scorecard."
PURPOSE = "Scores applications of small firms for credit, as an aid to a credit officer."
HOSTILE = "<script>alert(1)</script> in twenty characters"


@pytest.fixture
def bank(db, settings, tmp_path) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    return Bank()


def modified(system, by=None, **said):
    said = {"kind": "substantial", "what": WHAT} | said
    return modifying.declare_modification(ai_system=system, by=by or system.owner, **said)


def signed_anew(system):
    proposal = a_proposal(system, system.owner)
    return services.sign_classification(classification_id=proposal.pk, signer=a_user(Role.VALIDATOR))


def now(system) -> AISystem:
    return AISystem.objects.select_related("owner").get(pk=system.pk)


def test_a_modification_opens_the_class_again_until_a_second_person_signs_anew(db):
    system = a_system()
    row = modified(system, a_user(Role.RISK_OFFICER))
    assert (row.number, str(row), row.class_before, row.purpose_before) == (1, "M-1", "high", "")
    after = now(system)
    assert (after.class_reopened_at, after.ai_act_class, after.model_tier) == (row.declared_at, "high", 1)
    assert row.log_entry == after.log_entry
    entry = log.entry_by_id(row.log_entry)
    assert entry.parsed["event"] == "system.modified"
    assert {"kind": "substantial", "reopens": "high", "purpose_changed": False}.items() <= entry.parsed["data"].items()
    assert WHAT.encode() not in entry.body
    assert "propose the classification anew" in selectors.why_open_again(after)
    signed_anew(system)
    assert now(system).class_reopened_at is None
    assert selectors.why_open_again(now(system)) == ""
    assert modified(system).number == 2


def test_a_changed_purpose_is_the_systems_and_the_one_before_is_kept(db):
    system = a_system()
    for purpose in (None, "", system.purpose, f"  {system.purpose}\r\n"):
        with pytest.raises(InvalidInput, match="as it is from now on"):
            modified(system, kind="purpose", purpose=purpose)
    with pytest.raises(InvalidInput, match="at least 30"):
        modified(system, kind="purpose", purpose="Scores firms.")
    row = modified(system, kind="purpose", purpose=PURPOSE)
    assert (now(system).purpose, row.purpose_before) == (PURPOSE, system.purpose)
    assert modified(now(system), purpose=PURPOSE).purpose_before == ""


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"kind": "small"}, "kind is one of"),
        ({"what": "Another."}, "at least 20"),
        ({"what": "x" * 8001}, "at most 8,000"),
        ({"what": WHAT + "\x00"}, "NUL"),
        ({"purpose": PURPOSE + "\x00"}, "NUL"),
    ],
)
def test_what_does_not_fit_is_refused_and_opens_nothing(db, said, says):
    system = a_system()
    with pytest.raises(InvalidInput, match=says):
        modified(system, **said)
    assert now(system).class_reopened_at is None


def test_who_has_no_part_in_the_system_declares_nothing_and_a_retired_one_stays(db):
    system = a_system()
    for by in (a_user(), a_user(Role.AUDITOR), a_user(Role.ENGINEER, sponsor=system.owner)):
        with pytest.raises(Forbidden):
            modified(system, by)
    retiring.retire_system(ai_system=system, by=system.owner, reason=REASON)
    with pytest.raises(SystemRetired):
        modified(system)


def test_a_modified_system_can_be_retired(db):
    system = a_system()
    modified(system)
    assert retiring.retire_system(ai_system=system, by=system.owner, reason=REASON).state == "retired"


def test_what_was_proposed_before_cannot_be_signed(db):
    system, validator = a_declared_system(a_user(Role.OWNER)), a_user(Role.VALIDATOR)
    proposal = a_proposal(system, system.owner)
    row = modified(system)
    assert (row.class_before, now(system).class_reopened_at) == ("", None)
    with pytest.raises(ProposalOvertaken, match="withdraw the proposal"):
        services.sign_classification(classification_id=proposal.pk, signer=validator)
    services.withdraw_classification(classification_id=proposal.pk, by=system.owner)
    signed_anew(system)
    assert now(system).ai_act_class == "high"


def test_nothing_is_promoted_while_the_class_is_open_and_what_serves_stays(bank):
    live, approved, held = bank.live(), bank.approved(number=2), bank.reviewed(number=3, ratio=0.6, half=0.05)
    before = refusals.may_go_back(live)
    assert "open again" not in refusals.may_apply(approved)
    modified(bank.system)
    with pytest.raises(SystemUnclassified, match="was modified on"):
        bank.promotion(number=4)
    assert "its class is open again" in refusals.may_apply(fresh(approved))
    with pytest.raises(ClassReopened):
        waivers.request_waiver(
            request_id=held.approval_id,
            check_id=next(row["id"] for row in held.approval.verdict["checks"] if row["outcome"] == "fail"),
            requester=bank.engineer,
            reason=REASON,
            expires_at=clock.now() + timedelta(days=20),
        )
    assert refusals.may_go_back(fresh(live)) == before
    assert fresh(live).state == "applied"
    signed_anew(bank.system)
    assert "open again" not in refusals.may_apply(fresh(approved))
    assert bank.promotion(number=5).state == "requested"


def test_the_gate_and_the_laws_clock_stay_as_strict_and_nothing_says_that_a_policy_governs(bank, monkeypatch):
    lax = replace(protected.by_settings(), mode=protected.Mode.OBSERVE)
    monkeypatch.setattr(protected, "in_force", lambda: lax)
    strict, route = protected.mode_for(bank.system, "champion"), route_of(bank.system)
    modified(bank.system)
    after = now(bank.system)
    assert strict == protected.Mode.BLOCK
    assert (protected.mode_for(after, "champion"), route_of(after)) == (strict, route)
    assert governing(after, "champion") is not None  # whose mode the gate takes
    assert {(row.version, "open again" in row.because) for row in effective(after)} == {(None, True)}


def test_a_prohibited_system_stays_prohibited(db):
    system = a_system()
    modified(system)
    after = now(system)
    after.ai_act_class = "prohibited"
    with pytest.raises(SystemProhibited):
        promotions.classified(after, "credit-risk")


def test_documents_print_no_signature_that_counts_no_more(bank):
    def parts():
        return Facts(now(bank.system)).snapshot(bank.system.pk, {}, "annex-iv")

    assert parts()["classification"]["ai_act_class"] == "high"
    modified(bank.system)
    snapshot = parts()
    assert snapshot["classification"] is None
    assert "Its signed class is open again." in str(snapshot["history"])


def test_the_database_keeps_a_modification_as_it_was_and_opens_only_what_was_signed(db):
    row = modified(a_system())
    with pytest.raises(DatabaseError), transaction.atomic():
        Modification.objects.filter(pk=row.pk).update(what="Nothing at all was changed.")
    bare = a_declared_system(a_user(Role.OWNER))
    with pytest.raises(IntegrityError, match="only_a_signed_class_is_reopened"), transaction.atomic():
        AISystem.objects.filter(pk=bare.pk).update(class_reopened_at=clock.now())


def test_the_page_declares_it_and_says_what_to_do(db, client):
    system = a_system()
    client.force_login(system.owner)
    address, page = reverse("modification-new", args=[system.pk]), reverse("system-detail", args=[system.pk])
    assert address in client.get(page).content.decode()
    assert system.purpose in client.get(address).content.decode()
    refused = client.post(address, {"kind": "purpose", "what": HOSTILE, "purpose": system.purpose})
    assert refused.status_code == 422
    assert "&lt;script&gt;alert(1)" in refused.content.decode()
    assert client.post(address, {"kind": "facts", "what": HOSTILE, "purpose": system.purpose}).status_code == 302
    shown = client.get(page).content.decode()
    assert "Class open again: nothing can be promoted" in shown
    assert "propose the classification anew and have a second person sign it" in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert" not in shown
    assert client.get(reverse("system-list")).context["systems"][0]["reopened"] is True
    a_proposal(system, system.owner)
    modified(system)
    client.force_login(a_user(Role.VALIDATOR))
    assert "was modified after this was proposed (M-2" in client.get(page).context["sign"]["refusal"]


def test_over_the_api_it_is_declared_listed_and_told_of_the_system(db, client):
    system = a_system()
    client.force_login(system.owner)
    address = f"/api/v1/systems/{system.slug}"
    headers = {"If-Match": client.get(address).headers["ETag"], "Idempotency-Key": "once"}
    said = {"kind": "substantial", "what": WHAT}
    made = client.post(f"{address}/modifications", said, content_type="application/json", headers=headers)
    assert made.status_code == 201, made.content
    assert client.get(made.headers["Location"]).json() == made.json()
    assert [row["number"] for row in client.get(f"{address}/modifications").json()["results"]] == [1]
    assert client.get(address).json()["class_reopened_at"]
    again = client.post(
        f"{address}/modifications", said, content_type="application/json", headers=headers | {"Idempotency-Key": "2"}
    )
    assert again.status_code == 412
