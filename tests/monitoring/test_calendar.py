"""Windows are whole days and weeks of people's time zone, without a gap and without an overlap."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring import calendar

BERLIN = "Europe/Berlin"


def at(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_week_begins_on_monday_at_midnight_and_has_an_hour_less_when_the_clocks_change():
    found = list(
        calendar.windows(timedelta(days=7), BERLIN, after=at("2026-03-25T10:00Z"), until=at("2026-04-12T00:00Z"))
    )
    assert found == [
        (at("2026-03-23T00:00+01:00"), at("2026-03-30T00:00+02:00")),
        (at("2026-03-30T00:00+02:00"), at("2026-04-06T00:00+02:00")),
    ]
    assert found[0][1] - found[0][0] == timedelta(days=7) - timedelta(hours=1)


@given(
    st.sampled_from([BERLIN, "UTC", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kolkata"]),
    st.integers(1, 28),
    st.datetimes(*(datetime(year, 1, 1) for year in (2015, 2027)), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 90),
)
def test_windows_follow_each_other_and_the_first_holds_the_beginning(zone, days, after, more):
    until = after + timedelta(days=more)
    found = list(calendar.windows(timedelta(days=days), zone, after=after, until=until))
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert all(start < end <= until for start, end in found)
    if found:
        assert found[0][0] <= after < found[0][1]
    midnights = {start.astimezone(ZoneInfo(zone)).time().isoformat() for start, _ in found}
    assert midnights <= {"00:00:00", "01:00:00"}  # where the clocks skip midnight, the day begins at one
    later = list(calendar.windows(timedelta(days=days), zone, after=after, until=until + timedelta(days=days)))
    assert later[: len(found)] == found


@pytest.mark.parametrize("every", [timedelta(0), timedelta(hours=36), timedelta(days=-1)])
def test_a_window_without_whole_days_is_refused(every):
    with pytest.raises(ValueError, match="whole days"):
        next(calendar.windows(every, "UTC", after=at("2026-01-01T00:00Z"), until=at("2027-01-01T00:00Z")))


def test_only_zones_of_the_database_are_known():
    assert calendar.known(BERLIN)
    assert not calendar.known("Europe/Nowhere")
    assert not calendar.known("../etc/passwd")
