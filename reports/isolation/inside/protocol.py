"""How the process talks: JSON lines out, Arrow IPC files in and out on inherited descriptors."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]


class Refused(Exception):
    """The job cannot be done, for a reason worth telling."""


def say(stream: int, **line: Any) -> None:
    """Write one JSON line."""
    os.write(stream, (json.dumps(line) + "\n").encode())


def read_frame(descriptor: int) -> pd.DataFrame:
    """Read one Arrow IPC file from an inherited descriptor."""
    import pyarrow as pa

    with os.fdopen(descriptor, "rb") as file, pa.ipc.open_file(file) as reader:
        frame: pd.DataFrame = reader.read_pandas()
    return frame


def write_columns(descriptor: int, columns: dict[str, Floats]) -> None:
    """Write float64 columns as one Arrow IPC file to an inherited descriptor."""
    import pyarrow as pa

    table = pa.table({name: pa.array(values, type=pa.float64()) for name, values in columns.items()})
    with os.fdopen(descriptor, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
