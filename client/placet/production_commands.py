"""``placet rollback``, ``stop`` and ``break-glass``: what one person may do to production at once."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Annotated, Any

import typer

from placet import terminal
from placet.connection import JsonFlag
from placet.sdk import Placet

_Model = Annotated[str, typer.Argument(help="Registered model; team-a:NAME where it lies in the workspace team-a.")]
_Alias = Annotated[str, typer.Option("--alias", help="The alias, such as champion.")]
_Reason = Annotated[str, typer.Option("--reason", help="Why: whoever reviews it afterwards reads only this.")]
_Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until MLflow has done it.")]
_Offline = Annotated[
    bool, typer.Option("--offline", help="Placet is away: show MLflow the permit that lies ready there.")
]
_WAITED_S = 120.0


def register(app: typer.Typer, connected: Callable[[], AbstractContextManager[Placet]]) -> None:
    """Add the commands; ``connected`` opens the connection whose refusals become exit codes."""

    @app.command()
    def rollback(
        model: _Model,
        alias: _Alias = "champion",
        reason: _Reason = "",
        to: Annotated[int | None, typer.Option("--to", help="A version; by default the one live before.")] = None,
        offline: _Offline = False,
        wait: _Wait = True,
        as_json: JsonFlag = False,
    ) -> None:
        """Go back to the version that was live before, on an approval that is still in force."""
        if offline:
            _offline("rollback", model, alias, reason=reason, version=to, as_json=as_json)
            return
        with connected() as client:
            _follow(client, client.roll_back(model, alias, reason=reason, version=to), wait=wait, as_json=as_json)

    @app.command()
    def stop(
        model: _Model,
        alias: _Alias = "champion",
        reason: _Reason = "",
        offline: _Offline = False,
        wait: _Wait = True,
        as_json: JsonFlag = False,
    ) -> None:
        """Take an alias off at once; somebody else reviews it afterwards."""
        if offline:
            _offline("stop", model, alias, reason=reason, as_json=as_json)
            return
        with connected() as client:
            _follow(client, client.stop(model, alias, reason=reason), wait=wait, as_json=as_json)

    @app.command("break-glass")
    def break_glass(
        model: _Model,
        version: Annotated[int, typer.Argument(help="The version, which nobody approved.")],
        alias: _Alias = "champion",
        reason: _Reason = "",
        wait: _Wait = True,
        as_json: JsonFlag = False,
    ) -> None:
        """Put a version into production that nobody approved; a critical finding asks for its review in a day."""
        with connected() as client:
            found = client.break_glass(model, version, alias, reason=reason)
            _follow(client, found, wait=wait, as_json=as_json)


def _follow(client: Placet, change: Mapping[str, Any], *, wait: bool, as_json: bool) -> None:
    """Wait until MLflow has done it, or not; exit 0, 1 if it failed, 4 if it is on its way still."""
    ends = time.monotonic() + (_WAITED_S if wait else 0)
    while change["state"] == "asked" and time.monotonic() < ends:
        time.sleep(0.5)
        change = client.alias_change(change["number"])
    if as_json:
        terminal.print_json(dict(change))
    else:
        to = f"version {change['version']}" if change["version"] else "off"
        styles = {"done": "green", "failed": "bold red"}
        terminal.say(
            f"{change['number']} {change['kind']}: {change['model']} {change['alias']} to {to}: {change['state']}",
            style=styles.get(change["state"], "yellow"),
        )
        terminal.print_pairs({"was": f"version {change['replaces']}", "why": change["state_reason"]})
    raise typer.Exit({"done": 0, "failed": 1}.get(change["state"], 4))


def _offline(
    kind: str, model: str, alias: str, *, reason: str, version: int | None = None, as_json: bool = False
) -> None:
    """Have MLflow do it; exit 0, 1 if it does not answer, 2 without its address, 3 if it refuses."""
    from placet.offline import MlflowAway, MlflowRefused, change_alias

    try:
        became = change_alias(kind, model, alias, reason=reason, version=version)
    except MlflowRefused as refused:
        terminal.stop(str(refused), code=3)
    except MlflowAway as away:
        terminal.stop(str(away), code=1)
    except ValueError as problem:
        terminal.stop(str(problem), code=2)
    if as_json:
        terminal.print_json({"model": model, "alias": alias, "version": became or None, "offline": True})
        return
    to = f"version {became}" if became else "off"
    terminal.say(f"{model} {alias} to {to}, by the permit that lay ready. Placet writes it down once it is back.")
