"""Start the isolated process for one job, watch it, and take back only numbers that pass the checks."""

from __future__ import annotations

import contextlib
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

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from reports.isolation.errors import ModelFailed
from reports.isolation.launcher import lacking

Floats = npt.NDArray[np.float64]
Progress = Callable[[int, int], None]

HERE = Path(__file__).resolve().parent
INSIDE = HERE / "inside"
START = f"import sys; sys.path.insert(0, {str(HERE)!r}); from inside.main import main; sys.exit(main())"
UID = 65533  # of the isolated process when the worker is root; owns nothing
MEMORY_MB = 3072  # address space, of which numpy, scikit-learn and shap reserve about 1 GB without using it
FILE_MB = 256
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
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True)
class Answer:
    """What came back: the isolation level in words, the result line, and one checked table per output."""

    isolation: str
    result: dict[str, Any]
    tables: list[dict[str, Floats]]


def run(
    job: dict[str, Any],
    *,
    model_dir: Path,
    frames: list[pd.DataFrame],
    outputs: int,
    rows: int,
    timeout_s: float,
    memory_mb: int = MEMORY_MB,
    progress: Progress | None = None,
    script: Path | None = None,
) -> Answer:
    """Run one job of ``inside/main.py`` on a copy of the model and return its checked answer.

    Args:
        job: the child's job, without the model, the inputs and the outputs, which are added here.
        frames: the input frames, in the child's order.
        outputs: how many tables the child writes, each of ``rows`` rows.
        timeout_s: wall-clock limit in seconds; processor time is limited to the same, rounded up.
        memory_mb: limit of address space, at least 1536.
        progress: called with (done, total) for each progress line.
        script: what holds the model and gets the job as its first argument; None for ``inside/main.py``.
    Raises:
        ModelFailed: the process gave an error, crashed, ran out of time or memory, or its numbers are not those asked.
    """
    with ExitStack() as stack:
        home = stack.enter_context(_job_directory())
        copy = home / "model"
        shutil.copytree(model_dir, copy, symlinks=True)
        _open_to_others(copy)
        inputs = [stack.enter_context(_frame_file(frame)) for frame in frames]
        results = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(outputs)]
        errors = stack.enter_context(tempfile.TemporaryFile())
        job = job | {
            "model": str(copy),
            "inputs": [file.fileno() for file in inputs],
            "outputs": [file.fileno() for file in results],
        }
        config = {
            "command": [sys.executable, "-I", *([str(script)] if script else ["-c", START]), json.dumps(job)],
            "environment": ENVIRONMENT,
            "binds": _visible(script or INSIDE, copy),
            "hidden": _secrets(),
            "root": str(home / "root"),
            "uid": UID,
            "memory_mb": memory_mb,
            "cpu_s": int(timeout_s) + 1,
            "file_mb": FILE_MB,
        }
        process = subprocess.Popen(  # noqa: S603  # our own launcher, arguments as a list
            [sys.executable, "-I", str(HERE / "launcher.py"), json.dumps(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={},
            cwd="/",
            pass_fds=[file.fileno() for file in (*inputs, *results)],
            start_new_session=True,
        )
        try:
            level, result = _converse(process, deadline=time.monotonic() + timeout_s, progress=progress)
        except _Silent:
            raise ModelFailed(_obituary(process, errors, timeout_s)) from None
        finally:
            _end(process)
        return Answer(level, result, [_table(file, rows) for file in results])


class _Silent(Exception):
    """The process ended, or its time did, before the result line."""


def _converse(
    process: subprocess.Popen[bytes], *, deadline: float, progress: Progress | None
) -> tuple[str, dict[str, Any]]:
    """Read lines until the result; return the isolation level and the result."""
    level = ""
    for line in _lines(process, deadline):
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        match said:
            case {"level": str(steps), "reasons": list(reasons)} if not level:  # the launcher speaks first
                level = steps + (f" ({'; '.join(map(str, reasons))})" if reasons else "")
                # It did not start the model then; asked again here, so that no later launcher forgets it.
                refused = said.get("refused") or lacking(steps.split("+"), root=os.getuid() == 0)
                if refused:
                    msg = f"This host can't keep a model apart, so it was not run: {refused}. Reached: {level}."
                    raise ModelFailed(msg)
            case {"progress": {"done": int(done), "total": int(total)}} if 0 <= done <= total:
                if progress:
                    progress(done, total)
            case {"error": str(error)}:
                raise ModelFailed(_printable(error))
            case {"result": dict(result)}:
                return level, result
            case _:
                msg = "The isolated process broke the protocol: it wrote a line that is none of its own."
                raise ModelFailed(msg)
    raise _Silent


def _lines(process: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
    """Yield complete lines of standard output; end at its end; refuse floods; stop waiting at the deadline."""
    stream = process.stdout
    if stream is None:
        return
    buffer = b""
    total = 0
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(timeout=left):
                raise _Silent
            chunk = os.read(stream.fileno(), 1 << 16)
            if not chunk:
                return
            total += len(chunk)
            buffer += chunk
            *lines, buffer = buffer.split(b"\n")
            if total > MOST_OUTPUT or len(buffer) > LONGEST_LINE:
                msg = "The isolated process wrote more than it was asked for and was ended."
                raise ModelFailed(msg)
            yield from lines


def _obituary(process: subprocess.Popen[bytes], errors: IO[bytes], timeout_s: float) -> str:
    """Say why there is no result: still running means out of time."""
    try:
        status = process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return (
            f"The model did not finish within {timeout_s:g} s and was ended. "
            "Allow more time, or explain fewer rows or a smaller model."
        )
    number = status - 128 if status > 128 else -status
    if number in (signal.SIGKILL, signal.SIGXCPU):
        return "The isolated process was killed: too much processor time, or the machine ran out of memory."
    how = f"ended by {signal.Signals(number).name}" if number in set(signal.Signals) else f"ended with {status}"
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - ERROR_TAIL))
    tail = _printable(errors.read().decode(errors="replace"))
    return f"The isolated process {how} before it gave a result. Its last words: {tail or 'none'}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all of its session, and collect it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def _table(file: IO[bytes], rows: int) -> dict[str, Floats]:
    """Return the columns of one output: float64, finite, ``rows`` long. What a hostile process wrote must not hurt."""
    file.seek(0)
    try:
        with pa.ipc.open_file(pa.BufferReader(file.read())) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        msg = "The isolated process did not write a readable Arrow table."
        raise ModelFailed(msg) from error
    if table.num_rows != rows or any(field.type != pa.float64() for field in table.schema):
        msg = f"The isolated process gave {table.num_rows} rows of {table.schema.types}, expected {rows} of numbers."
        raise ModelFailed(msg)
    if len(set(table.column_names)) != table.num_columns:
        msg = "The isolated process named a column twice."
        raise ModelFailed(msg)
    columns = {str(name): table.column(name).to_numpy().astype(np.float64) for name in table.column_names}
    if any(table.column(name).null_count or not np.isfinite(values).all() for name, values in columns.items()):
        msg = "The model gave numbers that are missing or not finite."
        raise ModelFailed(msg)
    return columns


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


@contextmanager
def _frame_file(frame: pd.DataFrame) -> Iterator[IO[bytes]]:
    """The frame as an Arrow IPC file without a name."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with tempfile.TemporaryFile() as file:
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        file.seek(0)
        yield file


def _visible(*own: Path) -> list[str]:
    """The paths that the isolated process may see: system libraries, this Python, its packages, and ``own``."""
    wanted = [
        *(Path(name) for name in ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache")),
        *(Path(name) for name in (sys.base_prefix, sys.prefix)),
        *own,
    ]
    present = [path for path in wanted if path.exists()]
    inside = {path for path in present for other in present if path != other and path.is_relative_to(other)}
    return [str(path) for path in present if path not in inside]


def _secrets() -> list[str]:
    """Paths to cover where the visible ones would show them: our var/, the home, and what our settings point to.

    Nothing of it is visible as a rule; an interpreter installed above them must not change that.
    """
    named = [Path(value) for name, value in os.environ.items() if name.startswith("PLACET_") and value.startswith("/")]
    wanted = [HERE.parents[1] / "var", *named, *([Path(os.environ["HOME"])] if os.environ.get("HOME") else [])]
    return [str(path) for path in wanted if path != Path("/") and path.exists()]


def _printable(text: str) -> str:
    """Text of an untrusted process, cut, and without control characters."""
    return "".join(c if c.isprintable() else " " for c in text[:ERROR_TAIL]).strip()
