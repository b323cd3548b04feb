"""Taking over an MLflow that exists: who may, what is left out, what stays, and when a finding about it ends."""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError

from governance.accounts.roles import Role
from governance.accounts.services import SignInAgain
from governance.approvals.models import Finding
from governance.audit.models import Entry
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.inventory import assignments
from registry import (
    adoptable,
    adoption,
    alias_changes,
    applying,
    coverage,
    interventions,
    locks,
    promotions,
    reconcile,
    selectors,
)
from registry.adoptable import Wanted
from registry.errors import AdoptionOpen, AdoptionSettled, CannotGoBack, NothingToAdopt, NotYourAdoption
from registry.models import AdoptedAlias, Adoption, AliasHistory, RegisteredModel
from tests.factories import PASSWORD, a_model, a_system, a_user, a_version, given, record_applied
from tests.registry.test_reconcile import digest

WHY = "MLflow has served these for two years; they get their approvals by the end of the month."
State = AdoptedAlias.State


@pytest.fixture
def two(db):
    """An administrator who proposes and a risk officer who signs."""
    return a_user(Role.ADMINISTRATOR), a_user(Role.RISK_OFFICER)


@pytest.fixture
def estate(cast, tracking, two):
    """Three models that serve without anybody's word: one of the system, and two of none."""
    rows = {}
    for name in (cast.model.name, "churn", "fraud"):
        tracking.add(name, 1)
        tracking.add(name, 2)
        tracking.aliases[name]["Champion"] = 2
    reconcile.reconcile()
    for name in (cast.model.name, "churn", "fraud"):
        rows[name] = RegisteredModel.objects.get(name=name).versions.get(number=2)
    return rows


def soon(days=30):
    return (clock.now() + timedelta(days=days)).date()


def proposed(two, *, deadline=None, reason=WHY, **wanted):
    wanted = {"owner": two[0].email} | wanted
    seen = adoptable.look()
    return adoption.propose(
        seen=seen, wanted=Wanted(**wanted), deadline=deadline or soon(), reason=reason, person=two[0]
    )


def signed(two, row, **more):
    words = {"person": two[1], "password": PASSWORD, "seen": adoptable.look()} | more
    return adoption.sign(number=row.number, **words)


def adopted(two, **wanted):
    return signed(two, proposed(two, **wanted))


def open_codes():
    return sorted(Finding.objects.filter(closed_at__isnull=True).values_list("code", flat=True))


def events():
    return [json.loads(body)["event"] for body in Entry.objects.order_by("seq").values_list("body", flat=True)]


def test_what_serves_is_taken_over_and_its_alarms_end(estate, two, cast):
    assert open_codes().count("unapproved-alias") == 3, "a wall of alarms"
    before = clock.now()
    row = adopted(two)
    assert open_codes() == ["grandfathered", "grandfathered"]  # of the system, and of what belongs to none
    spans = AliasHistory.objects.filter(adoption=row)
    assert {span.version for span in spans} == set(estate.values())
    assert all(span.during.lower >= before and span.promotion is None and span.alias == "champion" for span in spans)
    assert reconcile.reconcile().findings == []
    assert selectors.live(cast.model, "champion").adoption == row
    finding = Finding.objects.get(code="grandfathered", system__isnull=True)
    assert finding.title == f"AD-1.1: 2 grandfathered models need an approval until {row.deadline}"
    assert (finding.owner, finding.due_on) == (two[0], row.deadline)


def test_what_was_adopted_is_said_to_be_and_is_no_unexplained_change(estate, two, cast, client):
    since = clock.now()
    row = adopted(two)
    reconcile.reconcile()
    said = coverage.statement(since, clock.now() + timedelta(hours=1))
    assert (said["grants"]["adopted"], said["grants"]["without_a_change"]) == ({str(row): 3}, [])
    client.force_login(cast.owner)
    answer = client.get(f"/api/v1/registered-models/{cast.model.name}/production").json()
    (span,) = [one for one in answer["spans"] if one["until"] is None]
    assert (span["by"], span["word"]["adoption"]) == ("adopted", str(row))


def test_a_look_writes_nothing(estate, two):
    entries = Entry.objects.count()
    found = adoptable.rows(adoptable.look(), Wanted())
    assert [row.place.model for row in found] == sorted(estate)
    assert [bool(row.problem) for row in found] == [True, False, True] == [row.owner is None for row in found]
    assert all(row.digest.startswith("sha256:") for row in found)
    assert (Entry.objects.count(), Adoption.objects.count()) == (entries, 0)


def test_who_may(estate, two):
    administrator, officer = two
    of_one_system = a_user()
    given(of_one_system, Role.RISK_OFFICER, system_id=a_system().pk)
    for person in (a_user(Role.ENGINEER), a_user(Role.OWNER), of_one_system):
        with pytest.raises(NotYourAdoption):
            proposed((person, officer))
    mine = proposed((officer, officer))
    with pytest.raises(NotYourAdoption, match="You proposed it"):
        signed(two, mine)
    with pytest.raises(NotYourAdoption):
        signed(two, mine, person=administrator)
    with pytest.raises(AdoptionOpen):
        proposed(two)
    other = a_user(Role.RISK_OFFICER)
    with pytest.raises(SignInAgain):
        signed(two, mine, person=other, password="wrong")
    adoption.withdraw(number=mine.number, person=administrator)
    with pytest.raises(AdoptionSettled):
        signed(two, mine, person=other)
    assert not AliasHistory.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [{"deadline": -1}, {"deadline": 0}, {"deadline": 367}, {"reason": "old"}, {"owner": "nobody@bank.example"},
     {"mapping": {"churn": {"system": "no-such"}}}],
)  # fmt: skip
def test_bad_input_is_refused(estate, two, changes):
    if "deadline" in changes:
        changes = {"deadline": soon(changes["deadline"])}
    with pytest.raises(InvalidInput):
        proposed(two, **changes)
    assert not Adoption.objects.exists()


def test_only_some_and_whose_each_is(estate, two, cast):
    owner, other = a_user(Role.OWNER), a_system()
    row = adopted(
        two, owner="", only=("churn", "credit*"), mapping={"churn": {"system": other.slug, "owner": owner.email}}
    )
    held = {item.model.name: (item.system, item.owner) for item in adoption.rows_of(row)}
    assert held == {"churn": (other, owner), cast.model.name: (cast.system, cast.owner)}
    assert "unapproved-alias" in open_codes(), "nobody adopted the third"


def test_a_mapping_that_contradicts_what_was_signed_is_a_problem(estate, two, cast):
    wanted = Wanted(mapping={cast.model.name: {"system": a_system().slug}, "spelt-wrong": {"owner": two[0].email}})
    found = adoptable.rows(adoptable.look(), wanted)
    row = next(row for row in found if row.place.model == cast.model.name)
    assert row.problem.startswith(f"It belongs to {cast.system.slug}, not to ")
    assert adoptable.unused(wanted, found) == ["spelt-wrong"]


def test_two_spellings_of_one_alias_are_mended_first(estate, two, tracking):
    tracking.aliases["churn"]["champion"] = 1
    row = adopted(two)
    assert {item.model.name for item in adoption.rows_of(row)}.isdisjoint({"churn"})
    problem = next(r.problem for r in adoptable.rows(adoptable.look(), Wanted()) if r.place.model == "churn")
    assert problem.startswith("MLflow has 'Champion' (version 2) and 'champion' (version 1), one name to the gate")
    assert "unapproved-alias" in open_codes()


def test_what_placet_put_there_is_not_adopted(cast, two, tracking):
    promotion = cast.promotion(number=1)
    tracking.mirror(promotion.version)
    cast.signed(promotion)
    record_applied(promotion.pk)
    tracking.aliases[cast.model.name]["champion"] = 1
    with pytest.raises(NothingToAdopt):
        proposed(two)
    tracking.add(cast.model.name, 2)
    tracking.aliases[cast.model.name]["champion"] = 2
    (row,) = adoptable.rows(adoptable.look(), Wanted())
    assert row.problem.startswith("Placet has version 1 there: what moved it since is a finding.")


def test_a_version_in_stage_production_is_adopted_until_it_leaves_it(estate, two, tracking):
    tracking.add("old", 1, stage="Production")
    tracking.add("old", 2, stage="Production")
    reconcile.reconcile()
    row = adopted(two, only=("old",))
    assert reconcile.run_pass("aliases", reconcile.watch_aliases).findings == []
    assert Finding.objects.filter(code="unapproved-stage", closed_at__isnull=True).count() == 0
    tracking.add("old", 3, stage="Production")
    assert [title for title in reconcile.reconcile().findings if "version 3 in Production" in title]
    for number in (1, 2):
        tracking.versions["old", number]["current_stage"] = "Archived"
    reconcile.reconcile()
    assert all(item.left_at for item in adoption.rows_of(row))
    assert not Finding.objects.filter(code="grandfathered", closed_at__isnull=True).exists()


def test_what_moved_between_proposal_and_signature_is_skipped_by_name(estate, two, cast, tracking):
    row = proposed(two)
    tracking.aliases["churn"]["Champion"] = 1
    promotion = cast.promotion(number=7)
    cast.signed(promotion)
    record_applied(promotion.pk)
    signed(two, row)
    said = {item.model.name: (item.state, item.state_reason) for item in adoption.rows_of(row)}
    assert said == {
        "churn": (State.SKIPPED, "MLflow has version 1 there now; version 2 was proposed."),
        cast.model.name: (State.SKIPPED, "Placet has moved it since it was proposed."),
        "fraud": (State.ADOPTED, ""),
    }
    assert selectors.live(cast.model, "champion").promotion == promotion


def test_an_alias_that_a_worker_moves_in_this_moment_is_skipped(two, committed_cast, tracking):
    """A worker holds the alias's lock in its own session while it calls MLflow."""
    tracking.add("churn", 1)
    tracking.add("fraud", 1)
    tracking.aliases["churn"]["champion"] = tracking.aliases["fraud"]["champion"] = 1
    reconcile.reconcile()
    row = proposed(two)
    held, enough = Event(), Event()

    def work():
        with locks.held("alias default/churn@champion"):
            held.set()
            enough.wait(20)
        connection.close()

    worker = Thread(target=work)
    worker.start()
    assert held.wait(20)
    try:
        signed(two, row)
    finally:
        enough.set()
        worker.join()
    assert {item.model.name: item.state_reason for item in adoption.rows_of(row)} == {
        "churn": "Placet is moving it in this moment.",
        "fraud": "",
    }


def test_an_adoption_of_nothing_that_is_still_there_is_refused(estate, two, tracking):
    row = proposed(two)
    for name in estate:
        tracking.aliases[name].clear()
    with pytest.raises(NothingToAdopt):
        signed(two, row)


def test_what_moves_afterwards_is_a_finding_as_ever(estate, two, tracking):
    adopted(two)
    tracking.aliases["fraud"]["Champion"] = 1
    (title,) = reconcile.reconcile().findings
    assert title.startswith("Unapproved Champion: MLflow has fraud version 1 there")


def test_a_regular_promotion_takes_its_place_and_ends_its_finding(estate, two, cast):
    adopted(two, only=(cast.model.name,))
    promotion = cast.promotion(number=7)
    assert promotion.approval.context["production"]["version"] == 2, "it is measured against what serves"
    cast.signed(promotion)
    record_applied(promotion.pk)
    reconcile.run_pass("aliases", reconcile.watch_aliases)
    finding = Finding.objects.get(code="grandfathered")
    assert finding.closed_at
    assert finding.closed_by is None
    with pytest.raises(CannotGoBack, match="nothing to go back to"):
        interventions.roll_back(model=cast.model.name, alias="champion", person=cast.engineer, reason=WHY)


def test_a_promotion_moves_the_alias_as_it_is_spelt(estate, two, cast, tracking, monkeypatch):
    """Consumers load ``@Champion``; a second spelling beside it would go on serving what was grandfathered."""
    monkeypatch.setattr(selectors, "has_permit", lambda approval: True)
    adopted(two, only=(cast.model.name,))
    version = a_version(cast.model, number=7, trained_by=cast.engineer, storage_location="mlflow-artifacts:/7/model")
    tracking.mirror(version)
    digest(version)
    made, _ = promotions.request_promotion(model=cast.model.name, version=7, alias="champion", requester=cast.engineer)
    change = applying.request_apply(promotion_id=cast.signed(made).pk, person=cast.engineer)
    assert alias_changes.carry_out(change.pk) == "done"
    assert tracking.aliases[cast.model.name] == {"Champion": 7}
    assert reconcile.run_pass("aliases", reconcile.watch_aliases).findings == []


def test_the_very_version_that_serves_can_get_its_approval(cast, two, tracking):
    version = a_version(cast.model, number=1, trained_by=cast.engineer)
    tracking.mirror(version)
    tracking.aliases[cast.model.name]["champion"] = 1
    adopted(two)
    made, _ = promotions.request_promotion(model=cast.model.name, version=1, alias="champion", requester=cast.engineer)
    assert "production" not in made.approval.context, "nothing is measured against itself"
    cast.signed(made)
    record_applied(made.pk)
    assert [span.promotion for span in AliasHistory.objects.order_by("during")] == [None, made]
    reconcile.run_pass("aliases", reconcile.watch_aliases)
    assert Finding.objects.get(code="grandfathered").closed_at


def test_there_is_nothing_to_go_back_to(estate, two, cast):
    adopted(two)
    with pytest.raises(CannotGoBack, match="it serves as it was when Placet came"):
        interventions.roll_back(model=cast.model.name, alias="champion", person=cast.engineer, reason=WHY)


def test_it_is_stopped_as_anything_is(estate, two, cast, tracking):
    adopted(two, only=(cast.model.name,))
    change = interventions.stop(model=cast.model.name, alias="champion", person=cast.owner, reason=WHY)
    assert alias_changes.carry_out(change.pk) == "done"
    assert tracking.aliases[cast.model.name] == {}, "whatever its spelling"
    reconcile.run_pass("aliases", reconcile.watch_aliases)
    assert "grandfathered" not in open_codes()


def test_after_the_day_it_is_critical_and_still_serves(estate, two, cast):
    row = adopted(two, only=("churn", "fraud"))
    with clock.frozen(clock.now() + timedelta(days=31)):
        assert reconcile.run_pass("aliases", reconcile.watch_aliases).findings == [
            f"AD-1.1: models still serve without the approval that was due on {row.deadline}"
        ]
        assert reconcile.run_pass("aliases", reconcile.watch_aliases).findings == []
        overdue = Finding.objects.get(code="grandfathered-overdue")
        assert (overdue.severity, overdue.owner) == ("critical", two[0])
        assert AliasHistory.objects.filter(adoption=row, during__endswith__isnull=True).count() == 2


def test_a_model_of_no_system_gets_one_afterwards(estate, two, cast):
    adopted(two)
    assert promotion_bound(cast, "churn").system == cast.system


def promotion_bound(cast, name):
    """Assign a model as its system's owner and a validator do."""
    proposal = assignments.propose_assignment(model=name, ai_system=cast.system, by=cast.owner)
    assignments.sign_assignment(assignment_id=proposal.pk, signer=cast.validator)
    return RegisteredModel.objects.get(name=name)


def test_serving_is_told_why_there_is_no_permit(estate, two, cast, client):
    row = adopted(two)
    answer = client.get("/api/v1/permits", {"model": cast.model.name, "alias": "champion"})
    assert answer.status_code == 404
    assert f"grandfathered until {clock.day(row.deadline)}: no permit" in answer.json()["detail"]


def test_the_model_page_says_so(estate, two, cast, client):
    row = adopted(two)
    client.force_login(cast.owner)
    text = client.get(f"/models/{cast.model.pk}").content.decode()
    assert "Champion v2 serves as grandfathered until" in text
    assert str(row) in text


def test_the_database_keeps_two_people_and_what_was_signed(estate, two):
    row = proposed(two)
    refused_by_sql(
        ("UPDATE registry_adoption SET signed_by_id = proposed_by_id, signed_at = now()", "second_person"),
        ("UPDATE registry_adoption SET deadline = deadline + 3", "adoption_never_changes"),
        ("UPDATE registry_adoptedalias SET owner_id = %s", "adopted_never_changes"),
        ("UPDATE registry_adoptedalias SET left_at = now()", "only_what_was_adopted_leaves"),
        person=two[1],
    )
    signed(two, row)
    refused_by_sql(
        ("UPDATE registry_adoption SET signed_at = now() + interval '1 day'", "adoption_never_changes"),
        ("UPDATE registry_adoptedalias SET state = 'skipped'", "adopted_never_changes"),
        (
            "INSERT INTO registry_adoptedalias (id, log_entry, adoption_id, model_id, alias, stage, version_id, "
            "digest, owner_id, state, state_reason) SELECT gen_random_uuid(), log_entry, adoption_id, model_id, "
            "'canary', '', version_id, digest, owner_id, 'proposed', '' FROM registry_adoptedalias LIMIT 1",
            "adopted_as_it_was_proposed",
        ),
        person=two[1],
    )


def test_the_database_lets_no_history_claim_an_adoption(estate, two, cast):
    row = adopted(two, only=("churn",))
    assert AliasHistory.objects.filter(adoption=row).count() == 1
    claim = (
        "INSERT INTO registry_aliashistory (id, log_entry, model_id, alias, version_id, during, adoption_id) "
        "SELECT gen_random_uuid(), gen_random_uuid(), v.model_id, 'champion', v.id, "
        "tstzrange(now() - interval '9 years', NULL), a.id FROM registry_modelversion v, registry_adoption a "
        "WHERE v.id = %s"
    )
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(claim, [estate["fraud"].pk])
        cursor.execute("SET CONSTRAINTS adopted_history_rules IMMEDIATE")
    assert refused.value.__cause__.diag.constraint_name == "alias_history_by_a_signed_adoption"


def refused_by_sql(*statements, person):
    for statement, rule in statements:
        with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [person.pk] if "%s" in statement else None)
        assert rule in refused.value.__cause__.diag.constraint_name, statement


def test_a_hundred_rows_are_several_entries_and_one_signature(two, cast, tracking):
    for number in range(110):
        name = f"model-{number:03}"
        row = a_model(cast.system, name=name) if number < 3 else None
        tracking.add(name, 1)
        tracking.aliases[name]["champion"] = 1
        assert row is None or row.name == name
    reconcile.run_pass("new-versions", reconcile.mirror_registry)
    row = adopted(two)
    assert events().count("adoption.proposed") == events().count("adoption.signed") == 3
    assert AliasHistory.objects.filter(adoption=row).count() == 110
