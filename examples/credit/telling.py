"""Tell the demo's story on servers of its own, and keep them up for whoever wants to look around."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from examples.credit import state, story
from examples.credit.people import Machine, people
from examples.credit.receiver import Receiver
from examples.credit.stage import Stage
from governance.common.embedded import Stack


def run(console: Console, var: Path, ports: dict[str, int], *, check: bool, logs: bool) -> int:
    """Start everything, tell the story unless it was told, and stay up unless this is a check; return the exit code.

    Raises:
        EmbeddedError: something that the servers need is not there.
    """
    began = time.monotonic()

    def notice(text: str) -> None:
        console.print(Text(text, style="yellow"))

    if state.is_half_told(var):
        aside = state.set_aside(var)
        notice(f"An earlier demo stopped half-way. What it left is in {aside} now, and the story starts anew.")
    console.print("[bold]Placet demo[/]: starting PostgreSQL, Valkey, MLflow, web, workers, beat and notary …")
    echo = sys.stderr if logs else None
    with (
        Receiver() as receiver,
        Stack(
            var=var,
            ports=ports,
            demo=True,
            durable=not check,
            echo=echo,
            notice=notice,
            extra_env={"worker": {"PLACET_HOOK_HOSTS": receiver.host}},
        ) as stack,
    ):
        console.print(f"up after {time.monotonic() - began:.0f} s: {stack.urls['web']}, MLflow {stack.urls['mlflow']}")
        if not state.is_told(var) and not _told(console, stack, receiver, var, check=check):
            return 1
        if check:
            console.print("[green]Every step came out as expected.[/]")
            return 0
        return _stay(console, stack, var)


def _told(console: Console, stack: Stack, receiver: Receiver, var: Path, *, check: bool) -> bool:
    """Tell the story; return whether every step came out as it should."""
    stage = Stage(console)
    state.begin(var)
    try:
        story.tell(stage, world(stack, receiver, var))
    except Exception as problem:  # noqa: BLE001 - whatever went wrong, the demo says so and stops
        stage.summary()
        console.print(Text.assemble(("\nNot as expected: ", "red bold"), str(problem)))
        if not check:
            console.print(f"Log lines are in {var / 'log'}.")
        console.print_exception(max_frames=4)
        return False
    state.finish(var)
    stage.summary()
    return True


def world(stack: Stack, receiver: Receiver, var: Path) -> story.World:
    """Return what the story acts on: the people of a running stack, a pipeline with a token, and where files go."""
    url, signins = stack.urls["web"], var / "demo.json"
    token = json.loads(signins.read_text())["token"]
    output = var / "demo-output"
    output.mkdir(parents=True, exist_ok=True)
    return story.World(
        url=url,
        mlflow_url=stack.urls["mlflow"],
        people=people(url, signins),
        pipeline=Machine(url, token),
        token=token,
        engineer_env=stack.env("engineer"),
        var=var,
        output=output,
        stack=stack,
        receiver=receiver,
    )


def _stay(console: Console, stack: Stack, var: Path) -> int:
    """Keep everything up until Ctrl-C or SIGTERM, with addresses and sign-ins on the screen; return the exit code."""
    signins: dict[str, Any] = json.loads((var / "demo.json").read_text())["people"]
    table = Table(title=f"Placet is up: {stack.urls['web']}   (MLflow: {stack.urls['mlflow']})")
    for name in ("role", "sign in as", "password"):
        table.add_column(name)
    for person in signins.values():
        table.add_row(person["role"], person["email"], person["password"])
    console.print(table)
    console.print("Ctrl-C stops everything; a second `make demo` brings this state back.")
    try:
        while stack.supervisor.is_running():
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("\nstopping …")
        return 0
    console.print(Text(f"A process died for good; everything was stopped. See {var / 'log'}.", style="red"))
    return 1
