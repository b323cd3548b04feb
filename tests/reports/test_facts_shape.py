"""The sample snapshot, by which documents are tested, holds nothing that the facts of a real system never write."""

import uuid
from datetime import timedelta

import pytest

from governance.accounts.roles import Role
from governance.common import clock
from governance.inventory import criteria, declaring
from reports.documents.building import build
from reports.facts import Facts
from tests.documents.sample_snapshot import a_snapshot
from tests.documents.sample_version import VERSION
from tests.factories import Cast, a_user
from tests.reports.factories import Bank, notarise, watch
from tests.reports.test_reports_facts import snapshot_of
from tests.standing import granted, served

# Below these stand whatever names evidence, software, machines and monitors have.
FREE = {
    ".evidence[].payload",
    ".model.environment.packages",
    ".model.parameters",
    ".model.training",
    ".monitoring.monitor.settings",
    ".owners",
}
RANKS = {"id": "ranks", "title": "Ranks well", "expr": "candidate.auc >= 0.7"}


def shapes(value, path=""):
    """Every path to a key: entries of a list are one place."""
    if path in FREE:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{path}.{key}"
            yield from shapes(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from shapes(item, f"{path}[]")


def with_criteria(bank: Bank) -> None:
    proposal = criteria.propose_criteria(ai_system=bank.system, criteria=[RANKS], by=bank.owner)
    criteria.sign_criteria(criteria_id=proposal.pk, signer=bank.validator)


@pytest.mark.django_db(transaction=True)
def test_every_key_of_the_sample_is_one_that_the_facts_write(tmp_path):
    bank = Bank()
    declaring.declare(ai_system=bank.system, answers={"provider-address": "1 Example Street"}, by=bank.owner)
    with_criteria(bank)
    bank.live(number=1)
    live = bank.live(number=2)
    notarise(tmp_path)
    watch(bank, live.version)
    real = set(shapes(snapshot_of(bank.system)))
    sample = a_snapshot()
    assert set(shapes(sample)) - {".sample"} - real == set()
    assert all(name.startswith("system/") for name in sample["model"]["training"])
    version = Facts(bank.system, live.version).snapshot(uuid.uuid4(), {}, "model-card")
    said = {name: VERSION[name] for name in ("permits", "requests", "criteria")}
    assert set(shapes(said)) - set(shapes(version)) == set()


def test_the_signed_success_criteria_stand_under_point_4_with_their_place_in_the_log(db):
    bank = Bank()
    gap = "No success criteria are signed for the system."
    bank.live()
    point = next(part for part in build(snapshot_of(bank.system)).sections if part.point == "Annex IV.4")
    assert [(row.state, row.owner) for row in point.paragraphs if row.text == gap] == [("missing", "owner")]
    with_criteria(bank)
    snapshot = snapshot_of(bank.system)
    assert snapshot["criteria"]["criteria"] == [RANKS]
    assert snapshot["criteria"]["signed_by_role"] == "validator"
    point = next(part for part in build(snapshot).sections if part.point == "Annex IV.4")
    (said,) = [row for row in point.paragraphs if "What counts as success" in row.text]
    assert (said.state, said.declared_by.role) == ("declared", "validator")
    assert "they were not fixed before" in said.text
    assert [cell.text for cell in said.blocks[0].rows[0]] == ["Ranks well", "candidate.auc >= 0.7"]


def test_a_change_approved_in_advance_stands_under_point_2_f_while_it_is_in_force(db, settings, tmp_path):
    settings.STORAGE_ROOT = tmp_path
    cast = Cast()
    served(cast)
    assert snapshot_of(cast.system)["standing_approvals"] == []
    row = granted(cast)
    snapshot = snapshot_of(cast.system)
    point = next(part for part in build(snapshot).sections if part.point == "Annex IV.2.f")
    (said,) = [one for one in point.paragraphs if one.state == "measured"]
    assert "champion" in said.text
    assert "at most 2 times, 0 so far" in said.text
    assert said.sources[0].id == str(row.pk)
    assert said.sources[0].digest
    with clock.frozen(clock.now() + timedelta(days=400)):
        assert snapshot_of(cast.system)["standing_approvals"] == []


def test_what_nobody_is_there_to_owe_the_owner_of_the_system_owes(db):
    bank = Bank()
    snapshot = snapshot_of(bank.system)
    asked = "Whether the deployer is a public body or provides public services is not declared."
    fria = Facts(bank.system).snapshot(uuid.uuid4(), {}, "fria")
    assert snapshot["owners"]["data_protection_officer"] == "owner"
    assert {"engineer", "validator", "owner", "auditor"}.isdisjoint(snapshot["owners"])
    assert {gap.owner for gap in build(fria).gaps if gap.what == asked} == {"owner"}
    a_user(Role.DATA_PROTECTION_OFFICER)
    fria = Facts(bank.system).snapshot(uuid.uuid4(), {}, "fria")
    assert {gap.owner for gap in build(fria).gaps if gap.what == asked} == {"data_protection_officer"}
