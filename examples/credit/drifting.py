"""The demo's seventh step: twelve weeks of traffic, of which the last four have drifted, and what follows from that."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.text import Text

from examples.credit import windows
from examples.credit.stage import Stage, columns
from examples.credit.watching import MODEL, Service

if TYPE_CHECKING:
    from examples.credit.story import World

WEEKS, BEGINS, RECORDS = 12, 9, 500
TOLD = ("week", "records", "to watch", "in drift", "most", "of its limit", "outcome")
MEASURED = ("column", "distance", "limit", "Evidently", "difference", "outcome")
STYLES = {"drift": "red", "watch": "yellow", "stable": "green"}


def drift(stage: Stage, world: World) -> None:
    """Send twelve weeks of records: eight are quiet, the ninth alerts; what the policy says of a breach is done."""
    from examples.credit.story import follow

    monitor = stage.wait("Placet opens a monitor for what is live", lambda: _monitor(world), seconds=90)
    stage.say(
        f"{monitor['model']} {monitor['alias']} is watched every {monitor['every_days']} days against "
        f"{monitor['reference']['rows']} reference rows, as {monitor['watched_by']} says"
    )
    _set_hook(stage, world)
    told = columns(*TOLD, right=set(TOLD) - {"most", "outcome"})
    found: dict[int, dict[str, Any]] = {}
    with Service(world) as service:
        stage.wait("the example service starts", service.up)
        stage.expect(service.reload().is_success, "the example service verified and loaded champion v2 again")
        for week in range(1, WEEKS + 1):
            start = _monday() - timedelta(weeks=WEEKS + 1 - week)
            kind: windows.Kind = "shifted" if week >= BEGINS else "like_reference"
            frame = windows.records(service.score, kind=kind, start=start, rows=RECORDS, seed=week)
            address = f"monitors/{monitor['id']}"
            world.pipeline.send(
                f"{address}/records?batch=week-{week}", _parquet(frame), "application/vnd.apache.parquet"
            )
            window = {"start": start.isoformat(), "end": (start + timedelta(weeks=1)).isoformat()}
            found[week] = _measure(stage, world, f"{address}/drift-runs", window)
            _tell(told, week, found[week])
    stage.show(told)
    loud = [week for week, run in found.items() if run["alert"]]
    stage.expect(loud and loud[0] in (BEGINS, BEGINS + 1), f"the first alert came in week {loud[:1]}", got=loud)
    _compare(stage, found[loud[0]])
    alert = found[loud[0]]["alert"]
    stage.say(f"{alert['number']}: {alert['title']}")
    approval = follow(world, 2)["approval"]
    stage.expect(approval["state"] == "suspended", "the alert suspended the approval", got=approval["state"])
    event = stage.wait("the training pipeline has the signed event", lambda: next(iter(world.receiver.events), None))
    stage.expect(event["data"]["alert"] == alert["number"], f"it cites {alert['number']} and its evidence", got=event)
    register = world.people["risk"].page("/findings")
    stage.expect("Decide again on" in register, "a new decision is asked for, and somebody owns it")
    stage.expect("Roll back, or say why not" in register, "people are asked to roll back, or to say why not")


def _set_hook(stage: Stage, world: World) -> None:
    """Have an administrator name the pipeline's address, with a secret that both sides keep."""
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "hook.secret"
        secret.write_text(world.receiver.secret)
        command = [sys.executable, "-W", "ignore", "manage.py", "retrain_hook", MODEL, "--secret-file", str(secret)]
        address = ["--url", f"http://{world.receiver.host}/retrain", "--by", world.people["admin"].email]
        done = subprocess.run(
            [*command, *address],
            check=False,
            capture_output=True,
            text=True,
            env=world.stack.env("worker") | {"PLACET_HOOK_HOSTS": world.receiver.host},
        )
    stage.expect(done.returncode == 0, "an administrator named the training pipeline's hook", got=done.stderr)


def _monday() -> datetime:
    """Return the beginning of this week, in UTC."""
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return now - timedelta(days=now.weekday())


def _monitor(world: World) -> dict[str, Any] | None:
    rows: list[dict[str, Any]] = world.pipeline.call("GET", f"monitors?model={MODEL}&alias=champion")["results"]
    return rows[0] if rows else None


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _measure(stage: Stage, world: World, path: str, window: dict[str, str]) -> dict[str, Any]:
    """Have one window measured, and return the run."""
    run = world.people["owner"].call("POST", path, window)
    done: dict[str, Any] = stage.wait(
        "measuring", lambda: _finished(world.pipeline.call("GET", f"{path}/{run['id']}")), seconds=180
    )
    stage.expect(done["state"] == "done", f"the week of {window['start'][:10]} is measured", got=done.get("error"))
    return done


def _finished(run: dict[str, Any]) -> dict[str, Any] | None:
    return run if run["state"] in {"done", "failed"} else None


def _tell(table: Any, week: int, run: dict[str, Any]) -> None:
    payload = run["payload"]
    most = max(payload["columns"], key=lambda row: (row["value"] or 0) / row["limit"])
    table.add_row(
        str(week),
        str(payload["n"]),
        str(payload["watched"]),
        str(payload["drifted"]),
        most["column"],
        f"{(most['value'] or 0) / most['limit']:.0%}",
        Text(run["outcome"], style=STYLES.get(run["outcome"], "yellow")),
    )


def _compare(stage: Stage, run: dict[str, Any]) -> None:
    """Show what stands out in a window beside Evidently's values."""
    table = columns(*MEASURED, right=set(MEASURED) - {"column", "outcome"})
    for row in sorted(run["payload"]["columns"], key=lambda row: -(row["value"] or 0) / row["limit"])[:4]:
        value = "" if row["value"] is None else f"{row['value']:.4f}"
        beside = ("", "") if row["evidently"] is None else (f"{row['evidently']:.4f}", f"{row['difference']:+.0e}")
        style = STYLES.get(row["outcome"], "yellow")
        table.add_row(row["column"], value, f"{row['limit']:g}", *beside, Text(row["outcome"], style=style))
    stage.show(table)
    stage.say("Evidently cuts other bins than these; difference: our formula on its bins less its own figure")
