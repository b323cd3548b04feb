"""Whether a kind of document is owed, and whether one is out of date."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from governance.regulation.classified import from_record
from governance.regulation.dates import standing
from governance.regulation.register import load
from reports.documents.building import build
from reports.documents.freshness import EVIDENCE, RECORDS, Latest, changed_since
from reports.documents.kinds import KINDS
from reports.documents.owing import not_asked, owed, references
from reports.models import ABOUT_ONE_THING
from tests.documents import sample_kinds as samples

MADE = datetime(2026, 11, 1, tzinfo=UTC)
BEFORE, AFTER = MADE - timedelta(days=1), MADE + timedelta(days=1)
LONG_AFTER = date(2030, 1, 1)


def stands(roles, *, on=LONG_AFTER, ai_act_class="high", points=("Annex III.5.b",)):
    system = from_record(ai_act_class=ai_act_class, annex_points=points, trace=[], law_version="v", roles=roles)
    return standing(system, load(), on=on)


def states(found):
    return {kind.id: owed(kind, found).state for kind in KINDS.values()}


def test_what_is_owed_follows_from_the_class_and_the_roles():
    provider, deployer = states(stands(["provider"])), states(stands(["deployer"]))
    assert {kind for kind, state in provider.items() if state == "owed"} == {
        "annex-iv",
        "annex-v",
        "annex-viii",
        "instructions",
        "risk-file",
        "art-72-plan",
        "incident",
        "registration-49",
    }
    assert deployer["fria"] == "owed"
    assert deployer["annex-iv"] == deployer["annex-v"] == "not_owed"
    assert provider["fria"] == "not_owed"
    assert set(states(stands(["provider"], ai_act_class="minimal", points=())).values()) == {"not_owed", "own"}


def test_what_binds_later_is_owed_from_its_day():
    early = owed(KINDS["annex-iv"], stands(["provider"], on=date(2025, 1, 1)))
    assert (early.state, early.points) == ("later", ("Art 11.1",))
    day = early.on
    assert day is not None
    assert owed(KINDS["annex-iv"], stands(["provider"], on=day)).state == "owed"
    assert owed(KINDS["annex-iv"], stands(["provider"], on=day - timedelta(days=1))).state == "later"
    assert "Art 8" in early.basis[0]


@pytest.mark.parametrize(
    ("points", "body", "fria", "sheet"),
    [
        (["Annex III.5.b"], None, "owed", "owed"),
        (["Annex III.5.b"], "Neither", "owed", "not_owed"),
        (["Annex III.5.b"], "Public body", "owed", "owed"),
        (["Annex III.4.a"], None, "owed", "owed"),
        (["Annex III.4.a"], "Neither", "not_owed", "not_owed"),
        (["Annex III.4.a"], "Private body that provides public services", "owed", "not_owed"),
        (["Annex III.4.a"], "Public body", "owed", "owed"),
        (["Annex III.2"], "Public body", "not_owed", "not_owed"),
    ],
)
def test_what_a_deployer_owes_follows_from_what_kind_of_body_it_is(points, body, fria, sheet):
    found, without = stands(["deployer"], points=tuple(points)), not_asked(points, body)
    assert owed(KINDS["fria"], found, without=without).state == fria
    assert owed(KINDS["annex-viii"], found, without=without).state == sheet
    both = stands(["provider", "deployer"], points=tuple(points))
    assert owed(KINDS["annex-viii"], both, without=without).state == (
        "not_owed" if points == ["Annex III.2"] else "owed"
    )


def test_without_a_classification_nobody_can_say_and_what_the_act_never_asks_for_is_ones_own():
    assert owed(KINDS["annex-iv"], None).state == "unclassified"
    assert owed(KINDS["model-risk"], None).state == "own"


def test_every_kind_of_the_act_is_asked_for_by_points_of_the_register():
    law = load()
    for kind in KINDS.values():
        assert all(reference in law.points for reference in references(kind)), kind.id
        assert bool(references(kind)) == bool(kind.groups)


def changes(kind="annex-iv", *, law="v1", version="1", questions=("purpose",), **latest):
    found = changed_since(
        kind=kind,
        made_at=MADE,
        law_version=law,
        version=version,
        latest=replace(Latest(law_version="v1", version="1"), **latest),
        questions=questions,
    )
    return [(row.what, row.which) for row in found]


def test_a_document_on_which_nothing_has_changed_is_up_to_date():
    assert changes() == []
    assert changes(evidence={"fairness/v1": BEFORE}, records={"decision": MADE}, answers={"purpose": BEFORE}) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"law": "v0"}, ("law", ())),
        ({"version": "0"}, ("version", ())),
        ({"evidence": {"fairness/v1": AFTER, "drift/v1": AFTER}}, ("evidence", ("drift/v1", "fairness/v1"))),
        ({"records": {"decision": AFTER}}, ("decision", ())),
        ({"records": {"classification": AFTER}}, ("classification", ())),
        ({"answers": {"purpose": AFTER}}, ("answer", ("purpose",))),
    ],
)
def test_each_thing_that_changed_since_makes_it_out_of_date(given, said):
    assert changes(**given) == [said]


def test_what_a_kind_does_not_print_makes_it_no_older():
    assert changes("fria", evidence={"drift/v1": AFTER}, records={"decision": AFTER}) == []
    assert changes("fria", evidence={"fairness/v1": AFTER}) == [("evidence", ("fairness/v1",))]
    assert changes(answers={"public-body": AFTER}) == []


@pytest.mark.parametrize("kind", sorted(RECORDS))
def test_every_kind_names_version_and_class_on_its_cover_so_another_one_makes_it_older(kind):
    assert {"Model version", "Class under the AI Act"} <= set(dict(build(samples.full(kind)).cover))
    assert changes(kind, version="0", records={"classification": AFTER}) == [("version", ()), ("classification", ())]


def test_of_a_kind_that_nothing_is_said_of_everything_counts():
    found = changes("letter", evidence={"drift/v1": AFTER}, records={"risk": AFTER}, version="0")
    assert found == [("version", ()), ("risk", ()), ("evidence", ("drift/v1",))]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind in EVIDENCE])
def test_whatever_a_kind_rests_on_is_among_what_it_is_said_to_print(kind):
    made = [build(samples.full(kind)), build(samples.bare(kind))]
    names = {source.name for content in made for source in content.sources}
    assert {name for name in names if name.endswith("/v1")} <= EVIDENCE[kind]
    records = {"decision": "decision", "risk": "risk", "finding": "finding", "model version record": "version"}
    assert {records[name] for name in names if name in records} <= RECORDS[kind]


def test_every_kind_of_a_system_says_what_it_prints():
    assert set(EVIDENCE) == set(RECORDS) == set(KINDS) - set(ABOUT_ONE_THING)
