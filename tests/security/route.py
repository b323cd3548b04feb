"""What the table of permissions is made of: one method of one address, and what somebody is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Outcome = str | Mapping[str, str]
"""A status; with ``+`` when the act is in the log. ``login``: sent to sign in. ``without``: a list that leaves it
out. By the state of the request where it depends on that, ``""`` standing for the other states."""


@dataclass(frozen=True)
class Route:
    """One method of one address.

    Attributes:
        rule: in ``RULES``.
        about: what the address names, see ``World.named``.
        body: what is sent, in ``world.BODIES``.
        scope: what a token needs; empty: no token opens it.
        shows: the text by which a list is seen to hold the thing.
        query: after the address.
        parts: of the address that name no thing of the world.
        alone: it must begin a transaction of its own, so what it adds to the log stays.
        why: for addresses that need no sign-in: the reason.
    """

    rule: str
    about: str = ""
    body: str = ""
    scope: str = ""
    shows: str = ""
    query: str = ""
    parts: tuple[tuple[str, Any], ...] = ()
    alone: bool = False
    why: str = ""
