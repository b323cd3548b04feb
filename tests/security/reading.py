"""Whatever can be read of the one world: each page and each answer of the API, with somebody who is let in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.security import matrix
from tests.security.routes import addresses
from tests.security.world import Actor, World

# Those who see most come first, so that lists are as long as they get.
READERS = ("risk officer", "auditor", "data protection officer", "administrator", "policy author", "owner", "engineer")


@dataclass(frozen=True)
class Reading:
    """One address that somebody reads.

    Attributes:
        name: the route's, such as ``inbox`` or ``api-findings``.
        path: with the parts of the world filled in, and the route's query.
    """

    name: str
    path: str
    actor: Actor

    def ask(self, client: Any) -> Any:
        """Return the answer that ``client`` gets as this reader."""
        client.cookies.clear()
        if self.actor.session:
            client.cookies["sessionid"] = self.actor.session
        return client.get(self.path, headers=self.actor.headers)


def readings(world: World) -> Iterator[Reading]:
    """Yield a reading for each address that answers GET with 200 to somebody who is signed in."""
    for address in addresses():
        route = matrix.route_of("GET", address.name)
        if route is None or route.alone or route.rule in matrix.NEEDS_NO_SIGN_IN:
            continue
        for actor in _in_order(world):
            if matrix.expected(route, actor, "in review", is_api=address.is_api) == "200":
                parts = {**world.named(route.about, "in review"), **dict(route.parts)}
                yield Reading(address.name, address.path(parts) + route.query, actor)
                break


def _in_order(world: World) -> list[Actor]:
    names = [f"{reader}, everywhere" for reader in READERS]
    return sorted(world.actors, key=lambda actor: names.index(actor.name) if actor.name in names else len(names))
