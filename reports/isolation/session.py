"""Several calls on one model version over one isolated process, which loads the model once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from reports.isolation import levels, options
from reports.isolation.environments import environment_of
from reports.isolation.errors import ModelFailed, ModelObjected
from reports.isolation.inspect import inspect_model
from reports.isolation.outputs import BINARY, TASKS, Outputs, from_tables, versions
from reports.isolation.process import MEMORY_MB, Answer, Child, Floats, Progress

CELLS = 20_000_000  # of a frame that goes in at once; a larger one goes in parts, so that memory does not grow with it


class Session:
    """One model and, from the first call on, one isolated process that holds it.

    A call that fails ends the process, unless the model only answers with an error; the next one starts another. Never
    used for a second version.

    Raises:
        ModelRefused: static inspection refused the files.
        EnvironmentMismatch: versions that matter differ, and the model's own environment can't be had.
    """

    def __init__(self, model_dir: Path, *, memory_mb: int = MEMORY_MB) -> None:
        self.inspection = inspect_model(model_dir, code=options.model_code())
        self.environment = environment_of(self.inspection)
        self._memory_mb, self._folder = memory_mb, model_dir
        self._child: Child | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def model(self) -> dict[str, Any]:
        """What is known about the model, for the evidence's environment."""
        own = self.environment.facts() if self.environment else None
        return self.inspection.facts() | {"own_environment": own}

    def predict(
        self,
        frame: pd.DataFrame | pa.Table,
        *,
        task: str,
        positive_label: str = "",
        classes: Sequence[str] = (),
        timeout_s: float = 120,
    ) -> Outputs:
        """Return what the model says about each row of ``frame``; arguments and errors as ``runner.predict``."""
        if task not in TASKS:
            msg = f"The task {task!r} is none of {', '.join(TASKS)}."
            raise ValueError(msg)
        data: pd.DataFrame = frame.to_pandas() if isinstance(frame, pa.Table) else frame
        if not len(data):
            msg = "There is no row to score."
            raise ValueError(msg)
        job = {"action": "predict", "task": task, "positive_label": positive_label, "classes": list(classes)}
        step = max(1, CELLS // max(1, data.shape[1]))
        deadline = time.monotonic() + timeout_s
        parts, told = [], []
        for start in range(0, len(data), step):
            part = data.iloc[start : start + step]
            answer = self.ask(
                job, frames=[part], outputs=1, rows=len(part), timeout_s=max(0.1, deadline - time.monotonic())
            )
            parts.append(answer.tables[0])
            told.append(answer.result.get("classes"))
        try:
            found = from_tables(
                task,
                parts,
                told[0] if all(named == told[0] for named in told) else None,
                isolation=answer.isolation,
                libraries=versions(answer.result.get("libraries")),
                model=self.model | {"isolation_level": answer.level},
            )
            if task == BINARY and positive_label:
                found.has(positive_label)
        except ModelFailed:
            self.close()
            raise
        return found

    def time(self, frame: pd.DataFrame, *, rows_per_call: int, calls: int, timeout_s: float = 120) -> Floats:
        """Return how long the model took for each of ``calls`` calls, shape (calls,), in seconds.

        Measured in the isolated process around the model's own call alone; a first call is not counted.

        Args:
            rows_per_call: rows of ``frame`` that each call gets, at least 1 and at most all of them.
        Raises:
            ModelFailed: the times are not positive, finite numbers, or more than the time that passed here.
            ValueError: no row, or no call.
        """
        if not 1 <= rows_per_call <= len(frame) or calls < 1:
            msg = f"{rows_per_call} rows a call of {len(frame)} and {calls} calls: at least one of each is needed."
            raise ValueError(msg)
        began = time.monotonic()
        job = {"action": "time", "rows_per_call": int(rows_per_call), "calls": int(calls)}
        answer = self.ask(job, frames=[frame], outputs=1, rows=calls, timeout_s=timeout_s)
        seconds = answer.tables[0].get("seconds")
        passed = time.monotonic() - began
        if seconds is None or len(answer.tables[0]) != 1 or not (np.all(seconds > 0) and seconds.sum() <= passed):
            self.close()
            msg = "The isolated process gave times that can't be: they are not positive, or longer than what passed."
            raise ModelFailed(msg)
        return seconds.astype(np.float64)

    def ask(
        self,
        job: dict[str, Any],
        *,
        frames: list[pd.DataFrame],
        outputs: int,
        rows: int | None,
        timeout_s: float,
        progress: Progress | None = None,
    ) -> Answer:
        """Have one job of ``inside/main.py`` done; as ``Child.ask``, on the process that is there or a new one."""
        if self._child is None or not self._child.alive:
            self.close()
            self._child = self._new()
        try:
            return self._child.ask(
                job, frames=frames, outputs=outputs, rows=rows, timeout_s=timeout_s, progress=progress, kept=True
            )
        except ModelObjected:
            raise
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process, if there is one. The session stays usable as long as the model's directory is there."""
        child, self._child = self._child, None
        if child:
            child.close()

    def follow(self, model_dir: Path) -> None:
        """Say where the same bytes lie now, for the next process; the first directory may be gone."""
        self._folder = model_dir

    def _new(self) -> Child:
        return Child(
            self.inspection.setup(),
            model_dir=self._folder,
            memory_mb=self._memory_mb,
            environment=self.environment.folder if self.environment else None,
            required=levels.FULL if self.inspection.brings_code else levels.LIMITED,
        )
