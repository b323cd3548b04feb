"""Whatever dies while records come in, each acknowledged record is there exactly once.

Gunicorn, PostgreSQL, Valkey and the Celery worker are real, and all but PostgreSQL are killed; each batch is sent until
it is acknowledged.
"""

from __future__ import annotations

import http.client
import json
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hostile_bodies import arrow
from ingest_servers import Servers
from monitor_world import World, a_frame, lines_of

from governance.common import clock
from monitoring import duplicates, tasks, windows
from monitoring.blocks import ARROW_STREAM
from monitoring.intake import JSON_LINES
from monitoring.models import RecordBatch, WindowProfile
from tests.evidence.test_worker_kills import celery_at
from tests.proving import count

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BATCHES, ROWS, SENDERS = count(200, 30), 40, 4
KILLS = count(24, 5)
EACH_AT_LEAST_ONCE = ("web", "worker", "broker", "broker, emptied")
PATIENCE_S = 600.0


@pytest.fixture
def servers(monitor: Any, tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path)
    try:
        made.start_broker(empty=True)
        made.start("web")
        made.start("worker")
        made.answers()
        yield made
    finally:
        for name in list(made.running):
            made.kill(name)


def body_of(number: int) -> tuple[bytes, str]:
    """Return a batch of records with ids of their own, in one of two formats."""
    import pyarrow as pa

    rows = [json.loads(line) for line in lines_of(a_frame(ROWS, seed=number), hours=72).splitlines()]
    rows = [{**row, "prediction_id": f"{number}-{place}"} for place, row in enumerate(rows)]
    if number % 2:
        return "\n".join(map(json.dumps, rows)).encode(), JSON_LINES
    return arrow(pa.Table.from_pylist(rows)), ARROW_STREAM


class Senders:
    """Threads that send each batch until it is acknowledged, whatever happens to who answers."""

    def __init__(self, port: int, monitor: Any, token: str) -> None:
        self.port, self.token = port, token
        self.address = f"/api/v1/monitors/{monitor.pk}/records"
        self.waiting: queue.Queue[int] = queue.Queue()
        self.acknowledged: Counter[int] = Counter()
        self.refused: list[str] = []
        self.tries = 0
        for number in range(BATCHES):
            self.waiting.put(number)
        self.threads = [threading.Thread(target=self._send_all) for _ in range(SENDERS)]

    @property
    def done(self) -> bool:
        return sum(self.acknowledged.values()) + len(self.refused) >= BATCHES

    def wait_for_more(self, number: int) -> None:
        """Wait until so many more batches are acknowledged, or all."""
        enough = sum(self.acknowledged.values()) + number
        while not self.done and sum(self.acknowledged.values()) < enough:
            time.sleep(0.002)

    def _send_all(self) -> None:
        ends = time.monotonic() + PATIENCE_S
        while True:
            try:
                number = self.waiting.get_nowait()
            except queue.Empty:
                return
            while time.monotonic() < ends and not self._send(number):
                time.sleep(0.05)

    def _send(self, number: int) -> bool:
        body, content_type = body_of(number)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        if number % 3 == 0:
            headers["Idempotency-Key"] = f"batch {number}"
        self.tries += 1
        try:
            link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            link.request("POST", f"{self.address}?batch=b-{number}", body, headers)
            answer = link.getresponse()
            text = answer.read().decode()
            link.close()
        except (OSError, http.client.HTTPException):
            return False
        if answer.status >= 500:
            return False
        if answer.status in {200, 201}:
            self.acknowledged[number] += 1
        else:
            self.refused.append(f"{answer.status}: {text}")
        return True


def kill_at_random(servers: Servers, senders: Senders, seed: int) -> Counter[str]:
    """Kill the web process, the worker or the broker again and again while batches come in; return how often each.

    Each time some more were acknowledged since it last answered, so that it is at work, and never so many that all come
    in before the last kill. A broker stays away until a batch was acknowledged without it; then it has what it had, or
    nothing any more.
    """
    draw, most = random.Random(seed), max(1, BATCHES // (KILLS + 1) - SENDERS)  # noqa: S311 (no secret)
    victims = [*EACH_AT_LEAST_ONCE, *draw.choices(["web", *EACH_AT_LEAST_ONCE], k=KILLS - len(EACH_AT_LEAST_ONCE))]
    draw.shuffle(victims)
    killed: Counter[str] = Counter()
    for victim in victims:
        senders.wait_for_more(draw.randint(1, most))
        if senders.done:
            break
        time.sleep(draw.uniform(0, 0.2))
        name = victim.split(",")[0]
        servers.kill(name)
        killed[victim] += 1
        if name == "broker":
            senders.wait_for_more(1)
            servers.start_broker(empty=victim.endswith("emptied"))
            continue
        servers.start(name)
        if name == "web":
            servers.answers()
    return killed


def test_every_acknowledged_record_is_there_exactly_once(servers: Servers, world: World, monitor: Any) -> None:
    windows.reference_of(monitor, world.version)
    senders = Senders(servers.port, monitor, world.token)
    for thread in senders.threads:
        thread.start()
    killed = kill_at_random(servers, senders, seed=20261127)
    for thread in senders.threads:
        thread.join(PATIENCE_S)
    assert senders.refused == []
    assert senders.acknowledged == Counter(range(BATCHES)), servers.log("web")
    assert sum(killed.values()) == KILLS, "all came in before enough had been killed"
    assert killed.keys() == {*EACH_AT_LEAST_ONCE}
    assert senders.tries > BATCHES, "no kill hit a call"

    rows = {row.batch_id: row for row in RecordBatch.objects.all()}
    assert rows.keys() == {f"b-{number}" for number in range(BATCHES)}
    assert {row.rows for row in rows.values()} == {ROWS}
    named = {path: row for row in rows.values() for path in windows.paths_of(row)}
    on_disk = set(windows.home_of(monitor.pk).glob("date=*/batch=*.parquet"))
    assert on_disk == named.keys()
    ids = Counter(name for path in named for name in pq.read_table(path).column("prediction_id").to_pylist())
    wanted = {f"{number}-{place}" for number in range(BATCHES) for place in range(ROWS)}
    assert ids == Counter(wanted)

    until_counted(servers)
    profiles = WindowProfile.objects.filter(batch__monitor=monitor)
    assert sum(profile.rows for profile in profiles) == BATCHES * ROWS
    assert profiles.count() == len(named)
    assert set(RecordBatch.objects.values_list("duplicates", flat=True)) == {0}


def until_counted(servers: Servers) -> None:
    """Do what beat and a drift run do: send again what no message reached, and count what was not counted ahead."""
    ends = time.monotonic() + PATIENCE_S / 4
    waiting = RecordBatch.objects.filter(duplicates=None)
    with celery_at(servers.broker):
        while waiting.exists():
            assert time.monotonic() < ends, servers.log("worker")
            with clock.frozen(clock.now() + 2 * duplicates.AGE_TO_SWEEP):
                tasks.sweep_batches()
            patience = time.monotonic() + 10
            while waiting.exists() and time.monotonic() < patience:
                time.sleep(0.1)
    for batch in RecordBatch.objects.all():
        tasks.profile_batch(str(batch.pk))
