"""The demo's later steps: tampering, drift, the papers."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import numpy.typing as npt
import pandas as pd

from examples.credit.stage import Stage

if TYPE_CHECKING:
    from examples.credit.story import World

MODEL, SYSTEM = "credit-risk", "consumer-credit"
MENDED = "The original bytes were put back from the training run; digest compared and equal to the approved one."


def alias_in_mlflow(world: World, alias: str = "champion") -> int | None:
    """Ask MLflow itself where an alias points."""
    env = world.engineer_env
    answer = httpx.get(
        f"{world.mlflow_url}/api/2.0/mlflow/registered-models/alias",
        params={"name": MODEL, "alias": alias},
        auth=(env["MLFLOW_TRACKING_USERNAME"], env["MLFLOW_TRACKING_PASSWORD"]),
        timeout=30,
    )
    return int(answer.json()["model_version"]["version"]) if answer.is_success else None


def _artifact_file(world: World) -> Path:
    """Return the file in the store that holds v2's model, as somebody with access to the disk would find it."""
    env = world.engineer_env
    auth = (env["MLFLOW_TRACKING_USERNAME"], env["MLFLOW_TRACKING_PASSWORD"])
    answer = httpx.get(
        f"{world.mlflow_url}/api/2.0/mlflow/model-versions/get-download-uri",
        params={"name": MODEL, "version": "2"},
        auth=auth,
        timeout=30,
    )
    below = answer.json()["artifact_uri"].removeprefix("mlflow-artifacts:/").lstrip("/")
    for root in (world.var / "storage" / "mlflow", world.var / "mlflow" / "artifacts", world.var / "storage"):
        if (root / below).is_dir():
            found: Path = next(p for p in sorted((root / below).iterdir()) if p.name.startswith("model."))
            return found
    raise FileNotFoundError(below)


class Service:
    """The example prediction service, in a process of its own."""

    def __init__(self, world: World) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120)
        self._log = (world.var / "log" / "serving.log").open("a")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "uvicorn",
                "examples.serving.app:app",
                "--port",
                str(port),
                "--log-level",
                "warning",
            ],
            env={
                **os.environ,
                **world.engineer_env,
                "PLACET_URL": world.url,
                "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            },
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is the demo's, which stops this one
        )

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait(10)
        self._log.close()

    def up(self) -> bool | None:
        """Return True once it answers, None before."""
        try:
            return self._http.get("/health").is_success or None
        except httpx.HTTPError:
            return None

    def score(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the probability of default per row, as the service answers it."""
        answer = self._http.post("/predictions", json=json.loads(frame.to_json(orient="records")))
        answer.raise_for_status()
        return np.asarray(answer.json(), dtype=np.float64)

    def reload(self) -> httpx.Response:
        """Have it verify and load what the alias points to."""
        return self._http.post("/reload")


def tamper(stage: Stage, world: World) -> None:
    """Change one byte in the store; it is seen, nothing verifies, nothing loads; put it back."""
    with Service(world) as service:
        stage.wait("the example service starts", service.up)
        loaded = service.reload()
        stage.expect(loaded.is_success, "the example service verified and loaded champion v2", got=loaded.text)
        path = _artifact_file(world)
        original = path.read_bytes()
        path.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
        stage.say(f"one bit of {path.name} in the artifact store is flipped")
        try:
            finding = stage.wait("the reconciler looks", lambda: _finding(world), seconds=60)
            stage.expect("approved is" in finding, f"the reconciler says so: {finding}")
            verdict = _placet(stage, world, "verify-model", f"models:/{MODEL}@champion")
            stage.expect(verdict.returncode == 3, "placet verify-model exits 3", got=verdict.stdout + verdict.stderr)
            stage.quote(_first_line(verdict.stderr or verdict.stdout))
            again = service.reload()
            stage.expect(
                again.status_code == httpx.codes.CONFLICT, "the example service refuses to load it", got=again.text
            )
            stage.quote(f'"{again.json()["detail"]}"')
        finally:
            path.write_bytes(original)
        stage.say("the bytes are put back")
    _make_good(stage, world)


def _finding(world: World) -> str | None:
    page = world.people["risk"].page(f"/models/{_model_pk(world)}")
    found = re.search(r"credit-risk v2: the store holds [^<]*", page)
    return found.group(0).strip() if found else None


def _model_pk(world: World) -> str:
    page = world.people["risk"].page("/models")
    found = re.search(r'href="/models/([0-9a-f-]{36})"', page)
    if found is None:
        raise LookupError("The model page does not list the model.")
    return found.group(1)


def _make_good(stage: Stage, world: World) -> None:
    """Close the finding and lift the suspension, as a risk officer who looked at it."""
    from examples.credit.story import follow

    risk = world.people["risk"]
    page = risk.page(f"/models/{_model_pk(world)}")
    found = re.search(r'action="(/findings/[0-9a-f-]{36}/close)"', page)
    stage.expect(found, "the finding can be closed by somebody who does not own it")
    if found:
        risk.post_form(found.group(1), how=MENDED, password=risk.password)
    approval = follow(world, 2)["approval"]
    stage.expect(approval["state"] == "suspended", "meanwhile the approval had lost its force", got=approval["state"])
    risk.post_form(f"/approvals/{approval['id']}/lift", rationale=MENDED, password=risk.password)
    stage.expect(follow(world, 2)["approval"]["state"] == "approved", "a risk officer looked and gave it back")
    verdict = _placet(stage, world, "verify-model", f"models:/{MODEL}@champion")
    stage.expect(verdict.returncode == 0, "placet verify-model exits 0 again", got=verdict.stdout + verdict.stderr)


def _placet(stage: Stage, world: World, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the client as somebody would in the same terminal."""
    return subprocess.run(
        [Path(sys.executable).with_name("placet"), *words],
        check=False,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            **world.engineer_env,
            "PLACET_URL": world.url,
            "PLACET_TOKEN": world.token,
            "COLUMNS": str(stage.console.width - 5),
        },
    )


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def papers(stage: Stage, world: World) -> None:
    """Build the Annex IV PDF and the audit bundle; verify offline; one flipped byte is found and named."""
    from placet.verify import verify_bundle

    auditor = world.people["auditor"]
    job = world.people["owner"].call("POST", "documents", {"kind": "annex-iv", "system": SYSTEM})
    done = stage.wait("the PDF is made", lambda: _built(auditor.call("GET", f"documents/{job['id']}")), seconds=150)
    stage.expect(done["state"] == "done", "the Annex IV documentation is built", got=done.get("error"))
    pdf = auditor.download(f"/api/v1/documents/{done['document']}/pdf", world.output / "annex-iv.pdf")
    stage.expect(
        pdf.read_bytes().startswith(b"%PDF"),
        f"{done['measured']} paragraphs measured, {done['declared']} declared, {done['missing']} missing and listed as "
        f"gaps: {pdf.name}",
    )
    trust, anchors = Path(world.engineer_env["PLACET_TRUST_FILE"]), sorted((world.var / "anchors").glob("*.note"))
    seen = ["--checkpoint", str(anchors[-1])] if anchors else []

    def checked() -> tuple[Path, Any] | None:
        """A bundle and what the verifier says of it; None while entries still waited for the tree as it was made."""
        bundle = _bundle(world)
        if bundle is None:
            return None
        verdict = _placet(stage, world, "verify", str(bundle), "--policy", str(trust), *seen)
        return None if verdict.returncode == INCOMPLETE else (bundle, verdict)

    bundle, verdict = stage.wait("the bundle is written and whole", checked, seconds=60)
    stage.quote(verdict.stdout.strip())
    stage.expect(
        verdict.returncode == 0,
        "placet verify exits 0: integrity, completeness and anchoring hold",
        got=verdict.stdout + verdict.stderr,
    )
    broken = _flip_entry(bundle)
    verdict = _placet(stage, world, "verify", str(broken), "--policy", str(trust), *seen)
    report = verify_bundle(broken, policy=trust.read_text())
    stage.expect(verdict.returncode == 3, "with one byte flipped it exits 3", got=verdict.stdout)
    named = [finding for finding in report.findings if finding.index is not None]
    stage.expect(named, f"and names the entry: {named[0].message if named else report.findings}")


INCOMPLETE = 4  # placet verify: something was still on its way


def _built(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["state"] in {"done", "failed"} else None


def _bundle(world: World) -> Path | None:
    from examples.credit.people import Refused

    try:
        return world.people["auditor"].download("/api/v1/bundles/latest", world.output / "audit-bundle.zip")
    except Refused as refusal:
        if refusal.status == httpx.codes.CONFLICT:
            return None
        raise


def _flip_entry(bundle: Path) -> Path:
    """Write a copy in which one bit of one byte, in the middle of the log's entries, is flipped."""
    broken = bundle.with_name("audit-bundle-flipped.zip")
    with zipfile.ZipFile(bundle) as archive:
        name = next(item for item in archive.namelist() if item.startswith("entries/"))
        entries = archive.read(name)
    content = bytearray(bundle.read_bytes())
    content[content.find(entries) + len(entries) // 2] ^= 1
    broken.write_bytes(content)
    return broken
