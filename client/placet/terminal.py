"""What the commands print: plain text that nobody's bundle or server can steer the terminal with, tables, JSON."""

import json
from datetime import UTC, datetime
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


def out() -> Console:
    """Return a console for tables, as wide as the terminal."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=False)


def say(line: str, *, style: str | None = None) -> None:
    """Print one line."""
    Console(highlight=False, markup=False, emoji=False).print(Text(text(line), style=style or ""), soft_wrap=True)


def complain(said: str) -> None:
    """Print an error on standard error, line by line."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    for line in said.split("\n"):
        console.print(Text(text(line)), soft_wrap=True)


def stop(sentence: str, *, code: int) -> NoReturn:
    """Print a sentence on standard error and exit."""
    complain(sentence)
    raise typer.Exit(code)


def print_pairs(pairs: dict[str, str]) -> None:
    """Print names and values, those that have one."""
    for name, value in pairs.items():
        if value:
            say(f"  {name:<12} {value}")


def print_json(value: dict[str, Any]) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def table(*names: str) -> Table:
    """Return a table with these headings."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def number(value: Any) -> str:
    """Return a figure with four digits, nothing for none."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, int | float) and not isinstance(value, bool) else text(value)


def moment(value: Any) -> str:
    """Return a time of the API to the second, in UTC: ``2026-11-26 17:04:10``; other words as they are."""
    try:
        return f"{datetime.fromisoformat(str(value)).astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return text(value)


def duration(seconds: Any) -> str:
    """Return a length of time in its two largest units: ``2 d 4 h``, ``3 min 20 s``, ``12.5 s``; nothing for none."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return text(seconds or "")
    if seconds < 60:
        return f"{number(seconds)} s"
    parts, left = [], round(seconds)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part)


def short(digest: Any) -> str:
    """Return the first twelve digits of a digest, enough to tell two apart; ``--json`` has them whole."""
    return text(digest or "").removeprefix("sha256:")[:12]


def text(value: Any) -> str:
    """Return printable text: what comes from a bundle or a server must not steer the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(value))
