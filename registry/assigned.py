"""What the inventory asks of the mirror: which models there are, whether one may move, which data is kept."""

import uuid
from collections.abc import Collection

from governance.accounts.access import may_read
from governance.accounts.models import User
from governance.approvals.models import GRANTED, OPEN
from governance.inventory.mirrored import MirroredModel
from governance.inventory.models import AISystem
from registry import selectors
from registry.errors import UnknownModel
from registry.models import DatasetSnapshot, PromotionRequest, RegisteredModel

UNSETTLED = (PromotionRequest.State.REQUESTED, PromotionRequest.State.APPLYING, PromotionRequest.State.FAILED)


class RegistryMirror:
    """The mirror of MLflow's registry, as ``governance.inventory.mirrored`` asks it."""

    def model(self, name: str, *, reader: User | None = None) -> MirroredModel:
        """Return a model, locked.

        Raises:
            UnknownModel: Placet has not seen it in MLflow, or the reader may not see it.
        """
        if reader and (system := selectors.model(name).system_id) and not may_read(reader, system):
            raise UnknownModel(selectors.no_model(name))
        row = RegisteredModel.objects.select_for_update().get(pk=selectors.model(name).pk)
        return MirroredModel(row.pk, str(row), row.system_id, _bound(row))

    def assigned(self, model_id: uuid.UUID, ai_system: AISystem) -> RegisteredModel:
        """Return the model's row with its new system, not saved."""
        row = RegisteredModel.objects.select_for_update().get(pk=model_id)
        row.system = ai_system
        return row

    def in_use(self, ai_system: AISystem) -> str:
        """Return why the first model that something is live, requested or approved of holds the system in use."""
        rows = RegisteredModel.objects.filter(system=ai_system).order_by("name")
        return next((f"{row}: {why}" for row in rows if (why := _bound(row))), "")

    def dataset_roles(self, digest: str) -> frozenset[str]:
        """Return the roles in which snapshots of this digest are kept."""
        return self.roles_by_dataset([digest]).get(digest, frozenset())

    def roles_by_dataset(self, digests: Collection[str]) -> dict[str, frozenset[str]]:
        """Return the same for many digests at once."""
        roles: dict[str, set[str]] = {}
        for digest, role in DatasetSnapshot.objects.filter(digest__in=set(digests)).values_list("digest", "role"):
            roles.setdefault(digest, set()).add(role)
        return {digest: frozenset(found) for digest, found in roles.items()}


def _bound(row: RegisteredModel) -> str:
    live = row.alias_history.filter(during__endswith__isnull=True)
    if row.system_id is None:  # what was adopted before it had a system gets one, so that it can be approved
        live = live.filter(adoption__isnull=True)
    if live.exists():
        return "it is live; take it out of production first."
    # What was asked or granted under one system's policy must not be applied under another's.
    standing = PromotionRequest.objects.filter(
        version__model=row, state__in=UNSETTLED, approval__state__in=[*OPEN, *GRANTED]
    ).first()
    return f"{standing} is open or approved; withdraw it or have it revoked first." if standing else ""
