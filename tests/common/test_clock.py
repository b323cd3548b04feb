"""How sentences write a day."""

from datetime import UTC, date, datetime, timedelta, timezone

from governance.common import clock


def test_a_day_is_written_without_a_zero_and_a_moment_by_its_day_in_utc():
    assert clock.day(date(2027, 6, 6)) == "6 June 2027"
    assert clock.day(datetime(2027, 6, 6, 23, 59, tzinfo=UTC)) == "6 June 2027"
    assert clock.day(datetime(2027, 6, 7, 1, 30, tzinfo=timezone(timedelta(hours=2)))) == "6 June 2027"
