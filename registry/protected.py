"""What is protected at present: one place that the plugin, the reconciler and the pages ask."""

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True)
class Protection:
    """One configuration of the gate.

    Attributes:
        number: of the configuration; 0 is the one of the settings.
        protected_aliases: folded names or shell patterns.
        is_governed: whether MLflow is said to run the plugin, so that its absence is a finding from the start.
    """

    number: int
    protected_aliases: tuple[str, ...]
    is_governed: bool = False


def in_force() -> Protection:
    """Return what is protected now: PLACET_PROTECTED_ALIASES."""
    return Protection(0, tuple(settings.PROTECTED_ALIASES))
