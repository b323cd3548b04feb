"""How the process talks: JSON lines in and out, on inherited descriptors Arrow IPC files in and streams out."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Columns = Mapping[str, npt.NDArray[np.float64] | npt.NDArray[np.int64]]


class Refused(Exception):
    """The job cannot be done, for a reason worth telling."""


def say(stream: int, **line: Any) -> None:
    """Write one JSON line."""
    text = (json.dumps(line) + "\n").encode()
    while text:
        text = text[os.write(stream, text) :]


def read_frame(descriptor: int) -> pd.DataFrame:
    """Read one Arrow IPC file from an inherited descriptor, which stays open for the next call."""
    import pyarrow as pa

    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        with pa.ipc.open_file(file) as reader:
            table = reader.read_all()
    try:
        frame: pd.DataFrame = table.to_pandas()
    except (TypeError, ValueError, NotImplementedError):  # written by another pandas, whose types this one lacks
        frame = table.replace_schema_metadata(None).to_pandas()
    return frame


def write_columns(descriptor: int, columns: Columns) -> None:
    """Write float64 and int64 columns as one Arrow IPC stream to an inherited descriptor, which stays open."""
    import numpy as np
    import pyarrow as pa

    kinds = {
        name: pa.int64() if np.asarray(values).dtype.kind in "iu" else pa.float64() for name, values in columns.items()
    }
    table = pa.table({name: pa.array(values, type=kinds[name]) for name, values in columns.items()})
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.seek(0)
        file.truncate()
        with pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
