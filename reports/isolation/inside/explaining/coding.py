"""Frames as float arrays and back, so that rows can be mixed column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]


class Coding:
    """Numbers stay, every other column becomes the position of its value.

    SHAP's maskers subtract and mix values, which they can do with numbers only; the model gets its own columns back.
    """

    def __init__(self, frames: list[pd.DataFrame]) -> None:
        import pandas as pd

        self.names = list(frames[0].columns)
        self.dtypes = frames[0].dtypes
        self.values: dict[str, pd.Index | None] = {}
        for name in self.names:
            column = frames[0][name]
            number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
            everything = pd.concat([frame[name] for frame in frames], ignore_index=True)
            self.values[name] = None if number else pd.Index(everything.unique())

    def encode(self, frame: pd.DataFrame) -> Floats:
        """Return shape (n, features)."""
        import numpy as np

        columns = []
        for name in self.names:
            values = self.values[name]
            column = frame[name].to_numpy(dtype=float) if values is None else values.get_indexer_for(frame[name])
            columns.append(column)
        return np.column_stack(columns).astype(np.float64)

    def decode(self, coded: Floats) -> pd.DataFrame:
        """Return the frame that ``coded`` stands for, with the first frame's types."""
        import pandas as pd

        columns = {}
        for i, name in enumerate(self.names):
            values = self.values[name]
            columns[name] = coded[:, i] if values is None else values.take(coded[:, i].astype(int))
        return pd.DataFrame(columns).astype(self.dtypes)
