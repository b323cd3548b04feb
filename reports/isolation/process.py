"""Start an isolated process that holds one model, ask it, watch it, and take back only numbers that pass the checks."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd

from reports.isolation import levels, tables, visible
from reports.isolation.errors import ModelFailed, ModelObjected
from reports.isolation.launcher import lacking

Floats = tables.Floats
Progress = Callable[[int, int], None]

HERE = Path(__file__).resolve().parent
INSIDE = HERE / "inside"
# By its path, since our modules beside it must not stand in for others of the same name (inspect).
IMPORT = f"""
import importlib.util, sys
found = importlib.util.spec_from_file_location(
    "inside", {str(INSIDE / "__init__.py")!r}, submodule_search_locations=[{str(INSIDE)!r}]
)
sys.modules["inside"] = importlib.util.module_from_spec(found)
"""
START = IMPORT + "from inside.main import main\nsys.exit(main())"
# Of the isolated process when the worker is root; they own nothing. Each process its own, so that the threads of one
# don't count against another's limit.
UIDS = range(65200, 65534)
MEMORY_MB = 3072  # address space, of which numpy, scikit-learn and shap reserve about 1 GB without using it
FILE_MB = 256
SESSION_CPU_S = 3600  # of a process that is kept; each call has its own limit below that
LONGEST_LINE = 64 << 10
MOST_OUTPUT = 8 << 20
ERROR_TAIL = 400
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/tmp",  # noqa: S108  # the isolated process has a /tmp of its own
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "NUMBA_DISABLE_JIT": "1",
    "NUMBA_CACHE_DIR": "/tmp",  # noqa: S108
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # the others reserve gigabytes of address space
    "LOKY_MAX_CPU_COUNT": "1",  # joblib would start a process to count the cores
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_started = itertools.count(os.getpid())


@dataclass(frozen=True)
class Answer:
    """What came back: the isolation level in words, the result line, and one checked table per output."""

    isolation: str
    result: dict[str, Any]
    tables: list[tables.Table]

    @property
    def level(self) -> str:
        """The level on the scale of ``levels``."""
        return levels.level_of(self.isolation.partition(" ")[0].split("+"))


class Child:
    """One isolated process with one model. It starts with the first call, and any failure ends it.

    Args:
        setup: what ``inside/main.py`` needs to load the model, without its directory, which is added here.
        model_dir: copied, so it may go away afterwards.
        memory_mb: limit of address space, at least 1536.
        environment: the model's own environment, or None for the packages of this process.
        required: the lowest level of isolation at which the model is started.
        script: what holds the model instead of ``inside/main.py``; for tests.
    """

    def __init__(
        self,
        setup: dict[str, Any],
        *,
        model_dir: Path,
        memory_mb: int = MEMORY_MB,
        environment: Path | None = None,
        required: str = levels.LIMITED,
        script: Path | None = None,
    ) -> None:
        self.isolation = ""
        self._setup, self._script, self._environment = setup, script, environment
        self._memory_mb, self._required = memory_mb, required
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        with ExitStack() as stack:
            self._home = stack.enter_context(_job_directory())
            self._copy = self._home / "model"
            shutil.copytree(model_dir, self._copy, symlinks=True)
            _open_to_others(self._copy)
            self._inputs = stack.enter_context(tables.slots(os.O_RDONLY))
            self._outputs = stack.enter_context(tables.slots(os.O_WRONLY))
            self._errors: IO[bytes] = stack.enter_context(tempfile.TemporaryFile(mode="ab+"))
            self._open = stack.pop_all()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the process is there for another call."""
        return self._process is not None and self._process.poll() is None

    def ask(
        self,
        job: dict[str, Any],
        *,
        frames: list[pd.DataFrame],
        outputs: int,
        rows: int | None,
        timeout_s: float,
        progress: Progress | None = None,
        kept: bool = False,
    ) -> Answer:
        """Have one job done and return its checked answer.

        Args:
            job: the action and its settings; inputs, outputs and the limit of processor time are added here.
            frames: the input frames, in the child's order; at most 8.
            outputs: how many tables the child writes; at most 8.
            rows: how many rows each of them has; None when the caller checks it.
            timeout_s: wall-clock limit of this call in seconds; processor time is limited to the same, rounded up.
            progress: called with (done, total) for each progress line.
            kept: further calls may follow, so the hard limit of processor time, which only the launcher sets, is wide.
        Raises:
            ModelFailed: the process gave an error, crashed, ran out of time or memory, or its numbers are not those
                asked. It is ended then, unless it is ``kept`` and only answered with an error (ModelObjected).
        """
        if max(len(frames), outputs) > tables.SLOTS:
            msg = f"At most {tables.SLOTS} frames go in and tables come out in one call."
            raise ValueError(msg)
        deadline = time.monotonic() + timeout_s
        try:
            for slot, frame in zip(self._inputs, frames, strict=False):
                tables.write_frame(slot, frame)
            for slot in self._outputs:
                tables.clear(slot)
            self._errors.truncate(0)
            process = self._process or self._start(int(timeout_s) + 1, kept=kept)
            handles = {
                "inputs": [slot.descriptor for slot in self._inputs[: len(frames)]],
                "outputs": [slot.descriptor for slot in self._outputs[:outputs]],
            }
            line = json.dumps(job | handles | {"cpu_s": int(timeout_s) + 1}) + "\n"
            try:
                _send(process, line.encode(), deadline)
                result = self._converse(process, deadline, progress)
            except _Silent:
                raise ModelFailed(_obituary(process, self._errors, timeout_s)) from None
            return Answer(self.isolation, result, [tables.read_table(slot, rows) for slot in self._outputs[:outputs]])
        except BaseException as error:
            if not (kept and isinstance(error, ModelObjected)):
                self.close()
            raise

    def close(self) -> None:
        """Kill the process and all of its session, collect it, and clear its files away. Safe twice."""
        process, self._process = self._process, None
        if process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in filter(None, (process.stdin, process.stdout)):
                with contextlib.suppress(OSError):
                    stream.close()
        self._open.close()

    def _start(self, cpu_s: int, *, kept: bool) -> subprocess.Popen[bytes]:
        python = str(self._environment / "bin" / "python") if self._environment else sys.executable
        setup = json.dumps(self._setup | {"model": str(self._copy)})
        config = {
            "command": [python, "-I", *([str(self._script)] if self._script else ["-c", START]), setup],
            "environment": ENVIRONMENT,
            "binds": visible.visible(self._script or INSIDE, self._copy, environment=self._environment),
            "hidden": visible.secrets(),
            "root": str(self._home / "root"),
            "uid": UIDS[next(_started) % len(UIDS)],
            "required": self._required,
            "memory_mb": self._memory_mb,
            "cpu_s": cpu_s,
            "cpu_hard_s": SESSION_CPU_S if kept else 0,
            "file_mb": FILE_MB,
        }
        self._process = subprocess.Popen(  # noqa: S603  # our own launcher, arguments as a list
            [sys.executable, "-I", str(HERE / "launcher.py"), json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={},
            cwd="/",
            pass_fds=[slot.descriptor for slot in (*self._inputs, *self._outputs)],
            start_new_session=True,
        )
        return self._process

    def _converse(self, process: subprocess.Popen[bytes], deadline: float, progress: Progress | None) -> dict[str, Any]:
        """Read lines until the result, and return it; the launcher's own line comes first of all."""
        for line in self._lines(process, deadline):
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                said = None
            match said:
                case {"level": str(steps), "reasons": list(reasons)} if not self.isolation:  # the launcher speaks first
                    self.isolation = steps + (f" ({'; '.join(map(str, reasons))})" if reasons else "")
                    # It did not start the model then; asked again here, so that no later launcher forgets it.
                    refused = said.get("refused") or lacking(
                        steps.split("+"), root=os.getuid() == 0, required=self._required
                    )
                    if refused:
                        msg = f"This host can't keep a model apart, so it was not run: {refused}. "
                        raise ModelFailed(f"{msg}Reached: {self.isolation}.")
                case {"progress": {"done": int(done), "total": int(total)}} if 0 <= done <= total:
                    if progress:
                        progress(done, total)
                case {"error": str(error)}:
                    raise (ModelFailed if said.get("ended") else ModelObjected)(_printable(error))
                case {"result": dict(result)}:
                    return result
                case _:
                    msg = "The isolated process broke the protocol: it wrote a line that is none of its own."
                    raise ModelFailed(msg)
        raise _Silent

    def _lines(self, process: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
        """Yield complete lines of standard output; end at its end; refuse floods; stop waiting at the deadline."""
        stream = process.stdout
        if stream is None:
            return
        total = 0
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while True:
                while b"\n" in self._buffer:
                    line, _, self._buffer = self._buffer.partition(b"\n")
                    yield line
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(timeout=left):
                    raise _Silent
                chunk = os.read(stream.fileno(), 1 << 16)
                if not chunk:
                    return
                total += len(chunk)
                self._buffer += chunk
                if total > MOST_OUTPUT or len(self._buffer.rpartition(b"\n")[2]) > LONGEST_LINE:
                    msg = "The isolated process wrote more than it was asked for and was ended."
                    raise ModelFailed(msg)


def run(job: dict[str, Any], *, script: Path, model_dir: Path, memory_mb: int = MEMORY_MB, **asked: Any) -> Answer:
    """Run one job by ``script`` in a process of its own, as ``Child.ask`` does; for tests of the isolation itself."""
    with Child({}, model_dir=model_dir, memory_mb=memory_mb, script=script) as child:
        return child.ask(job, **asked)


class _Silent(Exception):
    """The process ended, or its time did, before the result line."""


def _send(process: subprocess.Popen[bytes], line: bytes, deadline: float) -> None:
    """Write the job; a process that does not read must not hold us up."""
    stream = process.stdin
    if stream is None:
        return
    os.set_blocking(stream.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_WRITE)
        while line:
            if not selector.select(timeout=max(0.0, deadline - time.monotonic())):
                raise _Silent
            try:
                line = line[os.write(stream.fileno(), line) :]
            except BrokenPipeError:
                raise _Silent from None


def _obituary(process: subprocess.Popen[bytes], errors: IO[bytes], timeout_s: float) -> str:
    """Say why there is no result: still running means out of time."""
    try:
        status = process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return (
            f"The model did not finish within {round(timeout_s, 1):g} s and was ended. "
            "Allow more time, or explain fewer rows or a smaller model."
        )
    number = status - 128 if status > 128 else -status
    if number in (signal.SIGKILL, signal.SIGXCPU):
        return "The isolated process was killed: too much processor time, or the machine ran out of memory."
    how = f"ended by {signal.Signals(number).name}" if number in set(signal.Signals) else f"ended with {status}"
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - ERROR_TAIL))
    tail = _printable(errors.read().decode(errors="replace"))
    return f"The isolated process {how} before it gave a result. Its last words: {tail or 'none'}"


@contextmanager
def _job_directory() -> Iterator[Path]:
    """A directory that only we can list; the isolated process can walk through it to the copy of the model."""
    with tempfile.TemporaryDirectory(prefix="placet-model-") as name:
        home = Path(name)
        home.chmod(0o711)
        (home / "root").mkdir()
        yield home


def _open_to_others(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _printable(text: str) -> str:
    """Text of an untrusted process, cut, and without control characters."""
    return "".join(c if c.isprintable() else " " for c in text[:ERROR_TAIL]).strip()
