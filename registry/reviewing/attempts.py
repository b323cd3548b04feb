"""What somebody tried in MLflow, in words, from the entry that the gate wrote of it."""

from collections.abc import Mapping
from typing import Any

from governance.audit.selectors import LogEntry
from registry.reviewing.people import People


def attempt_in_words(data: Mapping[str, Any]) -> str:
    """Say what was tried in MLflow: ``set alias champion to credit-risk v2``."""
    what = f"{data['model']} v{data['version']}" if data.get("version") else str(data["model"])
    action = str(data["action"])
    if action == "alias.set":
        return f"set alias {data.get('alias')} to {what}"
    if action == "alias.delete":
        return f"take alias {data.get('alias')} off {what}"
    subject, _, verb = action.partition(".")
    return f"{verb or 'change'} {subject}: {what}"


def attempted_by(entry: LogEntry, people: People, payload: Mapping[str, Any]) -> str:
    """Say who tried: the person behind the name that MLflow had signed in, else that name."""
    if entry.actor != "system:mlflow":
        return str(people.actor(entry.actor)["name"])
    username = payload.get("username")
    return f"MLflow user {username}" if username else "nobody signed in"
