"""What the layer that mirrors the model registry tells the inventory: which models and which data there are.

It lies above and registers itself here, so that nothing of it is imported.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from governance.accounts.models import User
from governance.audit.governed import Governed
from governance.inventory.models import AISystem


@dataclass(frozen=True)
class MirroredModel:
    """A registered model as far as the inventory needs it.

    Attributes:
        system_id: the AI system that it serves now, None while it serves none.
        bound: why it can't change its AI system now, in one sentence; empty when it can.
    """

    id: uuid.UUID
    name: str
    system_id: uuid.UUID | None
    bound: str


class Mirror(Protocol):
    """Answers about mirrored models and data, and writes which system a model serves."""

    def model(self, name: str, *, reader: User | None = None) -> MirroredModel:
        """Return a model by name, locked for the rest of the transaction; an unknown one is a 404.

        So is, for a ``reader``, a model that serves a system out of their reach. One that serves none can be named by
        everybody: whose model it becomes is what is being proposed.
        """

    def assigned(self, model_id: uuid.UUID, ai_system: AISystem) -> Governed:
        """Return the model's row, pointed to the system and not saved yet: the signature's entry names it."""

    def in_use(self, ai_system: AISystem) -> str:
        """Return what of the system is live, requested or approved, in one sentence; empty when nothing is."""

    def dataset_roles(self, digest: str) -> frozenset[str]:
        """Return the roles in which data with this digest is kept; empty when there is none."""

    def roles_by_dataset(self, digests: Collection[str]) -> Mapping[str, frozenset[str]]:
        """Return the same for many at once; data that is not kept is left out."""


_mirror: Mirror | None = None


def register_mirror(mirror: Mirror) -> None:
    """Have ``mirror`` answer from now on."""
    global _mirror  # noqa: PLW0603 (one registration, at start)
    _mirror = mirror


def mirror() -> Mirror:
    """Return who answers.

    Raises:
        LookupError: nothing mirrors a model registry in this deployment.
    """
    if _mirror is None:
        raise LookupError("No mirror of a model registry is registered.")
    return _mirror
