"""The demo: a credit-scoring model goes from MLflow into production through evidence, two signatures and the gate.

``make demo`` leaves the UI up; ``make demo-check`` (``--check``) is the same, headless, and exits non-zero if any step
comes out differently. Every act goes through the doors that people and pipelines use; nothing is written behind them.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from examples.credit import story
from examples.credit.people import Machine, people
from examples.credit.stage import Stage
from governance.common.embedded import Stack
from governance.common.embedded.layout import DEFAULT_VAR, EmbeddedError

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="headless: run every step, stop everything, exit 0 or 1")
    parser.add_argument("--var", type=Path, default=None, help="where servers, keys and data live")
    parser.add_argument("--logs", action="store_true", help="show the processes' log lines")
    options = parser.parse_args()
    console = Console(highlight=False)
    temporary = tempfile.mkdtemp(prefix="placet-demo-") if options.check and options.var is None else None
    if temporary:
        Path(temporary).chmod(0o755)
    var = Path(temporary) if temporary else options.var or DEFAULT_VAR
    ports = dict.fromkeys(("web", "mlflow", "postgres", "valkey"), 0) if options.check else {}
    try:
        return _run(console, var, ports, check=options.check, logs=options.logs)
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


def _run(console: Console, var: Path, ports: dict[str, int], *, check: bool, logs: bool) -> int:
    began = time.monotonic()
    demo_file = var / "demo.json"
    console.print("[bold]Placet demo[/]: starting PostgreSQL, Valkey, MLflow, web, workers, beat and notary …")
    echo = sys.stderr if logs else None
    try:
        with Stack(var=var, ports=ports, demo=True, durable=not check, echo=echo) as stack:
            console.print(
                f"up after {time.monotonic() - began:.0f} s: {stack.urls['web']}, MLflow {stack.urls['mlflow']}"
            )
            stage = Stage(console)
            done = var / "demo-done"
            if not done.exists():
                try:
                    story.tell(stage, _world(stack, var, demo_file))
                except Exception as problem:  # noqa: BLE001 - whatever went wrong, the demo says so and stops
                    stage.summary()
                    console.print(f"\n[red bold]Not as expected:[/] {problem}")
                    if not check:
                        console.print(f"Log lines are in {var / 'log'}.")
                    console.print_exception(max_frames=4)
                    return 1
                stage.summary()
                done.touch()
            if check:
                console.print("[green]Every step came out as expected.[/]")
                return 0
            _stay(console, stack, demo_file)
    except EmbeddedError as problem:
        console.print(f"[red]{problem}[/]")
        return 1
    return 0


def _world(stack: Stack, var: Path, demo_file: Path) -> story.World:
    url = stack.urls["web"]
    token = json.loads(demo_file.read_text())["token"]
    engineer_env = stack.env("engineer")
    return story.World(
        url=url,
        mlflow_url=stack.urls["mlflow"],
        people=people(url, demo_file),
        pipeline=Machine(url, token),
        token=token,
        engineer_env=engineer_env,
        var=var,
        output=_output(var),
        stack=stack,
    )


def _output(var: Path) -> Path:
    folder = var / "demo-output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _stay(console: Console, stack: Stack, demo_file: Path) -> None:
    """Keep everything up until Ctrl-C or SIGTERM, with addresses and sign-ins on the screen."""
    signins: dict[str, Any] = json.loads(demo_file.read_text())["people"]
    table = Table(title=f"Placet is up: {stack.urls['web']}   (MLflow: {stack.urls['mlflow']})")
    for name in ("role", "sign in as", "password"):
        table.add_column(name)
    for person in signins.values():
        table.add_row(person["role"], person["email"], person["password"])
    console.print(table)
    console.print("Ctrl-C stops everything; a second `make demo` brings this state back.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while stack.supervisor.is_running():
            time.sleep(0.5)
        console.print("[red]A process died for good; everything was stopped. See var/log.[/]")
    except KeyboardInterrupt:
        console.print("\nstopping …")


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
