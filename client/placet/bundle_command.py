"""The command ``placet bundle``: the whole log, or the papers of a promotion, an AI system or a period."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from placet import terminal
from placet.connection import JsonFlag
from placet.sdk import Placet


def register(app: typer.Typer, connected: Callable[[], AbstractContextManager[Placet]]) -> None:
    """Add the command; ``connected`` opens the connection whose refusals become exit codes."""

    @app.command("bundle")
    def download_bundle(
        out: Annotated[Path, typer.Argument(help="Where to save the bundle (.zip).")],
        promotion: Annotated[str | None, typer.Option(help="Of a promotion request: PR-12.")] = None,
        system: Annotated[str | None, typer.Option(help="Of an AI system, by its slug or id.")] = None,
        start: Annotated[str | None, typer.Option("--from", help="Of a period: its first day or moment.")] = None,
        end: Annotated[str | None, typer.Option("--to", help="The day or moment before which it ends.")] = None,
        seen_size: Annotated[int | None, typer.Option(min=1, help="Size of a checkpoint that you kept.")] = None,
        as_json: JsonFlag = False,
    ) -> None:
        """Download the bundle of the whole log; or have that of a promotion, a system or a period made."""
        id = None
        try:
            with connected() as client:
                if promotion or system or start or end:
                    job = client.request_bundle(
                        promotion=promotion, system=system, start=_moment(start), end=_moment(end), seen_size=seen_size
                    )
                    id = str(job["id"])
                    job = client.wait_for_bundle(id, progress=_progress(quiet=as_json))
                    if job.get("state") != "done":
                        terminal.stop(f"The bundle could not be made: {job.get('error')}", code=1)
                client.download_bundle(out, id=id)
        except TimeoutError as late:
            terminal.stop(str(late), code=4)
        except OSError as error:
            terminal.stop(f"{out} cannot be written: {error.strerror}.", code=1)
        size = out.stat().st_size
        if as_json:
            terminal.print_json({"path": str(out), "bytes": size} | ({"id": id} if id else {}))
        else:
            terminal.say(f"{out} ({size:,} bytes). Check it: placet verify {out} --policy policy.txt")


def _moment(text: str | None) -> str | None:
    """Return a day as its first moment in UTC, anything else as it is: Placet says what it can't read."""
    return f"{text}T00:00:00Z" if text and len(text) == len("2026-11-01") else text


def _progress(*, quiet: bool) -> Callable[[Mapping[str, Any]], None]:
    """Return what shows how far a bundle is; nothing where nobody looks."""
    console = Console(stderr=True, highlight=False, markup=False)
    if quiet or not console.is_terminal:
        return lambda now: None
    return lambda now: console.print(f"{now.get('done')} of {now.get('total')} files", end="\r")
