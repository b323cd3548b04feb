"""What a search finds is taken away as a list that says what it is, on record, read page by page, safe to open."""

from __future__ import annotations

import csv
import io
import json
from itertools import islice

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.audit import searching, selectors
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.audit.searching import Query
from tests.audit.entries import a_reader, append
from tests.roles import as_role

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "because of her illness"


@pytest.fixture
def entries(notary):
    """Two refusals and a heartbeat in the tree, one more refusal that waits."""
    for model in ("credit-risk", "fraud-check"):
        refused(model)
    with transaction.atomic():
        audit.append(event=Event.LOG_HEARTBEAT, actor=System("notary"), data={"size": 2}, payload={"why": SECRET})
    notary.round()
    refused("waiting")


def refused(model: str) -> None:
    with transaction.atomic():
        audit.append(event=Event.GATE_REFUSED, actor=System("mlflow"), data={"model": model}, payload={"why": SECRET})


@pytest.fixture
def take(entries, client):
    """Download a list as somebody who may read the log."""

    def get(form: str, **asked: str) -> tuple[int, str]:
        with as_role("app"):
            answer = client.get(reverse("audit-search-result", args=[form]), asked)
            content = b"".join(answer) if answer.streaming else answer.content
        return answer.status_code, content.decode()

    with as_role("app"):
        client.force_login(a_reader())
    return get


def test_json_lines_hold_the_entries_newest_first_between_a_head_and_an_end(take):
    status, text = take("jsonl")
    head, *rows, end = map(json.loads, text.splitlines())
    assert status == 200
    assert head["format"] == "placet-log-search/1"
    assert "This list proves nothing" in head["note"]
    assert head["note"].endswith("http://testserver/log/bundle")
    assert head["size"] == 3
    assert end == {"end": True, "entries": 3}
    assert [row["index"] for row in rows] == [2, 1, 0]
    for row in rows:
        entry = selectors.entry_at(row["index"])
        said = {name: entry.parsed[name] for name in ("id", "at", "event", "actor", "subjects", "data")}
        assert row == {"index": entry.index, **said, "leaf_hash": f"sha256:{entry.leaf_hash.hex()}"}


def test_csv_holds_the_same(take):
    _, lines = take("jsonl", event="gate.refused")
    status, text = take("csv", event="gate.refused")
    (note,), header, *rows, (end,) = csv.reader(io.StringIO(text))
    assert status == 200
    assert "This list proves nothing" in note
    assert header == ["index", "id", "at", "event", "actor", "subjects", "data", "leaf_hash"]
    assert end == "End of the list: 2"
    plain = [json.loads(line) for line in lines.splitlines()[1:-1]]
    parsed = [dict(zip(header, row, strict=True)) for row in rows]
    for row in parsed:
        row.update({name: json.loads(row[name]) for name in ("index", "subjects", "data")})
    assert parsed == plain


def test_only_what_was_asked_for_and_no_erasable_text(take):
    for form in ("csv", "jsonl"):
        _, text = take(form, q="credit-risk")
        assert "credit-risk" in text
        assert "fraud-check" not in text
        assert SECRET not in take(form)[1]


def test_taking_a_list_away_is_on_record_and_what_was_typed_can_be_erased(take):
    take("csv", q="Ndiaye", who="somebody", event="gate.refused", since="2026-01-01")
    entry = next(row for row in map(selectors.as_entry, selectors.entries()) if row.event == "log.exported")
    assert entry.actor.startswith("person:")
    assert entry.parsed["data"] == {
        "form": "csv",
        "size": 3,
        "events": ["gate.refused"],
        "since": "2026-01-01T00:00:00.000000Z",
        "until": None,
    }
    assert b"Ndiaye" not in entry.body
    assert b"somebody" not in entry.body
    assert selectors.payload_of(entry.id) == {"q": "Ndiaye", "who": "somebody"}


def test_a_question_that_can_not_be_read_gets_no_file_and_no_entry(take):
    assert take("csv", since="yesterday") == (400, "since: Enter a valid date.\n")
    assert take("exe")[0] == 404
    assert "log.exported" not in {row.event for row in map(selectors.as_entry, selectors.entries())}


def test_a_stranger_signs_in_first(entries, client):
    with as_role("app"):
        assert client.get(reverse("audit-search-result", args=["csv"])).status_code == 302


def test_entries_are_read_page_by_page_and_only_as_they_are_wanted(notary, monkeypatch):
    append(7)
    notary.round()
    monkeypatch.setattr(searching, "_PAGE", 3)
    with CaptureQueriesContext(connection) as asked:
        found = searching.each(Query(), below=6)
        assert next(found).index == 5
        one_page = len(asked)
        assert [entry.index for entry in islice(found, 20)] == [4, 3, 2, 1, 0]
    assert one_page == 4
    assert len(asked) == 4 + 3 + 1
    assert all("LIMIT 3" in query["sql"] for query in asked.captured_queries if "audit_search" in query["sql"])


def test_the_page_links_to_the_list_of_its_own_search(take, client):
    with as_role("app"):
        page = client.get(reverse("audit-log"), {"q": "credit-risk", "event": "gate.refused", "before": "9"})
    for form in ("csv", "jsonl"):
        assert f'href="/log/search-result.{form}?q=credit-risk&amp;event=gate.refused"' in page.content.decode()
