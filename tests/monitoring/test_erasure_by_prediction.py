"""What is about a person's predictions goes with them: sent again without the person, put aside, under a hashed id."""

import json

import pytest
from monitor_world import START, an_officer, send
from test_record_erasure import WEEK, erase, everything, late, of_people

from monitoring import keeping
from monitoring.errors import NothingToErase

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def officer(world):
    return an_officer(world)


def changed(body, **more):
    """Return records with other values; None leaves a column out."""
    rows = [{**json.loads(line), **more} for line in body.splitlines()]
    kept = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return "\n".join(map(json.dumps, kept)).encode()


def test_a_prediction_that_was_sent_again_without_the_person_goes_too(monitor, world, officer, storage):
    keeping.set_intake(monitor_id=monitor.pk, intake={"quarantine": True}, actor=world.owner)
    whole = of_people(6)
    send(monitor, world, whole)
    send(monitor, world, changed(whole, subject_id=None), "again")
    odd = of_people(6, months=lambda row: "x" if row < 3 else 12)
    send(monitor, world, changed(odd, subject_id=None), "aside")
    send(monitor, world, changed(of_people(6, start=START + WEEK), subject_id="bob"), "bobs")
    done = erase(monitor, officer, subject="ada-0").erasure
    # p0 and p3 were hers: twice in files, then p0 put aside and p3 in a file; as Bob's they are Bob's.
    assert (done.records, done.quarantined) == (2 + 2 + 1, 1)
    left = everything(storage)
    assert b"ada-0" not in left
    assert left.count(b'"bob"') == 6
    with pytest.raises(NothingToErase):
        erase(monitor, officer, subject="ada-0")
    assert erase(monitor, officer, prediction_id="p0").erasure.records == 1, "by its id it goes, whoever's it is"


def test_labels_go_although_ids_have_been_hashed_since(monitor, world, officer, settings):
    settings.RECORDS_KEY = "k"
    send(monitor, world, of_people(6))
    late(monitor, world, ["p0", "p1"], "plain")
    keeping.set_intake(monitor_id=monitor.pk, intake={"hash": ["prediction_id"]}, actor=world.owner)
    late(monitor, world, ["p3", "p4"], "hashed")
    done = erase(monitor, officer, subject="ada-0").erasure
    assert (done.records, done.labels) == (2, 2)


def test_labels_go_that_came_before_ids_were_hashed(monitor, world, officer, storage, settings):
    settings.RECORDS_KEY = "k"
    late(monitor, world, ["p0", "p1"], "early")
    send(monitor, world, changed(of_people(6), subject_id=None), "early")
    keeping.set_intake(monitor_id=monitor.pk, intake={"hash": ["prediction_id"]}, actor=world.owner)
    send(monitor, world, of_people(6), "hashed")
    done = erase(monitor, officer, subject="ada-0").erasure
    assert (done.records, done.labels) == (2 + 2, 1)
    left = everything(storage)
    assert b'"p0"' not in left
    assert b'"p1"' in left
