"""The processes of Placet and how each is started, recognised as ready and stopped; and the order of a start."""

import re
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace

from governance.common.embedded import environment
from governance.common.embedded.environment import Addresses
from governance.common.embedded.layout import EmbeddedError, Layout
from governance.common.embedded.ports import LOOPBACK
from governance.common.embedded.process import Process

SERVERS = ("postgres", "valkey")
APPLICATION = ("mlflow", "web", "worker", "evidence", "beat", "notary")
ALL = (*SERVERS, *APPLICATION)

_CELERY = (sys.executable, "-m", "celery", "-A", "governance.config.celery")
_CELERY_READY = re.compile(r"celery@\S+ ready\.|\bready\.$")


def answers(url: str) -> Callable[[], bool]:
    """Return a check that ``GET url`` is answered with 200."""

    def check() -> bool:
        try:
            # Loopback must not go through a proxy that the environment names.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    return check


def with_env(process: Process, extra: Mapping[str, str]) -> Process:
    """Return ``process`` with more variables."""
    return replace(process, env={**process.env, **extra}) if extra else process


def manage(layout: Layout, addresses: Addresses, *arguments: str, role: str) -> Process:
    """Return a run of ``manage.py`` with the environment of ``role``."""
    return Process(
        name=arguments[0].replace("_", "-"),
        command=(sys.executable, "manage.py", *arguments),
        env=environment.compose(layout, addresses, role),
    )


def _web(layout: Layout, addresses: Addresses) -> Process:
    port = addresses.ports["web"]
    return Process(
        name="web",
        command=(
            *(sys.executable, "-m", "gunicorn", "governance.config.wsgi", "--bind", f"{LOOPBACK}:{port}"),
            *("--workers", "2", "--worker-class", "gthread", "--threads", "4", "--graceful-timeout", "5"),
            # Longer than clients keep an idle connection, so that none is closed under a call that begins.
            *("--keep-alive", "65"),
            # The heartbeat file in memory: on a slow disk a busy worker would be taken for dead.
            *("--worker-tmp-dir", "/dev/shm", "--no-control-socket"),  # noqa: S108
        ),
        env=environment.compose(layout, addresses, "web"),
        ready=answers(f"http://{LOOPBACK}:{port}/readyz"),
    )


def _celery_worker(layout: Layout, addresses: Addresses, *, name: str, queue: str, concurrency: int) -> Process:
    return Process(
        name=name,
        command=(
            *(*_CELERY, "worker", "-Q", queue, "-c", str(concurrency), "-n", f"{name}@%h", "--pool", "prefork"),
            *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
        ),
        env=environment.compose(layout, addresses, name),
        ready_line=_CELERY_READY,
        # A first SIGTERM waits for the running task; what is cut off after this is redelivered.
        stop_timeout_s=8.0,
    )


def _worker(layout: Layout, addresses: Addresses) -> Process:
    return _celery_worker(layout, addresses, name="worker", queue="default", concurrency=2)


def _evidence(layout: Layout, addresses: Addresses) -> Process:
    # One at a time: a SHAP run alone fills a core and more than a gigabyte.
    return _celery_worker(layout, addresses, name="evidence", queue="evidence", concurrency=1)


def _beat(layout: Layout, addresses: Addresses) -> Process:
    return Process(
        name="beat",
        command=(
            *(*_CELERY, "beat", "--scheduler", "django_celery_beat.schedulers:DatabaseScheduler"),
            *("--loglevel", "INFO", "--pidfile", ""),
        ),
        env=environment.compose(layout, addresses, "beat"),
        ready_line=re.compile(r"beat: Starting"),
    )


def _notary(layout: Layout, addresses: Addresses) -> Process:
    return Process(
        name="notary",
        command=(sys.executable, "manage.py", "notary"),
        env=environment.compose(layout, addresses, "notary"),
        ready_line=re.compile(r"notary ready"),
    )


def _mlflow(layout: Layout, addresses: Addresses) -> Process:
    port = addresses.ports["mlflow"]
    return Process(
        name="mlflow",
        command=(
            *(sys.executable, "-m", "mlflow", "server", "--app-name", "governed", "--host", LOOPBACK),
            *("--port", str(port), "--workers", "1", "--serve-artifacts"),
            *("--artifacts-destination", str(layout.mlflow_artifacts)),
        ),
        env=environment.compose(layout, addresses, "mlflow"),
        # Outside the checkout's root: MLflow would leave its own files in the working directory.
        cwd=layout.run,
        ready=answers(f"http://{LOOPBACK}:{port}/health"),
        ready_timeout_s=180.0,
        stop_signal=signal.SIGTERM,
        stop_timeout_s=8.0,
    )


_MAKERS: dict[str, Callable[[Layout, Addresses], Process]] = {
    "mlflow": _mlflow,
    "web": _web,
    "worker": _worker,
    "evidence": _evidence,
    "beat": _beat,
    "notary": _notary,
}


def application_process(layout: Layout, addresses: Addresses, name: str) -> Process:
    """Return how to run one of ``APPLICATION``.

    Raises:
        EmbeddedError: there is no such process.
    """
    if name not in _MAKERS:
        raise EmbeddedError(f"There is no process {name!r}; these are: {', '.join(ALL)}.")
    return _MAKERS[name](layout, addresses)
