"""A window over days whose time had passed is measured over what is left, and says so; one wholly gone is not."""

from datetime import timedelta

import pytest
from monitor_world import START, a_frame, lines_of, measure, send

from governance.common import clock
from governance.evidence.reproducing import data_gone
from monitoring import retention, runs, schedule
from monitoring.errors import NothingToCompare

pytestmark = pytest.mark.django_db(transaction=True)

DAY, WEEK = timedelta(days=1), timedelta(days=7)


@pytest.fixture
def expired(monitor, world):
    """Two weeks of records, of which the first ten days are gone."""
    send(monitor, world, lines_of(a_frame(700, seed=2), hours=14 * 24))
    with clock.frozen(START + timedelta(days=375)):
        retention.expire_records()


def test_what_is_left_is_measured_and_said(monitor, expired):
    with clock.frozen(START + timedelta(days=376)):
        run = measure(monitor, start=START + WEEK, end=START + 2 * WEEK)
    window = run.evidence.payload["window"]
    assert (run.rows, window["deleted_days"]) == (200, ["2026-11-09", "2026-11-10", "2026-11-11"])
    (volume,) = [row for row in run.evidence.payload["signals"] if row["signal"] == "volume"]
    assert (volume["value"], volume["outcome"]) == (None, "insufficient")
    assert "deleted" in volume["reason"]
    assert data_gone(run.evidence) == "", "what was gone before was not counted"
    whole = measure(monitor, start=START + timedelta(days=10), end=START + 2 * WEEK)
    assert "deleted_days" not in whole.evidence.payload["window"]


def test_a_window_of_which_nothing_is_left_is_refused_and_not_asked_for(monitor, world, expired):
    with pytest.raises(NothingToCompare, match="it keeps 365 days"):
        runs.request_run(monitor_id=monitor.pk, start=START, end=START + WEEK)
    due = list(schedule.due(monitor, world.version, START + 3 * WEEK))
    assert [window.start for window in due] == [START + WEEK]
