"""What was watched in a period, and the population of changes: completeness is an auditor's first question."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from django.db import transaction

from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.audit.models import Entry
from governance.common import clock
from registry import alias_changes, applying, coverage, gate, population, watches
from registry.models import AliasHistory, ApplyGrant
from tests.factories import a_user
from tests.registry.test_production import observed
from tests.reports.factories import notarise

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def beats(source, *minutes, every_s=60, **details):
    for minute in minutes:
        with clock.frozen(START + timedelta(minutes=minute)):
            watches.beat(source=source, details=details, expected_every_s=every_s)


def stated(hours=2, at=None):
    with clock.frozen(at or START + 10 * HOUR):
        return coverage.statement(START, START + hours * HOUR)


def minutes(gaps):
    return [tuple(round((gap[end] - START).total_seconds() / 60) for end in ("from", "to")) for gap in gaps]


def test_gaps_are_what_no_server_covered(db):
    beats("plugin:a", 0, 1, 2, 3)
    beats("plugin:b", 20, 21, 22)
    beats("plugin:c", 21, 22, 23, 24)
    found = stated()["plugin"]
    assert minutes(found["gaps"]) == [(3, 20), (24, 120)]
    assert found["active_s"] == 2 * 3600 - (17 + 96) * 60
    assert [span["source"] for span in found["spans"]] == ["plugin:a", "plugin:b", "plugin:c"]


def test_going_on_with_other_details_is_no_gap(db):
    beats("plugin:a", 0, configuration=None)
    beats("plugin:a", 1, 2, configuration=3)
    beats("plugin:a", 3, 4, configuration=4)
    found = stated(hours=0.1)["plugin"]
    assert len(found["spans"]) == 3
    assert found["gaps"] == []


def test_the_blind_window_is_the_longest_time_between_two_looks(db):
    beats("reconciler:aliases", 0, 1, 2, 5, 6)
    beats("reconciler:aliases", 30, 31)
    assert stated(hours=0.1)["blind_window_s"] == 180
    assert stated(hours=0.52)["blind_window_s"] == 24 * 60
    assert stated(hours=2)["blind_window_s"] == 89 * 60


def test_a_period_that_is_not_over_is_stated_until_now(db):
    beats("reconciler:aliases", 0, 1, 2)
    now = START + timedelta(minutes=2)
    found = stated(at=now)
    assert (found["to"], found["reconciler"]["aliases"]["gaps"]) == (now, [])


def test_it_says_what_it_cannot_know(db):
    assert "Nobody has ever watched" in stated()["unknown"][0]
    beats("reconciler:aliases", 30)
    said = " ".join(stated()["unknown"])
    assert "Watching began at 2026-11-01T00:30:00.000000Z" in said
    assert "No governed MLflow server checked in" in said
    beats("plugin:a", 31)
    said = " ".join(stated()["unknown"])
    assert "another MLflow server, without the plugin" in said
    assert "refused while Placet did not answer" in said, "so the population is not all attempts"


def test_deviations_have_a_length_within_the_period(cast):
    observed(cast, 7, START - HOUR, START + HOUR)
    observed(cast, 8, START + HOUR)
    observed(cast, 9, START - 2 * HOUR, START - HOUR)
    found = stated()
    assert [(row["version"], row["seconds"]) for row in found["deviations"]] == [(7, 3600.0), (8, 3600.0)]
    assert found["unexplained_changes"] == 2


def test_each_alias_write_has_exactly_one_used_grant_or_is_named(cast):
    now = clock.now()

    def grants():
        with clock.frozen(clock.now() + HOUR):
            return coverage.statement(now - HOUR, now + 2 * HOUR)["grants"]

    with_grant, without, failed = (_begun(cast, number) for number in (1, 2, 3))
    _use_a_grant(with_grant)
    alias_changes.record(with_grant.pk)
    alias_changes.record(without.pk)
    _use_a_grant(failed)
    alias_changes.fail(failed.pk, "MLflow went away.")
    found = grants()
    assert (found["alias_writes"], found["with_one_grant"], found["renewals"]) == (2, 1, 0)
    assert [row["change"] for row in found["without_a_grant"]] == [str(without)]
    assert found["used_without_a_write"] == [str(failed)]
    assert found["by_a_permit_while_away"] == found["broken_glasses"] == found["without_a_change"] == []


def test_history_that_no_change_began_is_named(cast):
    now, made = clock.now(), cast.live()
    with clock.frozen(now + HOUR):
        found = coverage.statement(now - HOUR, now + HOUR)
    assert [row["promotion"] for row in found["grants"]["without_a_change"]] == [str(made)]
    assert found["unexplained_changes"] == 1


def _begun(cast, number):
    with transaction.atomic():
        return applying._begin(cast.approved(number=number), actor=alias_changes.APPLIER)


def _use_a_grant(change):
    """What the gate writes when it lets the call through."""
    now = clock.now()
    digest = f"sha256:{sha256(str(change.pk).encode()).hexdigest()}"
    row = ApplyGrant(change=change, digest=digest, made_at=now, expires_at=now + HOUR, used_at=now)
    with transaction.atomic():
        audit.append(event=Event.GATE_ALLOWED, actor=gate.MLFLOW, subjects=[row], data={})


# --- the population ----------------------------------------------------------------------------------------------


@pytest.fixture
def period(committed_cast, tmp_path):
    """A promotion applied, two refusals and a bypass, all placed in the log; returns its time."""
    cast, before = committed_cast, clock.now() - timedelta(seconds=1)
    cast.live()
    for alias in ("champion", '=HYPERLINK("http://evil")'):
        gate.decide(
            identity={"username": "mallory", "source": "basic"},
            action="alias.set",
            subject={"name": cast.model.name, "version": "7"},
            detail={"alias": alias},
            grant=None,
        )
    observed(cast, 7, clock.now())
    notarise(tmp_path)
    return before, clock.now() + timedelta(seconds=1)


def test_the_population_can_be_counted_again_from_the_entries_of_a_bundle(period):
    found = population.draw(*period)
    bodies = [(index, json.loads(body)) for index, body in log.integrated_bodies(found.log_size)]
    within = [(i, b) for i, b in bodies if period[0] <= datetime.fromisoformat(b["at"]) < period[1]]
    assert (found.entries, found.first_index, found.last_index) == (len(within), within[0][0], within[-1][0])
    again = [(index, body["id"]) for index, body in within if body["event"] in population.KINDS]
    assert [(item.index, item.id) for item in found.items] == again
    kinds = found.as_json(found.items, seed=None)["by_kind"]
    assert kinds == {"applied": 1, "found": 1, "refused": 2}
    assert AliasHistory.objects.count() == kinds["applied"]
    empty = population.draw(START - HOUR, START)
    assert (empty.entries, empty.first_index, empty.items) == (0, None, ())


def test_a_sample_is_drawn_by_the_seed_alone(period):
    items = population.draw(*period).items
    by_hand = sorted(items, key=lambda item: sha256(b"audit 7|" + item.id.encode()).hexdigest())[:2]
    assert population.sample(items, 2, "audit 7") == by_hand
    assert population.sample(list(reversed(items)), 2, "audit 7") == by_hand
    assert len(population.sample(items, 99, "x")) == 4
    assert len({tuple(item.id for item in population.sample(items, 2, str(seed))) for seed in range(40)}) > 3


def test_the_csv_holds_no_formula_and_is_counted(period, client):
    auditor = a_user(Role.AUDITOR)
    client.force_login(auditor)
    asked = {"from": period[0].isoformat(), "to": period[1].isoformat()}
    answer = client.get("/api/v1/change-population", asked | {"format": "csv"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[0] == list(population.COLUMNS)
    assert rows[-1] == ["End of the list: 4"]
    assert '\'=HYPERLINK("http://evil")' in {row[5] for row in rows[1:-1]}
    said = json.loads(bytes(Entry.objects.order_by("-seq").first().body))
    assert (said["event"], said["actor"], said["data"]["taken"]) == ("population.exported", auditor.actor_id, 4)


def test_the_api_asks_for_a_period_and_for_both_sample_and_seed(period, client):
    client.force_login(a_user(Role.RISK_OFFICER))
    asked = {"from": period[0].isoformat(), "to": period[1].isoformat()}
    answer = client.get("/api/v1/change-population", asked | {"sample": 2, "seed": "audit 7"}).json()
    assert (len(answer["items"]), answer["count"], answer["sample"]["seed"]) == (2, 4, "audit 7")
    assert answer["log"]["pending"] == 1  # the officer's own role, given after the notary's round
    for wrong in ({}, asked | {"sample": 2}, {"from": asked["to"], "to": asked["from"]}, asked | {"from": "soon"}):
        assert client.get("/api/v1/change-population", wrong).status_code == 422
    assert client.get("/api/v1/coverage", asked).json()["deviations"][0]["version"] == 7
    client.force_login(a_user(Role.ENGINEER))
    assert client.get("/api/v1/coverage", asked).status_code == 403
