"""The share of what served on a valid approval, month by month."""

from datetime import UTC, datetime

from reports.overview.shares import Month, Served, by_month, month_ends, moves_of

NOW = datetime(2026, 3, 15, 9, tzinfo=UTC)
END = datetime(2026, 1, 31, tzinfo=UTC)


def at(month, day, year=2026):
    return datetime(year, month, day, tzinfo=UTC)


def served(place="champion", *, start=None, end=None, **approval):
    return Served(("model", place), start or at(1, 1), end, **approval)


def approved(**more):
    return served(**({"granted_at": at(1, 1), "valid_until": at(6, 1)} | more))


def test_the_months_end_with_their_last_moment_over_a_turn_of_the_year():
    ends = month_ends(NOW)
    assert len(ends) == 11
    assert [f"{end:%Y-%m-%d}" for end in ends[-3:]] == ["2025-12-31", "2026-01-31", "2026-02-28"]
    assert f"{ends[0]:%Y-%m-%d %H:%M}" == "2025-04-30 23:59"


def test_what_served_at_the_moment_is_counted_and_what_of_it_was_approved():
    spans = [
        approved(),
        approved(place="gone", end=at(1, 20)),
        approved(place="later", start=at(2, 1)),
        served("none"),
    ]
    assert by_month(spans, [], [END]) == [Month(END, 2, 1)]


def test_an_approval_counts_while_it_is_in_force():
    assert not approved(valid_until=at(1, 30)).valid_at(END)
    assert not approved(granted_at=at(2, 1)).valid_at(END)
    for moves, valid in (
        ([(at(1, 10), "suspended")], False),
        ([(at(1, 10), "suspended"), (at(1, 20), "approved")], True),
        ([(at(1, 10), "revoked")], False),
        ([(at(2, 10), "suspended")], True),
        ([(at(2, 10), "renewed")], True),
    ):
        assert approved(moves=tuple(moves)).valid_at(END) is valid, moves


def test_what_was_seen_behind_an_alias_stands_for_it_as_long_as_it_was_seen():
    here, gone = (served(place="champion", start=at(1, 25), end=at(2, 5)), True), (served(place="other"), False)
    spans = [approved(), approved(place="other")]
    found = by_month(spans, [here, gone], [at(1, 20), END, at(2, 10)])
    assert [(month.live, month.valid) for month in found] == [(1, 1), (1, 0), (1, 1)]


def test_the_log_says_when_an_approval_moved():
    body = {"at": "2026-01-10T00:00:00.000000Z", "data": {"from": "approved", "to": "suspended"}}
    assert moves_of([body]) == ((at(1, 10), "suspended"),)
