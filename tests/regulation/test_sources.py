"""Each point of the register says where it stands: the act, the provision, and what changed it."""

import pytest

from governance.regulation.register import DATA_FILE, RegisterInvalid, load, parse

ACT = ("Regulation (EU) 2024/1689", "32024R1689", "http://data.europa.eu/eli/reg/2024/1689/oj")
AMENDING = ("Regulation (EU) 2026/1744", "32026R1744", "http://data.europa.eu/eli/reg/2026/1744/oj")


def said(act):
    return (act.number, act.celex, act.eli)


def edited(old, new):
    text = DATA_FILE.read_text(encoding="utf-8")
    assert old in text
    return text.replace(old, new, 1).encode()


def test_every_point_names_the_act_and_a_provision_of_its_own_article_or_annex():
    for point in load():
        assert said(point.source.act) == ACT, point.id
        rest = point.source.at.removeprefix(point.group)
        assert point.source.at.startswith(point.group), point.id
        assert not rest or rest[0] in "(,", point.id


def test_a_provision_is_written_as_people_cite_it():
    cited = {
        "Art 13.3.b.ii": "Art 13(3)(b)(ii)",
        "Art 5.1a": "Art 5(1a)",
        "Art 5.1.a": "Art 5(1)(a)",
        "Art 6.3.profiling": "Art 6(3)",
        "Annex III.5.b": "Annex III, point 5(b)",
        "Annex VIII.B.7": "Annex VIII, Section B, point 7",
        "Annex XI.1.2.c": "Annex XI, Section 1, point 2(c)",
        "Annex XIII.a": "Annex XIII, point (a)",
    }
    assert {point: load().point(point).source.at for point in cited} == cited


def test_what_the_amending_act_changed_names_its_point_and_nothing_else_does():
    for point in load():
        changed = point.source.changed_by
        assert bool(changed) == (point.status is not None), point.id
        assert changed is None or said(changed) == AMENDING, point.id
    named = {load().point(point).source.changed_at for point in ("Art 4a.1", "Annex VIII.B.9", "Art 99.6a")}
    assert named == {"Art 1(6)", "Art 1(42)", "Art 1(38)"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    source: {celex: 32024R1689, at: 'Art 9(2)'}\n", "", r"Art 9\.2 names no source"),
        ("at: 'Art 9(2)'", "at: ''", r"Art 9\.2 names no source"),
        ("32024R1689, at: 'Art 9(2)'", "32099R0001, at: 'Art 9(2)'", r"Art 9\.2 names the act 32099R0001"),
        (", changed_by: 32026R1744, changed_at: 'Art 1(5)'", "", r"Art 4\.1: a point that was inserted"),
        (", changed_at: 'Art 1(5)'", "", r"Art 4\.1: a point that was inserted"),
        ("at: 'Art 9(2)'", "at: 'Art 9(2)', changed_by: 32026R1744, changed_at: 'Art 1(8)'", r"Art 9\.2: a point that"),
    ],
)
def test_a_point_without_a_whole_source_is_refused(old, new, says):
    with pytest.raises(RegisterInvalid, match=says):
        parse(edited(old, new))


def test_the_shipped_register_is_of_the_schema_that_wants_sources():
    assert DATA_FILE.read_text(encoding="utf-8").count("schema_version: 2\n") == 1
