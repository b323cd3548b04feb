"""Who acts: a pseudonymous id. Names live elsewhere and can be erased without breaking a proof."""

from dataclasses import dataclass
from typing import Protocol


class Actor(Protocol):
    """Whatever can stand as the actor of an entry: a person, a service account or a process of Placet."""

    @property
    def actor_id(self) -> str:
        """Return ``person:<uuid>``, ``service:<uuid>`` or ``system:<name>``."""


@dataclass(frozen=True)
class System:
    """A process of Placet itself: ``system:notary``."""

    name: str

    @property
    def actor_id(self) -> str:
        return f"system:{self.name}"
