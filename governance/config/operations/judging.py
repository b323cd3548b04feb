"""Judge the facts: which part is good, not quite, or bad, what that means and what to do. Pure, with limits as data."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

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


def _judges(facts: Facts) -> list[tuple[object, Judge, str, str]]:
    return [
        (facts.database, servers.database, "database", "PostgreSQL"),
        (facts.broker, servers.broker, "broker", "Broker, workers and beat"),
        (facts.log, chain.log, "notary", "Notary"),
        (facts.mlflow, chain.mlflow, "mlflow", "MLflow"),
        (facts.storage, servers.storage, "storage", "File storage"),
        (facts.evidence, _evidence, "evidence", "Evidence jobs"),
        (facts.notices, _notices, "notices", "Messages to people"),
        (facts.hooks, _hooks, "hooks", "Retraining hooks"),
    ]


def _judge(now: datetime, asked: object, judge: Judge, key: str, name: str) -> list[Part]:
    if isinstance(asked, Unasked):
        do = "Mend what this rests on first, then look again."
        return [Part(key, name, State.UNKNOWN, "can't be asked", asked.why, do)]
    return list(judge(now, asked))


def _evidence(now: datetime, asked: Backlog) -> Iterator[Part]:
    yield _backlog(
        now,
        asked,
        Part("evidence", "Evidence jobs", State.GOOD, "", "Evidence is measured as it is asked for."),
        limit="evidence-waiting-seconds",
        means="Requests stay in collecting until their evidence is there.",
        do="See the worker of the queue evidence; start another, or look at what fails.",
    )


def _notices(now: datetime, asked: Backlog) -> Iterator[Part]:
    yield _backlog(
        now,
        asked,
        Part("notices", "Messages to people", State.GOOD, "", "People are told as things happen.", page="audit-health"),
        limit="notice-overdue-seconds",
        means="People are not told outside Placet; their inbox and this site have everything.",
        do="See PLACET_EMAIL_URL and the channels' servers; what waits is sent by itself then.",
    )


def _hooks(now: datetime, asked: Backlog) -> Iterator[Part]:
    yield _backlog(
        now,
        asked,
        Part("hooks", "Retraining hooks", State.GOOD, "", "Pipelines are called when a model drifts."),
        limit="hook-overdue-seconds",
        means="A pipeline was not told that its model drifts; the alert stands all the same.",
        do="See whether the pipeline's address answers; what waits is sent again by itself.",
    )


def _backlog(now: datetime, asked: Backlog, good: Part, *, limit: str, means: str, do: str) -> Part:
    overdue = seconds(now, asked.oldest_at)
    state = worse(LIMITS[limit].state(overdue), State.WARN if asked.given_up else State.GOOD)
    found = [f"{asked.waiting:,} wait"] if asked.waiting else ["nothing waits"]
    if asked.given_up:
        found.append(f"{asked.given_up:,} given up since yesterday")
    bad = state != State.GOOD
    return Part(
        good.key,
        good.name,
        state,
        ", ".join(found),
        f"{means} {asked.error}".strip() if bad else good.means,
        do if bad else "",
        asked.oldest_at,
        good.page,
    )
