"""Until when a system's records are kept, who is told when the day has passed, and who disposes of what."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from governance.accounts import holds
from governance.accounts.roles import Role
from governance.audit.selectors import entries_naming, payload_of
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.common.retention.period import Period
from governance.evidence import storage
from governance.inventory.retiring import retire_system
from governance.notices import outbox
from governance.notices.models import Notice
from reports.errors import NotDue, NothingToDispose
from reports.models import Disposal
from reports.retention import disposing, systems
from reports.retention.dates import IN_USE, NOT_PLACED, until
from reports.time_stamps import with_last
from tests.factories import PASSWORD, a_system, a_user, given
from tests.reports.retaining import a_document, a_paper

TEN = Period.read("P10Y")
WHY = "The time to keep them is over since ten years."
ON = date(2020, 3, 1)


def test_ten_years_begin_with_the_last_day_of_placing_or_of_going_live():
    assert until(TEN, placed_on=ON, live_on=None, retired_on=ON).day == date(2030, 3, 1)
    assert until(TEN, placed_on=ON, live_on=date(2024, 6, 5), retired_on=date(2025, 1, 1)).day == date(2034, 6, 5)
    assert until(TEN, placed_on=ON, live_on=date(2019, 1, 1), retired_on=ON).day == date(2030, 3, 1)


def test_what_is_in_use_is_never_past_its_day_and_what_was_never_placed_has_none():
    running = until(TEN, placed_on=ON, live_on=None, retired_on=None)
    assert (running.day, running.earliest, running.why) == (None, date(2030, 3, 1), IN_USE)
    assert not running.is_over(date(2099, 1, 1))
    assert until(TEN, placed_on=ON, live_on=None, retired_on=date(2050, 1, 1)).day == date(2050, 1, 1)
    unknown = until(TEN, placed_on=None, live_on=ON, retired_on=ON)
    assert (unknown.day, unknown.why) == (None, NOT_PLACED)


def test_the_last_day_itself_still_counts():
    found = until(TEN, placed_on=ON, live_on=None, retired_on=ON)
    assert not found.is_over(date(2030, 3, 1))
    assert found.is_over(date(2030, 3, 2))


@pytest.fixture
def over(settings, tmp_path):
    """A retired system whose ten years are over: the day after, since on the day itself it had to be kept."""
    settings.STORAGE_ROOT = str(tmp_path)
    system = retired(a_system(placed_on=date(2001, 1, 1)))
    with clock.frozen(clock.now() + timedelta(days=1)):
        yield system


def retired(system):
    return retire_system(ai_system=system, by=system.owner, reason="It was replaced by another system.")


def dispose(system, by, row="evidence", **more):
    values = {"reason": WHY, "password": PASSWORD} | more
    return disposing.dispose(system=system, row=row, by=by, **values)


def states(system):
    return {row.kept.id: row.state for row in systems.standings([system])[0]}


pytest_db = pytest.mark.django_db


@pytest_db
def test_a_disposal_removes_the_files_names_them_in_the_log_and_leaves_the_rows(
    over, django_capture_on_commit_callbacks
):
    digests, officer = sorted([a_paper(over), a_paper(over)]), a_user(Role.RISK_OFFICER)
    assert states(over)["evidence"] == "due"
    with django_capture_on_commit_callbacks(execute=True):
        made = dispose(over, officer)
    assert not any(storage.holds(digest) for digest in digests)
    assert (made.files, made.kept_until) == (2, over.retired_at.date())
    (entry,) = entries_naming("reports_disposal", [made.pk])
    assert (entry.event, entry.parsed["data"]["first_files"]) == ("disposal.made", digests)
    assert payload_of(entry.id) == {"reason": WHY}
    assert states(over) == {
        "decisions": "stays",
        "systems": "stays",
        "evidence": "disposed",
        "documents": "due",
        "watching": "stays",
    }
    with pytest.raises(Unknown, match="disposed of on"):
        storage.get(digests[0])


@pytest_db
def test_a_file_on_which_something_else_rests_stays_and_what_came_later_too(over, django_capture_on_commit_callbacks):
    other, officer = a_system(), a_user(Role.RISK_OFFICER)
    shared, own = a_paper(over, "shared"), a_paper(over)
    a_paper(other, "shared")
    printed = a_document(over, "as evidence too")
    also = a_paper(over, "as evidence too")
    with django_capture_on_commit_callbacks(execute=True):
        assert dispose(over, officer).files == 1
    with clock.frozen(clock.now() + timedelta(days=1)):
        later = a_paper(over)
        assert disposing.finish() == 0
    kept = [storage.holds(digest) for digest in (shared, own, printed.pdf_digest, also, later)]
    assert kept == [True, False, True, True, True]


@pytest_db
def test_what_an_interrupted_disposal_left_goes_with_the_sweep(over):
    digest = a_paper(over)
    dispose(over, a_user(Role.RISK_OFFICER))  # its transaction is not over, so that nothing went
    assert storage.holds(digest)
    assert disposing.finish() == 1
    assert not storage.holds(digest)


@pytest_db
def test_a_document_that_was_disposed_of_gets_no_further_time_stamp(over):
    row = a_document(over)
    assert with_last().filter(pk=row.pk).exists()
    dispose(over, a_user(Role.RISK_OFFICER), "documents")
    assert not with_last().filter(pk=row.pk).exists()


@pytest_db
def test_who_may_dispose_of_what_and_when(over):
    a_paper(over)
    officer, elsewhere = a_user(Role.DATA_PROTECTION_OFFICER), a_user()
    given(elsewhere, Role.RISK_OFFICER, system_id=a_system().pk)
    for person in (over.owner, a_user(Role.ADMINISTRATOR), a_user(Role.AUDITOR), elsewhere):
        with pytest.raises(Forbidden):
            dispose(over, person)
    with pytest.raises(InvalidInput, match="20 characters"):
        dispose(over, officer, reason="old")
    with pytest.raises(Unknown, match="there are: decisions"):
        dispose(over, officer, "everything")
    with pytest.raises(NothingToDispose, match="database refuses"):
        dispose(over, officer, "decisions")
    with pytest.raises(NothingToDispose, match="No file is left"):
        dispose(over, officer, "documents")
    with pytest.raises(Forbidden):
        dispose(over, officer, password="another")
    for system, said in ((a_system(placed_on=date(2001, 1, 1)), "not retired"), (a_system(), "put into service")):
        a_paper(system)
        with pytest.raises(NotDue, match=said):
            dispose(system, officer)
    young = retired(a_system(placed_on=clock.now().date()))
    with pytest.raises(NotDue, match="have to be kept until"):
        dispose(young, officer)
    assert not Disposal.objects.exists()


@pytest_db
def test_risk_and_data_protection_officers_are_told_once_and_nobody_of_what_is_held(over):
    officers = {a_user(Role.RISK_OFFICER), a_user(Role.DATA_PROTECTION_OFFICER)}
    hold = holds.set_hold(kind="system", key=over.pk, reason="A court asked for it.", by=min(officers, key=str))
    told = Notice.objects.filter(kind="retention")
    a_paper(over)
    outbox.look_ahead()
    assert not told.exists()
    assert states(over)["evidence"] == "held"
    holds.lift_hold(hold_id=hold.pk, reason="It is settled.", by=min(officers, key=str))
    outbox.look_ahead()
    outbox.look_ahead()
    assert {notice.person for notice in told} >= officers
    assert told.filter(person__in=officers).count() == 2  # of evidence, once to each: there are no documents
    assert over.owner not in {notice.person for notice in told}
    assert set(told.values_list("path", flat=True)) == {reverse("system-retention", args=[over.pk])}


@pytest_db
def test_the_pages_hold_lift_and_dispose(over, client, django_capture_on_commit_callbacks):
    digest, officer = a_paper(over), a_user(Role.RISK_OFFICER)
    client.force_login(officer)
    wanted = {"kind": "system", "key": str(over.pk), "reason": "A court asked for it."}
    wrong = client.post(reverse("hold-set"), wanted | {"key": "nothing"})
    assert (wrong.status_code, wrong.context["form"]["key"]) == (404, "nothing")
    assert client.post(reverse("hold-set"), wanted | {"reason": ""}).status_code == 422
    assert client.post(reverse("hold-set"), wanted).status_code == 302
    page = client.get(reverse("retention"))
    (hold,) = page.context["holds"]
    assert (hold["name"], hold["why"], hold["may_lift"]) == (over.name, "A court asked for it.", True)
    address, sent = reverse("system-dispose", args=[over.pk]), {"row": "evidence", "reason": WHY}
    held = client.post(address, sent | {"password": PASSWORD})
    assert held.status_code == 409
    assert "Lift the hold first" in held.content.decode()
    lift = reverse("hold-lift", args=[hold["pk"]])
    assert client.post(lift, {"reason": "x"}).status_code == 422
    assert client.post(lift, {"reason": "It is settled."}).status_code == 302
    assert client.post(address, sent | {"password": ""}).status_code == 422
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(address, sent | {"password": PASSWORD}).status_code == 302
    assert not storage.holds(digest)
    client.force_login(over.owner)
    page = client.get(reverse("system-retention", args=[over.pk]))
    assert not any(row["may_dispose"] for row in page.context["rows"])
    assert client.get(reverse("retention")).context["holds"] == []
