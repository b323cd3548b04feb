"""Judge what gives Placet its weight: the notary, the places outside, MLflow and the gate."""

from collections.abc import Iterator
from datetime import datetime

from governance.audit.vitals import Vitals
from governance.common.templatetags.placet import duration
from governance.config.operations.facts import Mlflow
from governance.config.operations.states import LIMITS, Part, State, seconds, worse


def log(now: datetime, asked: Vitals) -> Iterator[Part]:
    """Judge the notary, the time of the newest entry, and each place outside."""
    waited = seconds(now, asked.oldest_waiting_at)
    behind = seconds(now, asked.signed_at) if asked.unsigned else 0.0
    state = worse(
        State.GOOD if asked.notary_works else State.BAD,
        LIMITS["entry-unplaced-seconds"].state(waited),
        LIMITS["checkpoint-behind-seconds"].state(behind) if asked.oldest_waiting_at else State.GOOD,
    )
    if not asked.notary_works:
        value = "none works"
    elif asked.waiting:
        value = f"{asked.waiting:,} entries wait, the oldest {duration(waited)}"
    else:
        value = f"{asked.signed:,} entries signed, {asked.unsigned:,} not yet"
    yield Part(
        "notary",
        "Notary",
        state,
        value,
        "The log is placed and signed within a second."
        if state == State.GOOD
        else "Decisions are recorded and wait for their place; no permit is signed meanwhile.",
        "" if state == State.GOOD else "Start the notary; its log says what it refuses. Nothing is lost meanwhile.",
        (asked.oldest_waiting_at or asked.signed_at) if state != State.GOOD else asked.signed_at,
        "audit-health",
    )
    ahead = seconds(asked.newest_at, now) if asked.newest_at else 0.0
    state = LIMITS["clock-difference-seconds"].state(ahead)
    yield Part(
        "log-time",
        "Newest log entry",
        state,
        "none yet"
        if asked.newest_at is None
        else f"{duration(ahead)} in the future"
        if state != State.GOOD
        else "in the past",
        "Time goes forward."
        if state == State.GOOD
        else "A clock was set back: until it has caught up, entries stand out of the order of their times.",
        "" if state == State.GOOD else "Mend the clock of PostgreSQL's machine; entries are never changed.",
        asked.newest_at,
        "audit-health",
    )
    yield from _anchors(now, asked)


def _anchors(now: datetime, asked: Vitals) -> Iterator[Part]:
    if not asked.sinks:
        yield Part(
            "anchors",
            "Places outside",
            State.WARN,
            "none yet",
            "Until a checkpoint has left the database, whoever holds the log's key could write it anew.",
            "Start the notary, which names them with its first checkpoint, and read anchor-the-log.md.",
            page="audit-health",
        )
    for sink in asked.sinks:
        newest = sink.newest
        behind = asked.entries - newest.size if newest else asked.entries
        late = seconds(now, newest.at) / max(sink.every.total_seconds(), 60.0) if newest and behind > 0 else 0.0
        failing = LIMITS["anchor-late-periods"].bad if newest is None and sink.failing_since else late
        state = worse(
            LIMITS["anchor-late-periods"].state(failing),
            State.WARN if sink.failing_since or newest is None else State.GOOD,
        )
        yield Part(
            f"anchors:{sink.name}",
            f"Checkpoints at {sink.where}",
            state,
            "fails"
            if sink.failing_since
            else "nothing there yet"
            if newest is None
            else "up to date"
            if state == State.GOOD
            else "late",
            f"{behind:,} entries came after the newest copy there."
            + ("" if state == State.GOOD else " What is younger is not shown to be unchanged by that place."),
            "" if state == State.GOOD else (sink.error or "See whether the notary works and reaches the place."),
            sink.failing_since or (newest.at if newest else None),
            "audit-health",
        )


def mlflow(now: datetime, asked: Mlflow) -> Iterator[Part]:
    """Judge MLflow, and whether it asks the gate."""
    unread_s = seconds(now, asked.read_at)
    read = LIMITS["mlflow-unread-seconds"].state(unread_s) if asked.read_at else State.WARN
    state = read if asked.is_up else State.BAD
    yield Part(
        "mlflow",
        "MLflow",
        state,
        "does not answer" if not asked.is_up else "answers" if read == State.GOOD else "answers, but nobody reads it",
        "A worker reads what is live there every few seconds."
        if state == State.GOOD
        else "Nothing is promoted, and what is moved past Placet is not seen. What serves goes on serving.",
        "" if state == State.GOOD else "Start MLflow." if not asked.is_up else "See the worker of the queue default.",
        asked.read_at,
    )
    silent = seconds(now, asked.plugin_at)
    if asked.detect_only:
        state, value = State.WARN, f"detects, mode {asked.mode}"
        means = "MLflow runs without Placet's plugin: what moves past Placet is reported, never refused."
        do = "Run MLflow with the plugin where you can: govern-an-mlflow-server.md."
    else:
        never = State.BAD if asked.is_governed else State.WARN  # nobody said yet that there is one
        state = LIMITS["plugin-silent-seconds"].state(silent) if asked.plugin_at else never
        value = f"prevents, mode {asked.mode}" if state == State.GOOD else "no governed MLflow server checks in"
        means = (
            "MLflow asks before it moves what is protected."
            if state == State.GOOD
            else "Whether MLflow runs with Placet's plugin is not known: what moves past Placet may go unrefused."
        )
        do = (
            ""
            if state == State.GOOD
            else "Start MLflow with --app-name governed, and see whether it reaches PLACET_URL."
        )
    yield Part("gate", "Gate", state, value, means, do, asked.plugin_at, "gate")
