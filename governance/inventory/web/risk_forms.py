"""What people send of a risk. The form reads texts; the service judges them."""

import uuid
from datetime import date
from typing import Any

from django.http import QueryDict

from governance.accounts.models import User
from governance.common.errors import InvalidInput
from governance.inventory.models import AISystem
from governance.inventory.risks import SCORES, TEXTS, possible_owners


def read(sent: QueryDict, ai_system: AISystem) -> dict[str, Any]:
    """Return what was sent as the service takes it; what was not sent is left out.

    Raises:
        InvalidInput: a score is no digit, a day no date, or the owner nobody whom the system's roles reach.
    """
    last = sent.dict()
    values: dict[str, Any] = {name: last[name] for name in (*TEXTS, "kind") if name in last}
    if "evidence" in sent:
        values["evidence"] = chosen(sent)
    for name in SCORES:
        if name in last:
            values[name] = _score(name, str(last[name]))
    if "review_on" in last:
        values["review_on"] = _day(str(last["review_on"]))
    if last.get("owner"):
        values["owner"] = _owner(str(last["owner"]), ai_system)
    return values


def chosen(sent: QueryDict) -> list[str]:
    """Return the ids of evidence that were ticked; the form sends an empty one, so that none is a choice too."""
    return [str(value) for value in sent.getlist("evidence") if value]


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
