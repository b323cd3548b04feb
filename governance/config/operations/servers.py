"""Judge the servers that everything rests on: PostgreSQL, the broker with its workers, the file storage."""

from collections.abc import Iterator
from datetime import datetime

from governance.common.alive import Disk
from governance.common.templatetags.placet import duration
from governance.config.operations.facts import Broker, Database, Storage
from governance.config.operations.states import LIMITS, Part, State, seconds, worse


def database(now: datetime, asked: Database) -> Iterator[Part]:
    """Judge PostgreSQL: does it answer, does it fit this release, and is it the same time there?"""
    took = asked.took.total_seconds()
    state = LIMITS["database-answer-seconds"].state(took)
    yield Part(
        "database",
        "PostgreSQL",
        state,
        f"answers in {took * 1000:.0f} ms",
        "Everything waits for it."
        if state != State.GOOD
        else "Its own disk can't be asked from here: watch it where it runs.",
        "Look at its load, its disk and the network between." if state != State.GOOD else "",
        asked.running_since,
    )
    yield Part(
        "migrations",
        "Migrations",
        State.BAD if asked.lacking else State.GOOD,
        f"{asked.lacking} apps behind" if asked.lacking else "all applied",
        "This release and its tables do not fit." if asked.lacking else "The tables are those of this release.",
        "Run manage.py migrate as the owner." if asked.lacking else "",
    )
    ahead = asked.ahead.total_seconds()
    state = LIMITS["clock-difference-seconds"].state(abs(ahead))
    apart = f"{abs(ahead):.1f} s {'behind' if ahead > 0 else 'ahead of'} PostgreSQL's"
    yield Part(
        "clock",
        "Clock of this machine",
        state,
        "as PostgreSQL's" if state == State.GOOD else apart,
        "Times in the log, codes of authenticator apps and grants of seconds rest on it."
        + (" If both are on one machine, a jump shows in the log's newest entry alone." if state == State.GOOD else ""),
        "Have both machines set their clocks by NTP." if state != State.GOOD else "",
    )


def broker(now: datetime, asked: Broker) -> Iterator[Part]:
    """Judge Valkey and those who work from it: workers, by queue, and beat."""
    yield Part(
        "broker",
        "Broker and cache",
        State.GOOD,
        "answers",
        "It holds hints only: what it loses, the sweeps send again.",
        since=asked.running_since,
    )
    for queue, messages in asked.waiting.items():
        yield _worker(now, asked, queue, messages)
        if (sign := asked.signs.get(f"worker:{queue}")) and sign.disk:
            yield disk(sign.disk, queue, f"the worker of queue {queue}")
    beat = asked.signs.get("beat")
    silent_s = seconds(now, beat.at if beat else None)
    state = LIMITS["sign-of-life-seconds"].state(silent_s) if beat else State.BAD
    yield Part(
        "beat",
        "Beat",
        state,
        f"sent work {duration(silent_s)} ago" if beat else "no sign of life",
        "Sweeps and schedules run."
        if state == State.GOOD
        else "Sweeps, monitors and the watch over MLflow are started by nobody.",
        "Start the process beat; its log says why it ended. After the cache was wiped, wait a minute first."
        if state != State.GOOD
        else "",
        beat.at if beat else None,
    )


def _worker(now: datetime, asked: Broker, queue: str, messages: int) -> Part:
    sign = asked.signs.get(f"worker:{queue}")
    silent_s = seconds(now, sign.at if sign else None)
    silent = LIMITS["sign-of-life-seconds"].state(silent_s) if sign else State.BAD
    state = worse(silent, LIMITS["queue-messages"].state(messages))
    if silent != State.GOOD:
        value = f"silent for {duration(silent_s)}" if sign else "no sign of life"
        do = f"Start a worker for the queue {queue}. After the cache was wiped, wait a minute first."
    else:
        value = f"works, {messages:,} messages wait"
        do = "Start more workers for this queue, or see which task takes long." if state != State.GOOD else ""
    means = "Takes its work as it comes." if state == State.GOOD else _IDLE.get(queue, "Its work waits.")
    return Part(f"worker:{queue}", f"Worker, queue {queue}", state, value, means, do, sign.at if sign else None)


_IDLE = {
    "default": "Approved changes are not applied, MLflow is not watched, documents and messages wait.",
    "evidence": "Evidence is not measured, so requests stay in collecting.",
}


def storage(now: datetime, asked: Storage) -> Iterator[Part]:
    """Judge where files lie, and the disk of this web server."""
    state = State.BAD if asked.refused else State.GOOD
    yield Part(
        "storage",
        "File storage",
        state,
        "takes no file" if asked.refused else "takes files",
        f"A file was written to {asked.where} and deleted again." if state == State.GOOD else asked.refused,
        ""
        if state == State.GOOD
        else "Give Placet the right to write there, or make room. Records and evidence are refused until then.",
    )
    yield disk(asked.disk, "web", "this web server")


def disk(found: Disk | None, key: str, where: str) -> Part:
    """Judge the disk that one machine writes files to."""
    if found is None:
        why = "The folder of PLACET_STORAGE_URL or PLACET_STORAGE_SPOOL is not there."
        return Part(f"disk:{key}", f"Disk of {where}", State.UNKNOWN, "can't be asked", why, "Make the folder.")
    state = LIMITS["disk-used-share"].state(1 - found.share_free)
    free = f"{found.free / 2**30:,.1f} of {found.total / 2**30:,.1f} GiB free"
    return Part(
        f"disk:{key}",
        f"Disk of {where}",
        state,
        free,
        "Where this process writes files."
        if state == State.GOOD
        else "When it is full, no file of evidence and no records are taken.",
        "" if state == State.GOOD else "Make room or enlarge it; what waits is taken up by itself then.",
    )
