"""The log's pages find entries by words, kind, actor and time, whether or not the notary has placed them yet."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.audit import searching
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.audit.searching import Query, search
from governance.audit.web.wording import sentence
from governance.common import clock
from tests.audit.entries import ME, a_person, a_reader, append, granted
from tests.roles import as_role

pytestmark = pytest.mark.django_db(transaction=True)


def said(event: Event, actor: str, **data: object) -> None:
    with transaction.atomic():
        audit.append(event=event, actor=System(actor), data=data)


@pytest.fixture
def entries(notary):
    """Two refusals placed in the tree, one allowed write and a heartbeat that wait."""
    said(Event.GATE_REFUSED, "mlflow", model="credit-risk", version=2, subject={"name": "credit-risk/2"})
    said(Event.GATE_REFUSED, "mlflow", model="credit-risk-other", version=3, subject={"name": "fraud-check/3"})
    notary.round()
    said(Event.GATE_ALLOWED, "apply", model="credit-risk", version=2)
    said(Event.LOG_HEARTBEAT, "notary", size=2)


def models(query: Query) -> list[object]:
    return [entry.parsed["data"].get("model") for entry in search(query).entries]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), [None, "credit-risk", "credit-risk-other", "credit-risk"]),
        (Query(text="credit-risk"), ["credit-risk", "credit-risk"]),
        (Query(text="CREDIT-risk/2"), ["credit-risk"]),
        (Query(text="risk other"), ["credit-risk-other"]),
        (Query(text="fraud-check"), ["credit-risk-other"]),
        (Query(text="risk 2", events=["gate.refused"]), ["credit-risk"]),
        (Query(events=["gate.allowed", "log.heartbeat"]), [None, "credit-risk"]),
        (Query(actors=["system:apply", "system:nobody"]), ["credit-risk"]),
        (Query(actors=[]), []),
        (Query(text="%"), []),
    ],
    ids=str,
)
def test_each_question_finds_what_it_asks_for(entries, query, found):
    assert models(query) == found


def test_time_is_the_entrys_own(entries):
    now = clock.now()
    assert search(Query(since=now + timedelta(minutes=1))).total == 0
    assert search(Query(since=now - timedelta(minutes=1), until=now + timedelta(minutes=1))).total == 4
    assert search(Query(until=now - timedelta(minutes=1))).total == 0


@pytest.mark.parametrize(
    ("query", "counted", "total"),
    [(Query(), 5, 7), (Query(actors=[ME.actor_id]), 1000, 7), (Query(actors=[ME.actor_id]), 5, 6)],
    ids=["all", "so few that all are at hand", "more than are counted"],
)
def test_pages_follow_each_other_without_gap_or_repeat(notary, monkeypatch, query, counted, total):
    monkeypatch.setattr(searching, "COUNTED", counted)
    append(7)
    notary.round()
    seen, before = [], None
    while (page := search(query, before=before, limit=3)).entries:
        seen += [entry.index for entry in page.entries]
        before = seen[-1]
        assert page.total == total
    assert seen == [6, 5, 4, 3, 2, 1, 0]


def test_a_row_is_found_by_its_key(notary):
    with as_role("app"):
        grant = granted(a_person())
    notary.round()
    (entry,) = search(Query(text=str(grant.pk))).entries
    assert entry.event == "role.granted"


def test_the_page_asks_what_can_be_read_and_says_what_cannot(entries, client):
    with as_role("app"):
        client.force_login(a_reader())
        address = reverse("audit-log")

        def page(**asked: str) -> str:
            answer = client.get(address, asked)
            assert answer.status_code == 200
            return answer.content.decode()

        refused = page(q="credit-risk", event="gate.refused")
        assert "Gate refused a write: credit-risk/2, credit-risk, version 2" in refused
        assert "2 of 2" in page(who="mlflow")
        sent = page(q="", who="", event="", since="", until="")  # as a browser sends the untouched form
        assert "can&#x27;t be read" not in sent
        assert "5 of 5" in sent  # the reader's own role is one
        assert "No entry matches." in page(who="somebody else")
        for asked in ({"q": "\0"}, {"q": "²"}, {"before": "²"}, {"before": "9" * 5000}, {"since": "yesterday"}):
            page(**asked)
        assert "since: Enter a valid date." in page(since="yesterday")
        assert "Go to entry 1" in page(q="1")


def test_the_page_asks_the_database_as_often_for_fifty_entries_as_for_five(notary, client):
    def queries() -> int:
        with as_role("app"), CaptureQueriesContext(connection) as asked:
            client.get(reverse("audit-log"))
        return len(asked)

    with as_role("app"):
        client.force_login(a_reader())
    append(5)
    notary.round()
    few = queries()
    append(60)
    notary.round()
    assert queries() == few


@pytest.mark.parametrize(
    ("event", "data", "said"),
    [
        ("finding.closed", {"code": "digest-mismatch", "severity": "high"}, "code digest-mismatch, severity high"),
        ("promotion.applying", {"promotion": 2, "grant": "used"}, "PR-2, grant used"),
        ("log.guards_checked", {"problems": []}, "all stand"),
    ],
)
def test_an_entry_is_told_in_a_few_words_that_say_what_it_is_about(event, data, said):
    assert sentence({"event": event, "data": data}).partition(": ")[2] == said
