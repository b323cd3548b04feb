"""What the gate protects, as it is configured now: which aliases, how strictly, and whether MLflow runs the plugin."""

from dataclasses import dataclass

from django.conf import settings

from governance.common.errors import DomainError
from governance.inventory.models import AISystem
from governance.policy.selectors import document_of, effective, governing
from placet.mlflow_plugin.protection import fold, is_protected_alias
from registry.errors import UnprotectedAlias
from registry.models import GateConfiguration, RegisteredModel

Mode = GateConfiguration.Mode
STRICTNESS = (Mode.OBSERVE, Mode.WARN, Mode.BLOCK)
DETECTED = "Detected, not prevented"
"""What everything that shows the gate calls one that MLflow does not ask."""
WHY_DETECTED = (
    "MLflow runs without Placet's plugin: what moves a governed alias past Placet is reported afterwards, "
    "never refused."
)
IN_USE = "in-use"
"""The only place of a model that no MLflow holds. Policies name it among their targets like an alias."""
STOP_ASKED = "stop-asked"
"""Code of the finding that asks the owner to stop using what has lost its approval."""
NOT_ENFORCED = "Not enforced"
WHY_NOT_ENFORCED = (
    "No MLflow holds this model, so Placet can neither refuse nor see that it is used. What stands here of its use is "
    "what people stated."
)


@dataclass(frozen=True)
class Protected:
    """A gate configuration in force. Number 0 is what the settings say, until two people sign another."""

    number: int
    protected_aliases: tuple[str, ...]
    mode: Mode
    registry: GateConfiguration.Registry
    automatic_revert: bool

    @property
    def detect_only(self) -> bool:
        """Whether MLflow runs without Placet's plugin, so that writes are seen afterwards and never prevented."""
        return self.registry == GateConfiguration.Registry.STOCK

    @property
    def is_governed(self) -> bool:
        """Whether two people said that MLflow runs the plugin, so that its absence is a finding from the start."""
        return self.number > 0 and not self.detect_only

    @property
    def kind(self) -> str:
        """What the gate does with a write past Placet, in a word: governed, it refuses; detect-only, it reports."""
        return "detect-only" if self.detect_only else "governed"

    @property
    def said(self) -> dict[str, str | int]:
        """The gate as the API tells it: ``{kind, configuration}``."""
        return {"kind": self.kind, "configuration": self.number}

    def said_of(self, model: RegisteredModel) -> dict[str, str | int]:
        """Return the same of one model: for what no MLflow holds, a verdict binds people and no machine."""
        return self.said | ({"kind": "not-enforced"} if model.is_recorded else {})

    def protects(self, alias: str | None) -> bool:
        """Tell whether an alias is one that only Placet moves."""
        return is_protected_alias(alias, self.protected_aliases)


def check_governs(model: RegisteredModel, alias: str) -> None:
    """Check that an alias of a model is one that Placet governs.

    Raises:
        UnprotectedAlias: it is free in MLflow; or the model is in no MLflow and has only its use; or it is that place,
            whose policies ask for papers, and the model is in MLflow.
    """
    is_use = fold(alias) == IN_USE
    if model.is_recorded:
        if not is_use:
            raise UnprotectedAlias(f"{model} is in no MLflow and has no aliases: request {IN_USE}.")
        return
    if is_use:
        raise UnprotectedAlias(f"{IN_USE} is the place of models outside MLflow; {model} has aliases.")
    gate = in_force()
    if not gate.protects(alias):
        raise UnprotectedAlias(
            f"Alias {alias!r} is free: set it in MLflow. Governed are {', '.join(gate.protected_aliases)}."
        )


def in_force() -> Protected:
    """Return what the gate protects now."""
    row = GateConfiguration.objects.filter(signed_at__isnull=False, ended_at__isnull=True).first()
    if row is None:
        return by_settings()
    return Protected(
        row.number,
        tuple(row.protected_aliases),
        Mode(row.mode),
        GateConfiguration.Registry(row.registry),
        row.automatic_revert,
    )


def by_settings() -> Protected:
    """Return what the gate protects until a configuration is signed: the settings' aliases, strictly."""
    return Protected(0, tuple(settings.PROTECTED_ALIASES), Mode.BLOCK, GateConfiguration.Registry.GOVERNED, False)


def mode_for(ai_system: AISystem | None, alias: str) -> Mode:
    """Return how strictly the gate stands before an alias of a system's models.

    The policy that governs the alias says so; where none does, the gate's configuration. A high-risk or prohibited
    system is always blocked: neither can relax that.
    """
    if ai_system is not None and ai_system.ai_act_class in _ALWAYS_BLOCKED:
        return Mode.BLOCK
    try:
        policy = governing(ai_system, alias) if ai_system and ai_system.ai_act_class else None
    except DomainError:  # two policies claim it: nobody knows, so neither relaxes anything
        return Mode.BLOCK
    return Mode(document_of(policy).mode) if policy else in_force().mode


def strictest_for(ai_system: AISystem | None) -> Mode:
    """Return how strictly the gate stands before what names no alias of a system's model: a stage, a deletion.

    As before the strictest of all aliases: those that policies name for the system, and those that none does.
    """
    named = effective(ai_system) if ai_system and ai_system.ai_act_class else ()
    modes = {mode_for(ai_system, row.alias) for row in named} | {in_force().mode}
    return Mode.BLOCK if ai_system and ai_system.ai_act_class in _ALWAYS_BLOCKED else max(modes, key=STRICTNESS.index)


_ALWAYS_BLOCKED = frozenset({AISystem.AIActClass.HIGH, AISystem.AIActClass.PROHIBITED})
