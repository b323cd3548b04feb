"""Run a few lines in the isolated process instead of a model: through Placet's own code, or by the launcher alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

import pandas as pd
import pytest

from reports.isolation import process

as_root = pytest.mark.skipif(os.getuid() != 0, reason="the own uid needs root")
FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0]})


@pytest.fixture
def probe(tmp_path):
    """Run a few lines in the isolated process instead of a model; what they put into ``found`` comes back."""

    def run(code, *, outputs=0, timeout_s=20.0, memory_mb=process.MEMORY_MB, progress=None):
        script = tmp_path / "probe.py"
        head = (
            "import json, os, sys\nfound = {}\n"
            "job = json.loads(sys.stdin.readline()) | {'model': json.loads(sys.argv[1])['model']}\n"
        )
        tail = "\nprint(json.dumps({'result': found}), flush=True)\n"
        script.write_text(head + textwrap.dedent(code) + tail)
        script.chmod(0o644)
        tmp_path.chmod(0o755)
        model = tmp_path / "model"
        model.mkdir(exist_ok=True)
        (model / "weights").write_text("1")
        return process.run(
            {"action": "probe"},
            script=script,
            model_dir=model,
            memory_mb=memory_mb,
            frames=[FRAME],
            outputs=outputs,
            rows=3,
            timeout_s=timeout_s,
            progress=progress,
        )

    return run


def launch(script, *, user, binds, root=None, cpu_s=10, **more):
    """Run the launcher, and in it a script, by the system's Python, which every user may run."""
    python = "/usr/bin/python3"
    if not Path(python).exists():
        pytest.skip("needs the system's Python, which every user can run")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # pytest's own is closed to other users
        os.chown(name, user, user)
        own = Path(name) / "root"
        own.mkdir()
        os.chown(own, user, user)
        launcher = Path(name) / "launcher.py"
        shutil.copy(process.HERE / "launcher.py", launcher)
        launcher.chmod(0o644)
        config = {
            "command": [python, "-I", "-c", script],
            "environment": {},
            "binds": binds,
            "hidden": [],
            "root": root or str(own),
            "uid": process.UIDS[0],
            "memory_mb": 2048,
            "cpu_s": cpu_s,
            "file_mb": 1,
        } | more
        return subprocess.run(
            [python, "-I", str(launcher), json.dumps(config)],
            capture_output=True, text=True, env={}, cwd="/", user=user, group=user, extra_groups=[], timeout=30,
        )  # fmt: skip
