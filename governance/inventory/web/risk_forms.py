"""What people send of a risk. The form reads texts; the service judges them."""

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

from governance.accounts.models import User
from governance.common.errors import InvalidInput
from governance.inventory.models import AISystem
from governance.inventory.risks import SCORES, TEXTS, possible_owners


def read(sent: Mapping[str, Any], ai_system: AISystem) -> dict[str, Any]:
    """Return what was sent as the service takes it; what was not sent is left out.

    Raises:
        InvalidInput: a score is no digit, a day no date, or the owner nobody whom the system's roles reach.
    """
    values: dict[str, Any] = {name: sent[name] for name in TEXTS if name in sent}
    if "kind" in sent:
        values["kind"] = sent["kind"]
    for name in SCORES:
        if name in sent:
            values[name] = _score(name, sent[name])
    if "review_on" in sent:
        values["review_on"] = _day(sent["review_on"])
    if sent.get("owner"):
        values["owner"] = _owner(sent["owner"], ai_system)
    return values


def _score(name: str, text: str) -> int | None:
    if not text:
        return None
    if text not in {"1", "2", "3", "4", "5"}:
        raise InvalidInput(f"The {name.replace('_', ' ')} is a whole number from 1 to 5.")
    return int(text)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None  # the service says what is asked for


def _owner(text: str, ai_system: AISystem) -> User:
    try:
        wanted = uuid.UUID(text)
    except ValueError:
        wanted = None
    found = next((row for row in possible_owners(ai_system) if row.pk == wanted), None)
    if found is None:
        raise InvalidInput("Choose the owner from the list: whoever a role reaches the system.")
    return found
