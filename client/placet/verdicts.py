"""A verdict in the terminal: its colour, its exit code, its checks as a table, and who signs."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from placet import terminal

BY_VERDICT = {"ALLOW": 0, "HOLD": 4, "BLOCK": 3}
"""Exit codes."""
STYLE = {"ALLOW": "green", "HOLD": "yellow", "BLOCK": "bold red"}
STYLE |= {"pass": "green", "fail": "bold red", "missing": "yellow", "insufficient": "yellow"}


def show_checks(checks: Iterable[Mapping[str, Any]]) -> None:
    """Print the policy's checks as the API tells them; nothing where there is none."""
    rows = list(checks)
    if not rows:
        return
    table = terminal.table("outcome", "check", "value", "interval", "limit", "reason")
    for check in rows:
        interval = " to ".join(terminal.number(check.get(k)) for k in ("low", "high") if check.get(k) is not None)
        outcome = terminal.text(check.get("outcome"))
        about = [terminal.text(check.get("title") or check.get("id")), terminal.number(check.get("value")), interval]
        rest = [terminal.number(check.get("limit")), terminal.text(check.get("reason") or "")]
        table.add_row(Text(outcome, style=STYLE.get(outcome, "")), *map(Text, about + rest))
    terminal.out().print(table)


def show_stages(stages: Iterable[Mapping[str, Any]]) -> None:
    """Print who signs, one line a stage."""
    for stage in stages:
        signed = stage.get("signed")
        count = len(signed) if isinstance(signed, list) else terminal.text(signed or 0)
        roles = ", ".join(map(terminal.text, stage.get("roles") or []))
        name, quorum = terminal.text(stage.get("name")), terminal.text(stage.get("quorum"))
        terminal.say(f"stage {name}: {count} of {quorum} signed ({roles})")
