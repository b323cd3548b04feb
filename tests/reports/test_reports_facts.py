"""A snapshot states what was attached, decided and declared, by role, with its place in the log, and nothing else."""

import json
import uuid
from datetime import timedelta

import pytest
from django.db import transaction

from governance.accounts.models import Grant
from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.audit.notary import integrate
from governance.common import clock
from governance.inventory import declaring
from reports.documents.building import build
from reports.documents.snapshot import canonical
from reports.facts import Facts, signature
from reports.facts_people import SERVICE_ACCOUNT, WITHOUT_A_ROLE, Named, Roles
from tests.factories import a_user, a_version
from tests.reports.factories import Bank, a_declared_system, a_window, notarise, watch
from tests.roles import as_role

LIBRARIES = {"weasyprint": "70.0"}


@pytest.fixture
def bank(db) -> Bank:
    return Bank()


def snapshot_of(system):
    system.refresh_from_db()
    return Facts(system).snapshot(uuid.uuid4(), LIBRARIES)


def walked(value, path=""):
    """Yield every (path, value) of plain JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield f"{path}.{key}", item
        yield from walked(item, f"{path}.{key}")


def gaps(snapshot):
    return {(gap.number, gap.what) for gap in build(snapshot).gaps}


def test_the_snapshot_of_a_promoted_version_makes_a_document(bank):
    watch(bank, bank.live().version)
    snapshot = snapshot_of(bank.system)
    content = build(snapshot)
    assert canonical(json.loads(json.dumps(snapshot))) == canonical(snapshot)
    assert content.counts["measured"] > 20
    assert {row["type"] for row in snapshot["evidence"]} == {
        "performance/v1", "calibration/v1", "fairness/v1", "explanation/v1", "robustness/v1", "data_quality/v1",
        "human_review/v1", "drift/v1",
    }  # fmt: skip
    assert {part for part in snapshot if not snapshot[part]} == {
        "permit", "documents", "incidents", "risks", "correspondence", "criteria", "standing_approvals",
    }  # fmt: skip


def test_nobody_is_named(bank):
    watch(bank, bank.live().version)
    text = json.dumps(snapshot_of(bank.system))
    assert [name for name in bank.names if name in text] == []
    assert "@bank.example" not in text
    assert str(bank.validator.pk) not in text


def test_a_name_is_a_word_of_its_own_in_what_people_write(bank):
    a_user(name="Max")
    a_user(name="田中")
    texts = ["Max raised the Maximum.", "Ask Maxs deputy or Max's.", "田中が決めた。"]
    named = Named(texts, Roles(system_id=bank.system.pk, owner_id=bank.owner.pk))
    assert [named.without(text) for text in texts] == [
        "the person without a role raised the Maximum.",
        "Ask the person without a roles deputy or the person without a role's.",
        "the person without a roleが決めた。",
    ]


def test_people_stand_in_the_role_in_which_they_acted(bank):
    bank.live()
    snapshot = snapshot_of(bank.system)
    assert snapshot["system"]["recorded_by_role"] == "owner"
    assert snapshot["classification"]["proposed_by_role"] == "owner"
    assert snapshot["classification"]["signed_by_role"] == "risk_officer"
    assert (snapshot["policy"]["author_role"], snapshot["policy"]["publisher_role"]) == (
        "policy_author",
        "policy_publisher",
    )
    assert snapshot["request"]["requester_role"] == snapshot["model"]["trained_by_role"] == "engineer"
    assert [(row["stage"], row["role"]) for row in snapshot["approvals"]] == [
        ("validation", "validator"),
        ("risk", "risk_officer"),
    ]


def test_a_role_is_the_one_held_at_that_time(bank):
    roles = Roles(system_id=bank.system.pk, owner_id=bank.owner.pk)
    now, earlier = clock.now(), clock.now() - timedelta(days=1)
    assert roles.of(bank.validator, now) == "validator"
    assert roles.of(bank.validator, earlier) == WITHOUT_A_ROLE
    assert roles.of(bank.owner, earlier) == "owner"
    assert roles.of(None, now) is None
    assert roles.of(a_user(name="Pipeline", sponsor=bank.engineer), now) == SERVICE_ACCOUNT


def test_a_role_for_another_system_does_not_count(bank):
    other = a_declared_system(bank.owner, slug="other")
    person = a_user(name="Person 46")
    grant = Grant(person=person, role=Role.VALIDATOR, system_id=other.pk, valid_from=clock.now())
    with transaction.atomic():
        audit.append(event=Event.ROLE_GRANTED, actor=System("test"), subjects=[grant])
    here, there = (Roles(system_id=pk, owner_id=bank.owner.pk) for pk in (bank.system.pk, other.pk))
    assert here.of(person, clock.now()) == WITHOUT_A_ROLE
    assert there.of(person, clock.now(), acting_as=["risk_officer", "validator"]) == "validator"


def test_the_version_in_production_is_described_while_a_newer_one_asks(bank):
    bank.live(number=1)
    bank.reviewed(number=2)
    snapshot = snapshot_of(bank.system)
    assert snapshot["model"]["version"] == "1"
    assert snapshot["request"]["state"] == "approved"
    bank.live(number=3)
    snapshot = snapshot_of(bank.system)
    assert snapshot["model"]["version"] == "3"
    assert snapshot["model"]["previous"]["version"] == "2"
    assert [(row["version"], row["to"] is None) for row in snapshot["alias_history"]] == [("1", False), ("3", True)]


def test_before_any_request_the_newest_version_is_described_and_nothing_is_decided(bank):
    a_version(bank.model, number=1, trained_by=None)
    snapshot = snapshot_of(bank.system)
    assert snapshot["model"]["version"] == "1"
    assert snapshot["model"]["trained_by_role"] is None
    assert "request" not in snapshot
    assert ("R.2", "No promotion request is recorded for this version.") in gaps(snapshot)


def test_a_system_alone_has_nothing_but_gaps_and_what_was_declared(db):
    system = a_declared_system(a_user(Role.OWNER), declared={})
    snapshot = snapshot_of(system)
    content = build(snapshot)
    # Its purpose and its roles are declared, and that it was taken in stands in the log; nothing else does.
    assert content.counts["declared"] == 2
    assert [row["event"] for row in snapshot["history"]] == ["system.registered"]
    assert ("1(a)", "The provider is not named.") in gaps(snapshot)
    assert ("1(a)", "No model version is recorded.") in gaps(snapshot)


def test_the_signature_is_mlflows_own_in_words():
    stored = {
        "inputs": [
            {"type": "long", "name": "age", "required": False},
            {"type": "array", "items": {"type": "double"}, "name": "history"},
            {"type": "object", "name": "address", "properties": {"city": {"type": "string"}}},
        ],
        "outputs": [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}],
        "params": None,
    }
    found = signature(stored)
    assert [(row["name"], row["type"], row["required"]) for row in found["inputs"]] == [
        ("age", "long", False),
        ("history", "array of double", True),
        ("address", "object (city string)", True),
    ]
    assert found["outputs"] == [{"name": None, "type": "tensor of float64, shape any by 2", "required": True}]
    assert signature({}) == {"inputs": [], "outputs": []}


def test_the_model_has_its_bytes_its_software_and_only_mlflows_own_figures_of_the_machine(bank):
    version = bank.live().version
    model = snapshot_of(bank.system)["model"]
    assert model["artifact_digest"] == version.artifact_digest
    assert model["environment"]["packages"] == {"scikit-learn": "1.9.0", "numpy": "2.4.0"}
    assert model["training"] == {"system/system_memory_usage_megabytes": 512.5}
    assert len(model["signature"]["inputs"]) == 3


def test_the_data_behind_the_evidence_come_first_and_count_their_columns(bank):
    bank.live()
    (row,) = snapshot_of(bank.system)["datasets"]
    assert (row["role"], row["columns"], row["positive_label"]) == ("evaluation", 8, "bad")


def test_an_answer_closes_its_gap_and_no_other(db):
    unintended = ("3", "Foreseeable unintended outcomes and sources of risk are not described.")
    oversight = ("3", "The human oversight measures for use are not described.")
    told = a_declared_system(
        a_user(Role.OWNER), slug="told", declared={"oversight-measures": "An officer confirms each."}
    )
    assert oversight not in gaps(snapshot_of(told))
    assert unintended in gaps(snapshot_of(told))


def test_the_organisation_that_was_declared_is_the_provider(db):
    declared = {"provider-name": "Example Bank", "provider-address": "1 Example Street"}
    content = build(snapshot_of(a_declared_system(a_user(Role.OWNER), declared=declared)))
    assert dict(content.cover)["Provider"] == "Example Bank"
    assert not [gap for gap in content.gaps if "provider" in gap.what]


def test_an_answer_names_the_roles_of_who_gave_and_who_reviewed_it(db):
    owner, validator = a_user(Role.OWNER), a_user(Role.VALIDATOR)
    system = a_declared_system(owner, declared={"standards": "None applied.", "hardware": "Any server."})
    standing = declaring.newest(system)
    declaring.review(declaration_id=standing["standards"].pk, verdict="accepted", by=validator)
    declaring.review(declaration_id=standing["hardware"].pk, verdict="returned", by=validator, note="How much memory?")
    rows = {row["id"]: row for row in snapshot_of(system)["record"]}
    answer = rows["standards"]["answer"]
    assert (answer["role"], answer["reviewed_by_role"], answer["text"]) == ("owner", "validator", "None applied.")
    assert rows["hardware"]["answer"] is None
    assert rows["hardware"]["returned"]["at"]
    assert rows["notified-body"]["answer"] is rows["notified-body"]["returned"] is None


def test_what_the_demo_leaves_undeclared_stays_a_gap(bank):
    bank.live()
    assert {number for number, _ in gaps(snapshot_of(bank.system))} == {
        "1(h)", "2(h)", "4", "5", "7", "8", "9", "R.3",
    }  # fmt: skip


def test_windows_and_alerts_are_those_of_the_described_versions_own_traffic(bank):
    first = bank.live(number=1).version
    monitor = watch(bank, first)
    live = bank.live(number=2).version
    monitoring = snapshot_of(bank.system)["monitoring"]
    assert monitoring["monitor"]["settings"]["State"] == "on"
    assert (monitoring["windows"], monitoring["alerts"]) == ([], [])
    a_window(monitor, live, clock.now())
    snapshot = snapshot_of(bank.system)
    assert [row["version"] for row in snapshot["monitoring"]["windows"]] == ["2"]
    assert [row["payload"]["version"] for row in snapshot["evidence"] if row["type"] == "drift/v1"] == [
        live.subject_name
    ]


def test_the_newest_window_is_printed_even_if_an_older_one_was_measured_later(bank):
    live = bank.live().version
    monitor = watch(bank, live)
    a_window(monitor, live, clock.now() - timedelta(days=90))
    snapshot = snapshot_of(bank.system)
    (printed,) = [row for row in snapshot["evidence"] if row["type"] == "drift/v1"]
    newest = max(snapshot["monitoring"]["windows"], key=lambda row: row["end"])
    assert printed["payload_digest"] == newest["payload_digest"]
    assert len(snapshot["monitoring"]["windows"]) == 3


def test_drift_and_its_suspension_are_told_as_changes(bank):
    watch(bank, bank.live().version)
    snapshot = snapshot_of(bank.system)
    events = [row["event"] for row in snapshot["history"]]
    assert events[:4] == ["system.registered", "classification.signed", "model.assigned", "dataset.pinned"]
    # What its policy asks for at a breach: a new decision, and a rollback; then the alert that says so.
    assert events[-4:] == ["approval.state_changed", "finding.opened", "finding.opened", "alert.opened"]
    assert snapshot["history"] == sorted(snapshot["history"], key=lambda row: row["at"])
    assert "The approval of credit-risk/1 went from approved to suspended." in [
        row["summary"] for row in snapshot["history"]
    ]
    assert snapshot["request"]["state"] == "suspended"
    assert "approval.decided" not in events


def test_a_check_keeps_its_outcome_beside_the_review_that_lifted_it(bank):
    bank.live()
    held = [row for row in snapshot_of(bank.system)["checks"] if row.get("lifted_by")]
    assert [(row["id"], row["outcome"]) for row in held] == [("fairness.selection-ratio-sex", "insufficient")]
    assert held[0]["lifted_by"]["role"] == "validator"
    assert held[0]["expression"] == "evidence.fairness.sex.selection_ratio.worst_ci_low >= 0.8"


def test_without_the_notary_nothing_has_a_place_in_the_log(bank):
    bank.live()
    snapshot = snapshot_of(bank.system)
    assert "log" not in snapshot
    places = [value for path, value in walked(snapshot) if path.endswith(".log_index")]
    assert len(places) > 20
    assert set(places) == {None}


@pytest.mark.django_db(transaction=True)
def test_every_place_in_the_log_is_under_the_checkpoint_and_leads_to_the_row(tmp_path):
    bank = Bank()
    live = bank.live()
    notarise(tmp_path)
    watch(bank, live.version)
    notarise(tmp_path)
    snapshot = snapshot_of(bank.system)
    assert snapshot["permit"]["kind"] == "serve"
    assert ("R.3", "No serving permit was issued for this version.") not in gaps(snapshot)
    checkpoint = log.newest_checkpoint()
    assert snapshot["log"]["size"] == checkpoint.size
    assert snapshot["log"]["root"] == f"sha256:{bytes(checkpoint.root).hex()}"
    rows = [row for _, row in walked(snapshot) if isinstance(row, dict) and "log_index" in row]
    assert all(0 <= row["log_index"] < checkpoint.size for row in rows)
    decision = snapshot["approvals"][0]
    subjects = log.entry_at(decision["log_index"]).parsed["subjects"]
    assert decision["id"] in {subject["key"] for subject in subjects}
    monitor = snapshot["monitoring"]["monitor"]
    (named,) = log.entry_at(monitor["log_index"]).parsed["subjects"]
    assert (named["key"], named["after"]) == (monitor["id"], monitor["digest"])
    said = next(row["answer"] for row in snapshot["record"] if row["answer"])
    assert log.entry_at(said["log_index"]).event == "record.declared"


@pytest.mark.django_db(transaction=True)
def test_an_entry_that_the_checkpoint_does_not_cover_yet_has_no_place(tmp_path):
    bank = Bank()
    notarise(tmp_path)
    size = log.size()
    bank.live()
    with as_role("notary"):
        integrate()  # placed in the tree, but not signed yet
    assert log.size() > size
    snapshot = snapshot_of(bank.system)
    assert snapshot["log"]["size"] == size
    assert snapshot["classification"]["log_index"] < size
    assert {row["log_index"] for row in snapshot["approvals"]} == {None}
