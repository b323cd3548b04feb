"""A point is found by its reference as people write it, by words, and by what is recorded of it."""

from datetime import date

import pytest

from governance.regulation.register import load
from governance.regulation.search import Query, groups, search


def found(**asked):
    return [point.id for point in search(load(), Query(**asked))]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Art 5.1.ba", "Art 5.1.ba"),
        ("Article 5(1)(ba)", "Art 5.1.ba"),
        ("art. 26(6)", "Art 26.6"),
        ("Annex III.5(b)", "Annex III.5.b"),
        ("annex iv.2.g", "Annex IV.2.g"),
    ],
)
def test_a_reference_is_found_as_it_is_written_in_the_act(text, first):
    assert found(text=text)[0] == first


def test_a_reference_ends_at_a_dot():
    assert found(text="Art 5.1a") == ["Art 5.1a"]
    assert {point.partition(".")[0] for point in found(text="Article 5")} == {"Art 5"}


def test_every_word_must_occur_somewhere():
    assert found(text="logs six months") == ["Art 19.1", "Art 26.6"]
    assert found(text="logs six months zebra") == []


def test_the_filters_narrow_each_other():
    assert found(group="Art 26", status="to_be_confirmed") == ["Art 26.5.financial", "Art 26.6.financial"]
    assert found(status="deleted", group="Annex VIII") == ["Annex VIII.B.7", "Annex VIII.B.9"]
    assert "Art 4.1" in found(role="deployer")
    assert "Art 9.1" not in found(role="deployer")
    assert len(found(autofill="auto")) == 27
    assert len(found()) == len(load())


def test_applies_on_a_day_means_that_the_formal_date_is_reached_and_the_wording_is_law():
    assert "Art 5.1.ba" not in found(applies_on=date(2026, 12, 1))
    assert "Art 5.1.ba" in found(applies_on=date(2026, 12, 2))
    assert "Art 9.1" not in found(applies_on=date(2027, 12, 1))
    assert "Art 9.1" in found(applies_on=date(2027, 12, 2))
    assert "Art 10.5" not in found(applies_on=date(2028, 1, 1))
    assert found(applies_on=date(2024, 7, 31)) == []


def test_points_are_grouped_by_article_in_the_order_of_the_act():
    names = [group for group, _title, _points in groups(search(load(), Query(text="", role="deployer")))]
    assert names.index("Art 26") < names.index("Art 27") < names.index("Annex VIII")
