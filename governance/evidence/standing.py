"""Whether a submitted document counts, and if not, why not: one place for pages, policies and sweeps. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from governance.common import clock

TYPE = "submitted_document/v1"
NAME = "submitted_document"
WARNED_DAYS = 30
"""So long before the end, pages say that a document expires soon."""


class Standing(StrEnum):
    """Where a document stands."""

    ACCEPTED = "accepted"
    WAITING = "waiting"
    REFUSED = "refused"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Paper:
    """A submitted document as policies see it.

    Attributes:
        expires_on: the last day on which it counts.
        reviews: verdict and time of each review, oldest first.
    """

    kind: str
    issued_on: date
    expires_on: date
    reviews: Sequence[tuple[str, datetime]] = ()

    def standing(self, at: datetime) -> Standing:
        """Return where it stood at a moment; one refusal outweighs every acceptance."""
        said = {verdict for verdict, when in self.reviews if when <= at}
        if "refused" in said:
            return Standing.REFUSED
        if at.date() > self.expires_on:
            return Standing.EXPIRED
        return Standing.ACCEPTED if said else Standing.WAITING

    def days_left(self, at: datetime) -> int:
        """Return how many days it counts after that of ``at``: 0 on its last day, negative once it has expired."""
        return (self.expires_on - at.date()).days

    def why_not(self, at: datetime) -> str:
        """Return in one sentence why it does not count; empty when it does."""
        return {
            Standing.ACCEPTED: "",
            Standing.WAITING: "It was submitted, and waits for another person's review",
            Standing.REFUSED: "A reviewer refused the document",
            Standing.EXPIRED: f"The document expired on {clock.day(self.expires_on)}",
        }[self.standing(at)]

    def facts(self, at: datetime) -> dict[str, str | int | bool]:
        """Return the scalars that a policy may name below its kind."""
        return {
            "issued_on": self.issued_on.isoformat(),
            "expires_on": self.expires_on.isoformat(),
            "days_left": self.days_left(at),
            "age_days": (at.date() - self.issued_on).days,
            "reviewed": bool(self.reviews),
        }
