"""Judge the facts: which part is good, not quite, or bad, what that means and what to do. Pure, with limits as data."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from governance.config.operations import chain, servers
from governance.config.operations.facts import Backlog, Facts, Unasked
from governance.config.operations.states import LIMITS, ORDER, Part, State, seconds, worse


def judged(facts: Facts) -> list[Part]:
    """Return every part, the worst first and else in the order of the chain that they form."""
    parts = [part for asked, judge, key, name in _judges(facts) for part in _judge(facts.now, asked, judge, key, name)]
    return sorted(parts, key=lambda part: -ORDER.index(part.state))


def worst(parts: Sequence[Part]) -> State:
    """Return the state of the whole: that of its worst part."""
    return max((part.state for part in parts), key=ORDER.index, default=State.GOOD)


Judge = Callable[..., Iterator[Part]]


@dataclass(frozen=True)
class Work:
    """What is said of work that waits: if all is well, and from which limit on what it means and what to do."""

    name: str
    fine: str
    limit: str
    means: str
    do: str
    page: str = ""


WORK = {
    "evidence": Work(
        "Evidence jobs",
        "Evidence is measured as it is asked for.",
        "evidence-waiting-seconds",
        "Requests stay in collecting until their evidence is there.",
        "See the worker of the queue evidence; start another, or look at what fails.",
    ),
    "notices": Work(
        "Messages to people",
        "People are told as things happen.",
        "notice-overdue-seconds",
        "People are not told outside Placet; their inbox and this site have everything.",
        "See PLACET_EMAIL_URL and the channels' servers; what waits is sent by itself then.",
        page="audit-health",
    ),
    "hooks": Work(
        "Retraining hooks",
        "Pipelines are called when a model drifts.",
        "hook-overdue-seconds",
        "A pipeline was not told that its model drifts; the alert stands all the same.",
        "See whether the pipeline's address answers; what waits is sent again by itself.",
    ),
}


def _judges(facts: Facts) -> list[tuple[object, Judge, str, str]]:
    waiting = {"evidence": facts.evidence, "notices": facts.notices, "hooks": facts.hooks}
    return [
        (facts.database, servers.database, "database", "PostgreSQL"),
        (facts.broker, servers.broker, "broker", "Broker, workers and beat"),
        (facts.log, chain.log, "notary", "Notary"),
        (facts.mlflow, chain.mlflow, "mlflow", "MLflow"),
        (facts.storage, servers.storage, "storage", "File storage"),
        *((asked, partial(_backlog, key=key), key, WORK[key].name) for key, asked in waiting.items()),
    ]


def _judge(now: datetime, asked: object, judge: Judge, key: str, name: str) -> list[Part]:
    if isinstance(asked, Unasked):
        do = "Mend what this rests on first, then look again."
        return [Part(key, name, State.UNKNOWN, "can't be asked", asked.why, do)]
    return list(judge(now, asked))


def _backlog(now: datetime, asked: Backlog, *, key: str) -> Iterator[Part]:
    """Judge work that waits: how long the oldest has been due, and whether anything was given up."""
    work = WORK[key]
    overdue = LIMITS[work.limit].state(seconds(now, asked.oldest_at))
    state = worse(overdue, State.WARN if asked.given_up else State.GOOD)
    found = [f"{asked.waiting:,} wait"] if asked.waiting else ["nothing waits"]
    if asked.given_up:
        found.append(f"{asked.given_up:,} given up since yesterday")
    good = state == State.GOOD
    means = work.fine if good else f"{work.means} {asked.error}".strip()
    yield Part(key, work.name, state, ", ".join(found), means, "" if good else work.do, asked.oldest_at, work.page)
