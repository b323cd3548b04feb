"""What people call a request by, ``PR-12``, finds in the log what was written of it; entries hold keys alone."""

import pytest

from governance.audit.export import governed_models
from governance.audit.searching import Query, search
from tests.reports.factories import notarise


def events(text: str) -> list[str]:
    return [entry.parsed["event"] for entry in search(Query(text=text)).entries]


@pytest.fixture
def two(committed_cast):
    """Two promotions, the first signed by two people."""
    first, second = committed_cast.promotion(number=1), committed_cast.promotion(number=2)
    committed_cast.signed(first)
    return first, second


def test_a_reference_finds_the_request_and_what_was_decided_of_it(two, tmp_path):
    first, second = two
    waiting = events(str(first))
    assert {"promotion.requested", "approval.decided"} <= set(waiting)
    assert "approval.decided" not in events(str(second))
    notarise(tmp_path)
    placed = events(str(first).lower())
    assert set(waiting) <= set(placed)
    assert "promotion.requested" in events(f"{second} champion")
    assert events(f"{first} no-such-word") == events("PR-987654321") == events("XY-1") == []


def test_every_number_that_people_read_has_a_prefix_of_its_own(db):
    numbered = [model for model in governed_models() if model.number_prefix]
    assert len({model.number_prefix for model in numbered}) == len(numbered) == 9
    for model in numbered:
        assert str(model(number=7)) == f"{model.number_prefix}-7"
        assert set(model.told_with) <= {field.attname for field in model._meta.concrete_fields}
