"""How the demo tells its story: numbered steps with time and outcome, and expectations that stop it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.table import Table

T = TypeVar("T")


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
        """Print one line of the story."""
        self.console.print(f"   {text}", highlight=False)

    def expect(self, condition: object, what: str, *, got: object = "") -> None:
        """Go on only if ``condition`` holds; otherwise say what was expected and what came."""
        if not condition:
            raise NotAsExpected(f"expected: {what}" + (f"; got: {got}" if got != "" else ""))
        self.console.print(f"   [green]✓[/] {what}", highlight=False)

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
