"""How the demo tells its story: numbered steps with time and outcome, and expectations that stop it."""

import re
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

T = TypeVar("T")


def shortened(text: str) -> str:
    """Return ``text`` with each digest cut to its first 12 hex digits: enough to compare by eye, and it fits a line."""
    return re.sub(r"\b(?:(sha256:)([0-9a-f]{12})[0-9a-f]+|([0-9a-f]{12})[0-9a-f]{52})\b", r"\1\2\3…", text)


UNBROKEN = frozenset({"column", "most"})


def columns(*names: str, right: Container[str] = ()) -> Table:
    """Return an empty table in the story's look; columns named in ``right`` are aligned to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in names:
        # Words wrap; the name of a column never does, it is what a reader looks for.
        table.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=name in UNBROKEN)
    return table


class NotAsExpected(Exception):
    """A step came out differently; the demo stops and exits non-zero."""


class Stage:
    """Prints what happens and keeps how long each step took."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.steps: list[tuple[str, float, str]] = []
        self._began = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Run one step; a failed expectation is shown as such and passed on."""
        number = len(self.steps) + 1
        self.console.rule(f"[bold]{number}. {title}", align="left", style="dim")
        began = time.monotonic()
        try:
            yield
        except Exception:
            self.steps.append((title, time.monotonic() - began, "[red]not as expected[/]"))
            raise
        took = time.monotonic() - began
        self.steps.append((title, took, "[green]as expected[/]"))
        self.console.print(f"   [dim]{took:.1f} s[/]")

    def say(self, text: str) -> None:
        """Print a line of the story; ``text`` may hold Rich's markup. Long ones are wrapped at words, indented."""
        self._print(Text.from_markup(shortened(text)), indent=3)

    def quote(self, text: str) -> None:
        """Print what a program or a server said, as it said it."""
        self._print(Text(shortened(text), style="dim"), indent=5)

    def show(self, table: Table) -> None:
        """Print a table of the story."""
        self._print(table, indent=3)

    def expect(self, condition: object, what: str, *, got: object = "") -> None:
        """Go on only if ``condition`` holds; otherwise say what was expected and what came."""
        if not condition:
            raise NotAsExpected(f"expected: {what}" + (f"; got: {got}" if got != "" else ""))
        line = Table.grid(padding=(0, 1, 0, 0))
        line.add_row(Text("✓", style="green"), Text(shortened(what)))
        self._print(line, indent=3)

    def _print(self, what: RenderableType, *, indent: int) -> None:
        self.console.print(Padding(what, (0, 0, 0, indent)), highlight=False)

    def wait(self, what: str, probe: Callable[[], T | None], *, seconds: float = 90.0, every: float = 0.5) -> T:
        """Return the probe's first answer that is not None; stop the demo when there is none in time."""
        ends = time.monotonic() + seconds
        with self.console.status(f"   {what} …"):
            while time.monotonic() < ends:
                found = probe()
                if found is not None:
                    return found
                time.sleep(every)
        raise NotAsExpected(f"{what}: nothing within {seconds:.0f} s")

    def summary(self) -> None:
        """Print the table of steps."""
        table = Table(title=f"Demo, {time.monotonic() - self._began:.0f} s in all")
        for name in ("step", "seconds", "outcome"):
            table.add_column(name, justify="right" if name == "seconds" else "left")
        for title, took, outcome in self.steps:
            table.add_row(title, f"{took:.1f}", outcome)
        self.console.print(table)
