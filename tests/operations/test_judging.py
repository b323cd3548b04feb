"""When a part of the installation is good, when it needs a look and when it does not work."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.common.alive import Disk, SignOfLife
from governance.config.operations.facts import Backlog, Database, Facts, Storage, Unasked
from governance.config.operations.judging import judged, worst
from governance.config.operations.states import GUIDE, LIMITS, Limit, Part, State
from tests.arch.tree import ROOT
from tests.operations.parts import NOON, ROOMY, a_broker, a_gate, a_log, a_place, ago, facts

GOOD, WARN, UNKNOWN, BAD = State.GOOD, State.WARN, State.UNKNOWN, State.BAD


def part(found: Facts, key: str) -> Part:
    """Return one part of the judgement."""
    return next(part for part in judged(found) if part.key == key)


def silent(who: str, **length: float) -> Facts:
    """Return an installation in which one process last gave a sign of life that long ago."""
    signs = {**a_broker().signs, who: SignOfLife(ago(**length), ROOMY)}
    return facts(broker=a_broker(signs=signs))


def never(who: str) -> Facts:
    """Return an installation in which one process never gave a sign of life."""
    return facts(broker=a_broker(signs={name: sign for name, sign in a_broker().signs.items() if name != who}))


def disk_with(free: int) -> Facts:
    """Return an installation whose web server's disk has so many per cent free."""
    return facts(storage=Storage("the bucket", "", Disk(free, 100)))


def clock_apart(seconds: float) -> Facts:
    """Return an installation whose database's clock is ahead by so much."""
    return facts(database=Database(timedelta(milliseconds=2), ago(days=1), timedelta(seconds=seconds), 0))


def test_where_everything_works_every_part_is_good_and_there_is_nothing_to_do():
    parts = judged(facts())
    assert {part.state for part in parts} == {GOOD}
    assert {part.do for part in parts} == {""}
    assert worst(parts) == GOOD
    assert [part.key for part in parts] == [
        *("database", "migrations", "clock", "broker", "worker:default", "disk:default", "worker:evidence"),
        *("disk:evidence", "beat", "notary", "log-time", "anchors:folder:", "mlflow", "gate", "storage", "disk:web"),
        *("evidence", "notices", "hooks"),
    ]


@pytest.mark.parametrize(
    ("broken", "key", "state"),
    [
        (facts(database=Database(timedelta(seconds=0.6), ago(days=1), timedelta(), 0)), "database", WARN),
        (facts(database=Database(timedelta(seconds=2.5), ago(days=1), timedelta(), 0)), "database", BAD),
        (facts(database=Database(timedelta(0), ago(days=1), timedelta(), 2)), "migrations", BAD),
        (clock_apart(1.9), "clock", GOOD),
        (clock_apart(2.1), "clock", WARN),
        (clock_apart(-31), "clock", BAD),
        (facts(log=a_log(newest_at=NOON + timedelta(hours=1))), "log-time", BAD),
        (silent("worker:default", seconds=44), "worker:default", GOOD),
        (silent("worker:default", seconds=60), "worker:default", WARN),
        (silent("worker:default", seconds=121), "worker:default", BAD),
        (never("worker:evidence"), "worker:evidence", BAD),
        (facts(broker=a_broker(waiting={"default": 2_500, "evidence": 0})), "worker:default", BAD),
        (silent("beat", minutes=5), "beat", BAD),
        (never("beat"), "beat", BAD),
        (facts(log=a_log(notary_works=False)), "notary", BAD),
        (facts(log=a_log(waiting=3, oldest_waiting_at=ago(seconds=9))), "notary", GOOD),
        (facts(log=a_log(waiting=3, oldest_waiting_at=ago(seconds=11))), "notary", WARN),
        (facts(log=a_log(waiting=3, oldest_waiting_at=ago(minutes=2))), "notary", BAD),
        (facts(log=a_log(sinks=[])), "anchors", WARN),
        (facts(log=a_log(sinks=[a_place(failing_since=ago(hours=1), error="No.")])), "anchors:folder:", WARN),
        (facts(log=a_log(sinks=[a_place(newest=None)])), "anchors:folder:", WARN),
        (facts(log=a_log(sinks=[a_place(newest=None, failing_since=ago(hours=1))])), "anchors:folder:", BAD),
        (facts(log=a_log(entries=101), now=NOON + timedelta(minutes=2)), "anchors:folder:", WARN),
        (facts(log=a_log(entries=101), now=NOON + timedelta(minutes=20)), "anchors:folder:", BAD),
        (facts(now=NOON + timedelta(minutes=20)), "anchors:folder:", GOOD),  # nothing came after what is there
        (facts(mlflow=a_gate(is_up=False)), "mlflow", BAD),
        (facts(mlflow=a_gate(read_at=ago(minutes=2))), "mlflow", WARN),
        (facts(mlflow=a_gate(read_at=ago(minutes=11))), "mlflow", BAD),
        (facts(mlflow=a_gate(read_at=None)), "mlflow", WARN),
        (facts(mlflow=a_gate(plugin_at=ago(minutes=2))), "gate", WARN),
        (facts(mlflow=a_gate(plugin_at=None)), "gate", BAD),
        (facts(mlflow=a_gate(plugin_at=None, is_governed=False)), "gate", WARN),
        (facts(mlflow=a_gate(detect_only=True, plugin_at=None)), "gate", WARN),
        (facts(storage=Storage("the bucket", "Read-only file system.", ROOMY)), "storage", BAD),
        (disk_with(16), "disk:web", GOOD),
        (disk_with(15), "disk:web", WARN),
        (disk_with(4), "disk:web", BAD),
        (facts(storage=Storage("the bucket", "", None)), "disk:web", UNKNOWN),
        (facts(evidence=Backlog(2, ago(hours=2))), "evidence", WARN),
        (facts(evidence=Backlog(2, ago(hours=7))), "evidence", BAD),
        (facts(notices=Backlog(4, ago(minutes=20))), "notices", WARN),
        (facts(notices=Backlog(0, None, given_up=1)), "notices", WARN),
        (facts(hooks=Backlog(1, ago(hours=2))), "hooks", BAD),
    ],
)
def test_a_fault_is_seen_where_it_is_with_what_to_do(broken: Facts, key: str, state: State):
    found = part(broken, key)
    assert found.state == state, found
    assert bool(found.do) == (state != GOOD)
    assert found.means


def test_what_could_not_be_asked_is_said_and_not_guessed():
    parts = judged(facts(broker=Unasked("The broker does not answer.")))
    found = parts[0]
    assert (found.key, found.state, found.value) == ("broker", UNKNOWN, "can't be asked")
    assert found.means == "The broker does not answer."
    assert not any(part.key in {"beat", "worker:default"} for part in parts)
    assert worst(parts) == UNKNOWN


def test_the_worst_stand_first_and_speak_for_the_whole():
    parts = judged(facts(mlflow=a_gate(is_up=False), log=a_log(sinks=[]), hooks=Unasked("No answer.")))
    assert [part.state for part in parts[:4]] == [BAD, UNKNOWN, WARN, GOOD]
    assert worst(parts) == BAD


def test_since_is_when_the_fault_began_where_that_is_known():
    assert part(facts(log=a_log(waiting=1, oldest_waiting_at=ago(minutes=2))), "notary").since == ago(minutes=2)
    assert part(silent("beat", minutes=5), "beat").since == ago(minutes=5)
    failing = a_place(failing_since=ago(hours=1), error="The folder is full.")
    found = part(facts(log=a_log(sinks=[failing])), "anchors:folder:")
    assert (found.since, found.do) == (ago(hours=1), "The folder is full.")


def test_each_part_has_its_chapter_in_the_guide():
    page = (ROOT / GUIDE).read_text()
    for part in judged(facts(log=a_log(sinks=[a_place()]))):
        path, _, chapter = part.guide.partition("#")
        assert path == GUIDE
        assert f"\n### {chapter}\n" in page, part.key


def test_each_limit_has_its_warning_before_its_fault():
    assert all(limit.warn < limit.bad for limit in LIMITS.values())
    limit = Limit(2, 10)
    assert [limit.state(value) for value in (1.9, 2, 9.9, 10)] == [GOOD, WARN, WARN, BAD]
