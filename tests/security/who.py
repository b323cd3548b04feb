"""Those who ask, as the rules name them: by a role and where it is for, or by their part in a thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.security.world import ANYWHERE, Actor


@dataclass(frozen=True)
class Who:
    """Some of those who ask."""

    says: str
    fits: Callable[[Actor], bool]

    def __or__(self, other: Who) -> Who:
        return Who(f"{self.says}; {other.says}", lambda actor: self.fits(actor) or other.fits(actor))


def role(*roles: str) -> Who:
    """Who holds one of the roles for the system or for all systems."""
    return Who(_listed(roles), lambda actor: actor.reaches and actor.role in roles)


def everywhere(*roles: str) -> Who:
    """Who holds one of the roles for the whole deployment."""
    said = f"{_listed(roles)} for the whole deployment"
    return Who(said, lambda actor: actor.where == ANYWHERE and actor.role in roles)


def part(name: str, says: str) -> Who:
    """Who has a part in the thing."""
    return Who(says, lambda actor: name in actor.parts)


def _listed(roles: tuple[str, ...]) -> str:
    return ", ".join(name.replace("_", " ") for name in roles)


ANYBODY = Who("anybody else", lambda actor: True)
HAS_ROLE = Who("whoever holds any role", lambda actor: bool(actor.role))
READER = Who("whoever a role reaches the system", lambda actor: actor.reaches)
REQUESTER = part("requester", "the requester")
REQUEST_READER = READER | REQUESTER
SPEAKER = Who(
    "whoever reads it: a person signed in, a machine by its token",
    lambda actor: REQUEST_READER.fits(actor) and (actor.scopes is None or actor.is_service),
)
OWNER = part("owner", "the system's owner")
BARRED = Who(
    "the requester, the trainer and the owner", lambda actor: bool(actor.parts & {"requester", "trainer", "owner"})
)
OWN_PROPOSAL = Who("the proposer and the system's owner", lambda actor: bool(actor.parts & {"owner", "proposer"}))
ELIGIBLE = part("eligible", "who is eligible for the open stage")
MACHINE = Who("a machine whose role reaches the system", lambda actor: actor.is_service and actor.reaches)
EVERYWHERE = Who("whoever holds a role for the whole deployment", lambda actor: actor.where == ANYWHERE)
REPLAYER = everywhere("policy_author", "policy_publisher", "risk_officer")
KEEPER = role("owner", "engineer", "risk_officer", "validator", "administrator")
LOG_READER = everywhere("auditor", "risk_officer", "data_protection_officer", "administrator")
EXPORTER = everywhere("auditor", "risk_officer", "administrator")
PEOPLE_READER = everywhere("administrator", "auditor")
REVIEWER = part("reviewer", "the reviewer")
VALIDATES = part("validates", "its validator")
