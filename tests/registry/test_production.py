"""What was in production at T, who approved it, on what evidence; and where nobody did."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from governance.accounts.models import User
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from registry import alias_changes, deviations, history
from registry.findings import RECONCILER
from registry.models import AliasHistory, ObservedAlias
from registry.reviewing.model_pages import model_page
from tests.factories import a_user, a_version


def observed(cast, number, since, until=None, alias="champion"):
    """Write down what a pass saw, as the watch does."""
    row = ObservedAlias(
        model=cast.model,
        alias=alias,
        number=number,
        mlflow_created_at_ms=None if number is None else number,
        first_seen_at=since,
    )
    with transaction.atomic():
        audit.append(event=Event.DEVIATION_OBSERVED, actor=RECONCILER, subjects=[row], data={})
    if until:
        row.last_seen_at = until
        with transaction.atomic():
            audit.append(event=Event.DEVIATION_ENDED, actor=RECONCILER, subjects=[row], data={})


@pytest.fixture
def day(cast):
    """Version 1 approved and applied; from minute 10 to 20 somebody's version 7; since minute 40 nothing in MLflow."""
    made = cast.live()
    began = AliasHistory.objects.get().during.lower
    observed(cast, 7, began + timedelta(minutes=10), began + timedelta(minutes=20))
    observed(cast, None, began + timedelta(minutes=40))
    return made, began


def shape(spans, began):
    def minutes(moment):
        return None if moment is None else round((moment - began).total_seconds() / 60)

    return [(span.version, minutes(span.since), minutes(span.until), span.by) for span in spans]


def test_what_was_found_is_laid_over_what_was_put(day, cast):
    _, began = day
    assert shape(history.timeline(cast.model), began) == [
        (1, 0, 10, "promotion"),
        (7, 10, 20, "found"),
        (1, 20, 40, "promotion"),
        (None, 40, None, "found"),
    ]


@pytest.mark.parametrize(
    ("minute", "version"),
    [(-1, "nothing"), (0, 1), (9, 1), (10, 7), (19, 7), (20, 1), (39, 1), (40, None), (400, None)],
)
def test_at_a_moment_it_is_one_version(day, cast, minute, version):
    _, began = day
    found = [
        span.version for span in history.timeline(cast.model, alias="Champion", at=began + timedelta(minutes=minute))
    ]
    assert found == ([] if version == "nothing" else [version])


@pytest.mark.parametrize(
    ("minute", "said"),
    [(5, "v1 was champion"), (15, "v7 was champion"), (45, "Nothing was champion")],
    ids=["put", "found", "gone"],
)
def test_the_page_answers_as_the_api_does(day, cast, minute, said):
    _, began = day
    moment = (began + timedelta(minutes=minute)).isoformat()
    text = model_page(cast.model, cast.owner, alias="champion", at=moment)["asked"]["text"]
    assert text.startswith(said)
    assert ("nobody's word" in text) == (minute != 5)


def test_other_aliases_and_the_stage_stand_by_themselves(day, cast):
    _, began = day
    observed(cast, 3, began, alias="stage:production")
    assert shape(history.timeline(cast.model, alias="stage:production"), began) == [(3, 0, None, "found")]
    assert len(history.timeline(cast.model)) == 5
    assert history.timeline(cast.model, alias="canary") == []


def test_the_api_says_on_whose_word_and_by_which_digests(day, cast, client):
    made, began = day
    client.force_login(cast.owner)
    path = f"/api/v1/registered-models/{cast.model.name}/production"
    now = client.get(path, {"at": (began + timedelta(minutes=5)).isoformat(), "alias": "champion"}).json()
    (span,) = now["spans"]
    assert span["word"]["promotion"] == str(made)
    assert {row["name"] for row in span["word"]["approvers"]} == {"Validator", "Risk officer"}
    assert span["word"]["manifest_digest"] == made.approval.manifest_digest
    assert span["word"]["artifact_digest"] == made.version.artifact_digest
    assert span["created_at_ms"] == made.version.mlflow_created_at_ms
    whole = client.get(path).json()
    assert [row["by"] for row in whole["spans"]] == ["promotion", "found", "promotion", "found"]
    assert whole["spans"][1]["word"] is None
    assert client.get(path, {"at": "yesterday"}).status_code == 422


def test_the_timeline_costs_no_more_with_a_longer_past(day, cast):
    _, began = day
    with CaptureQueriesContext(connection) as few:
        history.timeline(cast.model)
    for number in range(20):
        observed(cast, 50 + number, began - timedelta(days=number, minutes=2), began - timedelta(days=number))
    with CaptureQueriesContext(connection) as many:
        assert len(history.timeline(cast.model)) == 24
    assert len(few) == len(many) <= 6


def test_what_the_history_came_to_explain_was_not_found(cast):
    """A pass saw it in MLflow before Placet was told of it."""
    made = cast.live()
    began = AliasHistory.objects.get().during.lower
    row = {"model": cast.model, "alias": "champion"}
    observed(cast, None, began - timedelta(minutes=5), began - timedelta(minutes=2))
    observed(cast, 1, began + timedelta(minutes=1), began + timedelta(minutes=2))
    assert shape(history.timeline(cast.model), began) == [
        (1, 0, 1, "promotion"),
        (1, 1, 2, "found"),
        (1, 2, None, "promotion"),
    ], "another of that number"
    assert deviations.unexplained().count() == 1
    same = ObservedAlias(**row, number=1, mlflow_created_at_ms=made.version.mlflow_created_at_ms)
    same.first_seen_at = began + timedelta(minutes=3)
    with transaction.atomic():
        audit.append(event=Event.DEVIATION_OBSERVED, actor=RECONCILER, subjects=[same], data={})
    assert deviations.unexplained().count() == 1
    assert len(history.timeline(cast.model)) == 3


def test_the_api_tells_of_a_broken_glass(cast, client):
    """Nobody approved it: its word is that of the change alone."""
    change = alias_changes.ask(
        kind="break_glass",
        model=cast.model,
        alias="champion",
        version=a_version(cast.model),
        promotion=None,
        asked_by=cast.owner,
        reason="Version 2 refuses everybody.",
    )
    alias_changes.record(change.pk)
    client.force_login(cast.owner)
    (span,) = client.get(f"/api/v1/registered-models/{cast.model.name}/production").json()["spans"]
    said = {"change": str(change), "changed_as": "break_glass", "changed_by": cast.owner.name, "log_index": None}
    assert (span["by"], span["word"]) == ("break_glass", said)


def test_someone_without_a_role_reads_nothing_of_it(day, cast, client):
    client.force_login(a_user())
    assert client.get(f"/api/v1/registered-models/{cast.model.name}/production").status_code == 404
    assert User.objects.count() > 1


def test_what_is_there_without_a_promotion_is_not_stated(cast):
    from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

    from tests.factories import a_version

    row = AliasHistory(
        model=cast.model, alias="canary", version=a_version(cast.model), during=DateTimeTZRange(clock.now(), None, "[)")
    )
    with transaction.atomic():
        audit.append(event=Event.PROMOTION_APPLIED, actor=RECONCILER, subjects=[row], data={})
    (span,) = history.timeline(cast.model)
    assert (span.by, span.word) == ("unstated", {})
