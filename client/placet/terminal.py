"""What the commands print: plain text that nobody's bundle or server can steer the terminal with, tables, JSON."""

import json
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


def text(value: Any) -> str:
    """Return printable text: what comes from a bundle or a server must not steer the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(value))
