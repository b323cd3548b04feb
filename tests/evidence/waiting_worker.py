"""The Celery application of the evidence worker, with a producer that can be told to wait at each of its stages.

``celery -A tests.evidence.waiting_worker worker``: lease, broker, database and tasks are the real ones; only the lease
is shorter, and what is measured is a sample. ``PLACET_TEST_STAGES`` names a folder. Where ``<stage>.wait``
lies in it, the producer writes ``<stage>.here`` (its process and that of the child it started) and waits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

from governance.config.celery import app

django.setup()  # celery would do it later, and what is replaced below has to be there
from governance.evidence import producers, services, tasks  # noqa: E402
from governance.evidence.producers import Product, Task  # noqa: E402

__all__ = ["app"]
FOLDER = Path(os.environ["PLACET_TEST_STAGES"])
STAGES = ("fetching", "scoring", "measuring", "attaching")
services.LEASE = timedelta(seconds=4)
tasks.BEAT_S = 0.5
producers.register("performance/v1", "tests.evidence.waiting_worker:produce")
_attach = services.attach


def produce(task: Task) -> Product:
    """Give the sample of performance evidence, stage by stage; scoring starts a process, as running a model does."""
    from tests.payloads import performance

    for done, stage in enumerate(STAGES[:3]):
        task.progress(done, 3, stage.capitalize())
        if (FOLDER / "poison").exists():
            os.kill(os.getpid(), 9)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) if stage == "scoring" else None
        try:
            wait_at(stage, child)
        finally:
            if child:
                child.kill()
                child.wait()
    return Product(performance(), {"seed": task.seed})


def wait_at(stage: str, child: subprocess.Popen[bytes] | None = None) -> None:
    """Wait while the stage's ``.wait`` lies there; say so first."""
    here = FOLDER / f"{stage}.here"
    while (FOLDER / f"{stage}.wait").exists():
        if not here.exists():
            part = FOLDER / f"{stage}.part"
            part.write_text(f"{os.getpid()} {child.pid if child else 0}")
            part.replace(here)
        if child:
            child.wait(timeout=600)  # as the parent of a model waits: for its process, and for nothing else
        time.sleep(0.05)


def attach(**work: Any) -> Any:
    """Wait with everything written and nothing committed."""
    made = _attach(**work)
    wait_at("attaching")
    return made


services.attach = attach
