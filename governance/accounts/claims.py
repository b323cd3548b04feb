"""Which roles an identity provider's claims give. Nothing here reads or writes anything."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from governance.accounts.roles import DECIDING, Role


class Rule(Protocol):
    """What of a claim mapping counts here."""

    pk: Any
    claim: Any
    value: Any
    role: Any
    system_id: Any
    days: Any


R = TypeVar("R", bound=Rule)


@dataclass(frozen=True)
class Wanted(Generic[R]):
    """What the claims give, at most one rule for a role of a system, and what they can't give together."""

    gives: tuple[R, ...]
    conflicting: tuple[R, ...]


def roles_from(claims: Mapping[str, Any], rules: Iterable[R]) -> Wanted[R]:
    """Return which rules the claims meet.

    Nobody administers and decides: claims that say both give neither. Of several rules for one role of one system the
    one counts whose roles last longest.
    """
    met = [rule for rule in rules if str(rule.value) in values_of(claims, str(rule.claim))]
    best: dict[tuple[str, uuid.UUID | None], R] = {}
    for rule in sorted(met, key=_order):
        best.setdefault((str(rule.role), rule.system_id), rule)
    found = list(best.values())
    roles = {str(rule.role) for rule in found}
    clash = {Role.ADMINISTRATOR.value, *DECIDING} if Role.ADMINISTRATOR in roles and roles & DECIDING else set()
    return Wanted(
        gives=tuple(rule for rule in found if rule.role not in clash),
        conflicting=tuple(rule for rule in found if rule.role in clash),
    )


def values_of(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """Return the words that a claim holds: one, or a list. A dot leads into a claim within, as in realm_access.roles.

    Whatever is no text is no word: a provider that sends true or 1 says nothing that could be meant here.
    """
    found: Any = claims.get(name)
    if found is None and "." in name:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return frozenset([found])
    return frozenset(word for word in found if isinstance(word, str)) if isinstance(found, list) else frozenset()


def has_second_factor(claims: Mapping[str, Any], accepted: Iterable[str]) -> bool:
    """Return whether the provider says, by ``acr`` or ``amr``, that a second factor was used which counts here."""
    return bool((values_of(claims, "acr") | values_of(claims, "amr")) & set(accepted))


def says_yes(claims: Mapping[str, Any], name: str) -> bool:
    """Return whether a claim says yes, in one of the ways in which providers do."""
    return str(claims.get(name, "")).lower() in {"true", "1"}


def _order(rule: Rule) -> tuple[bool, int, str]:
    return rule.days is not None, -(rule.days or 0), str(rule.pk)
