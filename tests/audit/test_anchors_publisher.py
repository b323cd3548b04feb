"""Sinks are served beside the notary: a slow one delays nobody, a failing one is remembered and tried again."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.db import connection
from pytest_django.fixtures import Settings

from governance.audit import health as log_health
from governance.audit import selectors
from governance.audit.anchors.folder import Folder
from governance.audit.anchors.publisher import FIRST_RETRY, LAST_RETRY, Publisher
from governance.audit.anchors.sinks import as_file_name
from governance.audit.errors import AnchorUnavailable, LogInconsistent
from governance.audit.export import export_bundle
from governance.audit.forking import fork
from governance.audit.models import Anchor, AnchorSink
from governance.audit.notary import Notary
from governance.common import clock
from placet.verify import verify_bundle, verify_consistency
from tests.audit.anchoring import SOON, FakeSink
from tests.audit.entries import ME, append

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_thread_is_left(notary: Notary) -> Iterator[None]:
    notary.heartbeat_at = clock.now() + timedelta(days=365)  # a clock that is set forward writes no heartbeats
    yield
    assert notary.publisher.close(within=SOON), "a thread did not end"


def of(sink: FakeSink) -> list[int]:
    """Return the sizes that stand anchored with a sink."""
    rows = Anchor.objects.filter(sink=sink.name).order_by("checkpoint_id")
    return list(rows.values_list("checkpoint_id", flat=True))


def test_a_slow_sink_delays_neither_the_rounds_nor_the_other_sinks(notary: Notary) -> None:
    slow, quick = FakeSink(name="s3://slow"), FakeSink(name="s3://quick")
    slow.may_go.clear()
    notary.publisher = Publisher([slow, quick])
    append()
    notary.round()
    assert slow.entered.wait(20)
    # The slow one is in the middle of its publication, and will be until we let it: rounds go on all the same.
    append(2)
    assert notary.round() == 2
    assert selectors.newest_checkpoint().size == 3
    assert quick.entered.wait(20)
    with notary.publisher._changed:
        assert notary.publisher._changed.wait_for(lambda: of(quick) != [], 20)
    assert (slow.sizes, of(slow)) == ([1], [])
    slow.may_go.set()
    assert notary.publisher.settle(within=SOON)
    assert of(slow) == [1]


def test_two_sinks_one_failing_the_other_is_published(notary: Notary) -> None:
    broken = FakeSink(name="s3://broken", failure=AnchorUnavailable("s3://broken is down."))
    fine = FakeSink(name="s3://fine")
    notary.publisher = Publisher([broken, fine])
    append(3)
    assert notary.round() == 3
    assert notary.publisher.settle(within=SOON)
    assert (of(broken), of(fine)) == ([], [3])
    append()
    assert notary.round() == 1  # and the notary signs on
    assert selectors.newest_checkpoint().size == 4
    health = {sink.name: sink for sink in selectors.anchor_sinks()}
    assert (health["s3://broken"].error, health["s3://broken"].attempts) == ("s3://broken is down.", 1)
    assert health["s3://broken"].failing_since is not None
    assert (health["s3://broken"].newest, health["s3://broken"].where) == (None, "object store s3://broken")
    assert (health["s3://fine"].error, health["s3://fine"].failing_since) == ("", None)
    assert health["s3://fine"].newest.size == 3
    (sign,) = [sign for sign in log_health.signs() if sign.name == "Places outside"]
    assert (sign.value, sign.tone, sign.text) == ("1 of 2 fail", "warn", "s3://broken is down.")
    assert sign.since == health["s3://broken"].failing_since


def test_a_defect_in_a_sink_is_a_failure_like_another(notary: Notary, caplog: pytest.LogCaptureFixture) -> None:
    odd = FakeSink(failure=KeyError("defect"))
    notary.publisher = Publisher([odd])
    append()
    notary.round()
    assert notary.publisher.settle(within=SOON)
    assert AnchorSink.objects.get().error == "KeyError: 'defect'"
    assert "unexpected failure" in caplog.text


def test_the_proof_and_the_reference_are_kept(notary: Notary) -> None:
    sink = FakeSink()
    notary.publisher = Publisher([sink], background=False)
    append(2)
    notary.round()
    anchor = Anchor.objects.get()
    assert (bytes(anchor.proof), anchor.reference) == (b"proof", f"{sink.name} {sink.given[0].digest}")
    assert (sink.given[0].origin, sink.given[0].previous_size) == (configured.LOG_ORIGIN, 0)


def test_a_sink_is_served_at_its_own_pace_with_the_newest_checkpoint(notary: Notary) -> None:
    sink, now = FakeSink(every=timedelta(hours=1)), clock.now()
    notary.publisher = Publisher([sink], background=False)
    for minutes, wanted in ((0, [1]), (30, [1]), (59, [1]), (60, [1, 4]), (61, [1, 4])):
        append()
        with clock.frozen(now + timedelta(minutes=minutes)):
            notary.round()
            assert sink.sizes == wanted
    assert sink.given[1].previous_size == 1
    first, second = sink.given
    verify_consistency(1, 4, first.root, second.root, second.prove_from(1))
    assert second.prove_from(0) == second.prove_from(4) == []


def test_nothing_new_is_nothing_to_publish(notary: Notary) -> None:
    sink, now = FakeSink(), clock.now()
    notary.publisher = Publisher([sink], background=False)
    append()
    for minutes in range(3):
        with clock.frozen(now + timedelta(minutes=minutes)):
            notary.round()
    assert sink.sizes == [1]


def test_the_pace_holds_over_a_restart(notary: Notary) -> None:
    append()
    sink = FakeSink(every=timedelta(hours=1))
    notary.publisher = Publisher([sink], background=False)
    notary.round()
    append()
    notary.publisher = Publisher([sink], background=False)
    notary.round()
    assert sink.sizes == [1]


def test_a_failing_sink_is_tried_less_and_less_often_and_recovers(notary: Notary) -> None:
    sink, now = FakeSink(failure=AnchorUnavailable("down")), clock.now()
    notary.publisher = Publisher([sink], background=False)
    append()
    tried = []
    for seconds in range(0, 1300, 5):
        with clock.frozen(now + timedelta(seconds=seconds)):
            before = len(sink.given)
            notary.round()
            if len(sink.given) > before:
                tried.append(seconds)
    assert tried == [0, 5, 15, 35, 75, 155, 315, 635, 1275]
    assert FIRST_RETRY < LAST_RETRY < timedelta(hours=1)
    row = AnchorSink.objects.get()
    assert (row.attempts, row.failing_since, row.tried_at) == (9, now, now + timedelta(seconds=1275))
    sink.failure = None
    with clock.frozen(now + timedelta(seconds=1275) + LAST_RETRY):
        notary.round()
    row.refresh_from_db()
    assert (row.attempts, row.failing_since, row.error, of(sink)) == (0, None, "", [1])


def test_since_when_it_fails_survives_a_restart(notary: Notary) -> None:
    sink, now = FakeSink(failure=AnchorUnavailable("down")), clock.now()
    append()
    for minutes in (0, 60):
        notary.publisher = Publisher([sink], background=False)
        with clock.frozen(now + timedelta(minutes=minutes)):
            notary.round()
    row = AnchorSink.objects.get()
    assert (row.failing_since, row.tried_at) == (now, now + timedelta(minutes=60))


def test_after_a_fork_every_place_gets_the_log_of_the_new_name_from_its_beginning(
    notary: Notary, settings: Settings
) -> None:
    sink = FakeSink(every=timedelta(hours=1))
    notary.publisher = Publisher([sink], background=False)
    notary.open()
    append(5)
    notary.round()
    before, old = sink.given[0], notary.origin
    settings.LOG_ORIGIN = "placet.localhost/audit/2"
    successor = replace(notary, origin=settings.LOG_ORIGIN)
    fork(successor, after=before.note, vkeys=[notary.vkey], reason="restored from the back-up of Monday")
    successor.publisher = Publisher([sink], background=False)
    with clock.frozen(clock.now() + timedelta(hours=2)):
        successor.round()
    after = sink.given[1]
    assert (before.origin, after.origin) == (old, settings.LOG_ORIGIN)
    assert after.previous_size == 0  # a witness, say, holds nothing of the new name
    assert after.size == before.size + 1
    assert before.file_name != after.file_name
    assert Anchor.objects.filter(sink=sink.name).count() == 2


def test_a_sink_that_is_configured_no_more_is_not_shown(notary: Notary) -> None:
    append()
    for name in ("s3://old", "s3://new"):
        notary.publisher = Publisher([FakeSink(name=name)], background=False)
        notary.round()
    assert [sink.name for sink in selectors.anchor_sinks()] == ["s3://new"]
    assert Anchor.objects.count() == 2


@pytest.mark.parametrize("background", [True, False])
def test_another_checkpoint_in_the_folder_stops_the_notary(notary: Notary, tmp_path: Path, background: bool) -> None:
    notary.publisher = Publisher([Folder(tmp_path)], background=background)
    (tmp_path / f"{as_file_name(configured.LOG_ORIGIN)}.{1:020d}.note").write_text("another\n")
    append()
    with pytest.raises(LogInconsistent, match="holds another checkpoint"):
        notary.round()
        notary.publisher.settle(within=SOON)
    with pytest.raises(LogInconsistent):
        notary.round()
    assert "holds another checkpoint" in AnchorSink.objects.get().error


def test_closing_waits_for_what_is_under_way_and_begins_nothing_new(notary: Notary) -> None:
    slow = FakeSink()
    slow.may_go.clear()
    notary.publisher = Publisher([slow])
    append()
    notary.round()
    assert slow.entered.wait(20)
    assert not notary.publisher.close(within=timedelta(0))  # it can't end, and says so
    append()
    notary.round()
    slow.may_go.set()
    assert notary.publisher.close(within=SOON)
    assert (slow.sizes, of(slow)) == ([1], [1])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("anchor ")]


def test_no_connection_of_a_publishing_thread_stays_open(notary: Notary) -> None:
    notary.publisher = Publisher([FakeSink(name=f"s3://{n}") for n in range(3)])
    append()
    notary.round()
    assert notary.publisher.settle(within=SOON)
    ends = time.monotonic() + 10
    while (count := connections_here()) > 1 and time.monotonic() < ends:
        time.sleep(0.05)  # PostgreSQL notices a closed connection a moment later
    assert count == 1


def connections_here() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def test_the_bundle_holds_each_anchored_checkpoint_once(notary: Notary, tmp_path: Path) -> None:
    notary.publisher = Publisher([FakeSink(name=f"s3://{n}") for n in range(3)], background=False)
    now = clock.now()
    for minutes in range(2):
        append()
        with clock.frozen(now + timedelta(minutes=minutes)):
            notary.round()
    assert Anchor.objects.count() == 6
    bundle = export_bundle(tmp_path / "bundle.zip", actor=ME, wait=notary.round)
    assert str(verify_bundle(bundle, policy=f"log {notary.vkey}\n").integrity) == "holds"
