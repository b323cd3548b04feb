"""What a judgement is made of: states, limits as data, and the parts of the installation that are judged."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """How a part is doing, the best first; ``unknown`` is what could not be asked."""

    GOOD = "good"
    WARN = "warn"
    UNKNOWN = "unknown"
    BAD = "bad"


ORDER = tuple(State)


@dataclass(frozen=True)
class Limit:
    """From which value on a part is no longer quite good, and from which it is bad; the same unit for both."""

    warn: float
    bad: float

    def state(self, value: float) -> State:
        """Return the state of a value, of which more is worse."""
        return State.BAD if value >= self.bad else State.WARN if value >= self.warn else State.GOOD


LIMITS = {
    "database-answer-seconds": Limit(0.5, 2),
    "clock-difference-seconds": Limit(2, 30),
    "sign-of-life-seconds": Limit(45, 120),
    "queue-messages": Limit(200, 2_000),
    "entry-unplaced-seconds": Limit(10, 60),
    "checkpoint-behind-seconds": Limit(30, 300),
    "anchor-late-periods": Limit(2, 10),
    "mlflow-unread-seconds": Limit(90, 600),
    "plugin-silent-seconds": Limit(60, 300),
    "disk-used-share": Limit(0.85, 0.95),
    "evidence-waiting-seconds": Limit(3_600, 21_600),
    "notice-overdue-seconds": Limit(900, 3_600),
    "hook-overdue-seconds": Limit(900, 3_600),
}
"""Where the lines are drawn; the page shows them."""
GUIDE = "docs/how-to/watch-placet.md"


@dataclass(frozen=True)
class Part:
    """One part of the installation, judged.

    Attributes:
        key: a stable word, as the API and the guide's headings name it.
        name: for people.
        value: what was found, in a few words.
        since: since when it is so, where that is known; for a part that works, its last sign.
        means: what it means for people.
        do: what to do; empty where all is well.
        page: the name of the address where more is said; empty if there is none.
    """

    key: str
    name: str
    state: State
    value: str
    means: str
    do: str = ""
    since: datetime | None = None
    page: str = ""

    @property
    def guide(self) -> str:
        """The chapter of the guide about this part."""
        return f"{GUIDE}#{self.key.partition(':')[0]}"


def worse(*states: State) -> State:
    """Return the worst of them."""
    return max(states, key=ORDER.index)


def seconds(now: datetime, then: datetime | None) -> float:
    """Return how long ago something was; 0 for never and for the future."""
    return max((now - then).total_seconds(), 0.0) if then else 0.0
