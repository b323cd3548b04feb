"""A new register says what it changed, and which systems that touches."""

from dataclasses import replace

from governance.regulation.classified import Classified
from governance.regulation.crosswalk import crosswalk
from governance.regulation.dates import standing
from governance.regulation.duties import coverage
from governance.regulation.register import DATA_FILE, load, parse
from governance.regulation.versions import FOLDER, by_digest, difference, shipped, touched

CREDIT = Classified("high", ("Annex III.5.b",), roles=("provider", "deployer"))
CHAT = Classified("limited", (), roles=("provider",), named=("Art 50.1",))


def edited(*pairs):
    text = DATA_FILE.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return parse(text.encode())


def kinds(old, new):
    return {change.point_id: change.kinds for change in difference(old, new).changes}


def test_a_register_does_not_differ_from_itself():
    assert difference(load(), load()).changes == ()


def test_the_first_shipped_register_lacked_what_is_to_be_confirmed():
    (first, *_rest) = shipped().values()
    found = kinds(first, load())
    assert found["Art 26.5.financial"] == ("added",)
    assert found["Art 26.6.financial"] == ("added",)
    moved = {point_id for point_id, changed in found.items() if changed == ("redated",)}
    groups = ("Art 52", "Art 53", "Art 54", "Art 55", "Annex XI", "Annex XII")
    assert moved == {"Art 50.2", *(point.id for group in groups for point in load().points_of(group))}
    assert len(found) == len(moved) + 2


def test_that_points_now_name_their_source_is_no_change_of_the_law_but_another_source_is():
    before = list(shipped().values())[-2]
    assert before.point("Art 9.2").source is None
    assert kinds(before, load()) == {}
    moved = edited(("{celex: 32024R1689, at: 'Art 9(2)'}", "{celex: 32024R1689, at: 'Art 9(3)'}"))
    assert kinds(load(), moved) == {"Art 9.2": ("otherwise",)}


def test_a_shipped_register_is_found_by_its_digest_and_by_its_version():
    (first, *_rest) = shipped().values()
    assert by_digest(first.digest) is first
    assert by_digest(first.version) is first
    assert by_digest("2020-01-01+sha256:" + "0" * 64) is None
    assert list(shipped())[-1] == load().version


def test_the_files_of_older_versions_are_never_edited():
    # A changed digest here means that a file under versions/ was edited, so documents can't name their law any more.
    assert {file.name: load(file).digest for file in FOLDER.glob("*.yaml")} == {
        "ai-act-2026-11-23.1.yaml": "sha256:fdafe4f9bec344514c1b6caccb6ca3be1c623c86358a49829776f87e5ad36b76",
        "ai-act-2026-11-23.2.yaml": "sha256:68e8cd60dc8641a39bbea84da3d0c73427866595871b99f923d65e971b781f03",
    }


def test_each_kind_of_change_is_told_apart():
    old = load()
    new = edited(
        ("requirement: Run risk management as", "requirement: Plan risk management as"),
        ("- id: Art 27.4\n    title: DPIA", "- id: Art 27.9\n    title: DPIA"),
        ("    applies_from: '2026-12-02'\n", "    applies_from: '2026-12-03'\n"),
    )
    found = kinds(old, new)
    assert found["Art 9.2"] == ("reworded",)
    assert found["Art 27.9"] == ("added",)
    assert found["Art 27.4"] == ("removed",)
    assert [kind for kind in found.values() if kind == ("redated",)]
    assert difference(old, new).counts["added"] == 1


def test_a_moved_date_of_an_article_re_dates_every_point_of_it():
    text = DATA_FILE.read_text(encoding="utf-8")
    at = text.index("- id: Art 9\n")
    changed = text[:at] + text[at:].replace("annex_iii: '2027-12-02'", "annex_iii: '2028-01-01'", 1)
    found = kinds(load(), parse(changed.encode()))
    assert set(found) == {point.id for point in load().points_of("Art 9")}
    assert set(found.values()) == {("redated",)}


def test_a_change_touches_the_systems_whose_points_it_changes():
    old = load()
    new = edited(("requirement: Run risk management as", "requirement: Plan risk management as"))
    found = difference(old, new)
    assert [change.point_id for change in touched(CREDIT, found, old, new)] == ["Art 9.2"]
    assert touched(CHAT, found, old, new) == ()
    deployer = replace(CREDIT, roles=("deployer",))
    assert touched(deployer, found, old, new) == ()


def test_coverage_counts_evidence_and_never_a_point_to_be_confirmed():
    law = load()
    found = {
        item.duty.point.id: item
        for item in coverage(CREDIT, law, crosswalk(), held={"fairness/v1", "drift/v1"}, on=law.as_of)
    }
    assert (found["Art 10.2.f"].cover, found["Art 10.2.f"].held) == ("held", ("fairness/v1",))
    assert found["Art 9.6"].cover == "not_held"
    assert found["Art 9.1"].cover == "unserved"
    waiting = {point for point, item in found.items() if item.cover == "to_be_confirmed"}
    assert waiting == {point.id for point in law if point.to_be_confirmed}
    assert len(waiting) == 2
    assert len(found) == len(standing(CREDIT, law, on=law.as_of).duties)
