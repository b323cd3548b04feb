"""Who is told, in its transaction, that a classification was signed: what stands above and follows from a class."""

from collections.abc import Callable

from governance.inventory.models import AISystem, Classification

_lockers: list[Callable[[Classification], None]] = []
_listeners: list[Callable[[AISystem], None]] = []


def on_signed(listener: Callable[[AISystem], None], *, lock: Callable[[Classification], None]) -> None:
    """Call ``listener(system)`` in the signature's transaction, the system's row locked and its new class written.

    Args:
        lock: called with the proposal before the system's row is locked, to lock what the listener changes: elsewhere
            such rows are locked first, and the system's after.
    """
    _lockers.append(lock)
    _listeners.append(listener)


def lock(proposal: Classification) -> None:
    """Have everybody lock what the signature of this proposal changes."""
    for locker in _lockers:
        locker(proposal)


def tell(ai_system: AISystem) -> None:
    """Tell everybody who listens."""
    for listener in _listeners:
        listener(ai_system)
