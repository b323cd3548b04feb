"""Numbers and times read the same wherever they stand, and nothing undefined becomes a zero."""

import pytest

from reports.documents import wording
from reports.documents.wording import DASH, MINUS, TIMES


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.7264, "0.726"),
        (-0.0123, f"{MINUS}0.012"),
        (0.0, "0.000"),
        (1234.5, "1,234.500"),
        (3.1e-10, f"3.1 {TIMES} 10⁻¹⁰"),
        (-4.0e-4, f"{MINUS}4.0 {TIMES} 10⁻⁴"),
        (None, DASH),
        (float("nan"), DASH),
    ],
)
def test_a_decimal_keeps_its_sign_and_never_vanishes_into_zero(value, written):
    assert wording.decimal(value) == written


def test_a_signed_decimal_has_a_plus_only_above_zero():
    assert [wording.decimal(value, 2, signed=True) for value in (0.05, 0.0, -0.05)] == ["+0.05", "0.00", f"{MINUS}0.05"]


def test_an_undefined_number_says_so_and_says_why():
    undefined = {"value": None, "low": None, "high": None, "n": 0, "reason": "no row"}
    assert wording.number(undefined) == "undefined"
    assert wording.reason(undefined) == "no row"
    assert wording.interval(undefined) == ""
    assert wording.number(None) == DASH


def test_a_rate_names_its_denominator_and_falls_back_to_n():
    assert wording.denominator({"value": 0.5, "n": 300, "denominator": 88}) == "of 88"
    assert wording.denominator({"value": 0.5, "n": 1300}) == "of 1,300"


def test_a_time_is_written_in_utc_and_needs_a_zone():
    assert wording.moment("2026-11-23T19:00:00.5+01:00") == "2026-11-23 18:00:00 UTC"
    assert wording.moment(None) == DASH
    with pytest.raises(ValueError, match="no time zone"):
        wording.moment("2026-11-23T18:00:00")
