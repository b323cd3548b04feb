"""Digests of rows, by which the same row is found in two datasets without keeping either, and profiles of columns.

The form is fixed, for whoever writes digests here and whoever looks them up: see :func:`row_digests`.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

BITS = 64
CHUNK = 200_000  # rows whose bytes are in memory at once
MOST_SEEN = 1_000  # different texts of a column that a profile remembers
NOTHING, NUMBER, TEXT, TRUTH = b"\x00", b"\x01", b"\x02", b"\x03"


def row_digests(frame: "pd.DataFrame", columns: Sequence[str]) -> "npt.NDArray[np.uint64]":
    """Return one digest a row, shape (n,), over ``columns`` in the order of their names.

    A cell is nine bytes: a tag, and 8 bytes of value. Missing (None, NaN, NaT): tag 0 and zeros. A number, whole or
    not: tag 1 and its IEEE 754 double, big-endian, -0 as 0; so 3 and 3.0 are the same. Text: tag 2 and the first 8
    bytes of the SHA-256 of its UTF-8. True and False: tag 3. Anything else (dates, decimals) counts as its text. The
    digest is the first 8 bytes, as a big-endian number, of the SHA-256 of this: the SHA-256 of the column names, each
    followed by a zero byte; then the row's cells.

    Two different rows have the same digest with a chance of about 2**-64; among n and m rows, some pair does with a
    chance of at most ``n * m / 2**64``: 5e-6 for ten million against ten million. Digests of rows with few possible
    values can be guessed by trying all; so they are kept and deleted as personal data are.

    Raises:
        ValueError: a column is not in the frame.
    """
    import numpy as np

    names = sorted(columns)
    if absent := [name for name in names if name not in frame.columns]:
        raise ValueError(f"The rows have no column {absent[0]!r}.")
    head = sha256(b"".join(name.encode() + b"\0" for name in names)).digest()
    found = np.empty(len(frame), dtype=np.uint64)
    for start in range(0, len(frame), CHUNK):
        part = frame.iloc[start : start + CHUNK]
        cells = np.empty((len(part), 9 * len(names)), dtype=np.uint8)
        for place, name in enumerate(names):
            cells[:, 9 * place : 9 * place + 9] = _cells(part[name])
        base = sha256(head)
        for offset, row in enumerate(cells):
            digest = base.copy()
            digest.update(row.data)
            found[start + offset] = int.from_bytes(digest.digest()[:8], "big")
    return found


def to_bytes(digests: "npt.NDArray[np.uint64]") -> bytes:
    """Return the file of row digests: 8 bytes each, big-endian, ascending, so that it does not tell the rows' order."""
    import numpy as np

    return np.sort(digests).astype(">u8").tobytes()


def from_bytes(content: bytes) -> "npt.NDArray[np.uint64]":
    """Return the digests of such a file, ascending.

    Raises:
        ValueError: it is no such file.
    """
    import numpy as np

    if len(content) % 8:
        raise ValueError("A file of row digests holds 8 bytes a row.")
    found = np.frombuffer(content, dtype=">u8").astype(np.uint64)
    if np.any(found[1:] < found[:-1]):
        raise ValueError("The row digests are not in ascending order.")
    return found


def text_digest(text: str) -> str:
    """Return the 16 hexadecimal digits by which a profile remembers a text of a column."""
    return sha256(text.encode()).hexdigest()[:16]


def profile(frame: "pd.DataFrame", columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what each column holds, to hold later rows against; no text of it.

    Returns: per column ``kind`` (number, text, truth, other), ``missing`` (rows); of a number ``min`` and ``max`` of
        its finite values (None without one); of text ``different`` and ``seen``, the digests of its different texts in
        order, or None if they are more than 1,000.
    """
    import numpy as np

    out: dict[str, dict[str, Any]] = {}
    for name in columns:
        column = frame[name]
        kind = kind_of(column)
        row: dict[str, Any] = {"kind": kind, "missing": int(column.isna().sum())}
        if kind == "number":
            values = column.dropna().to_numpy(dtype=np.float64)
            values = values[np.isfinite(values)]
            row |= {"min": float(values.min()) if len(values) else None}
            row |= {"max": float(values.max()) if len(values) else None}
        elif kind == "text":
            texts = {str(value) for value in column.dropna().unique()}
            row |= {"different": len(texts)}
            row |= {"seen": sorted(map(text_digest, texts)) if len(texts) <= MOST_SEEN else None}
        out[name] = row
    return out


def kind_of(column: "pd.Series[Any]") -> str:
    """Return what a column holds: ``number``, ``truth``, ``text`` or ``other`` (dates, lists, mixed types)."""
    from pandas.api import types

    if types.is_bool_dtype(column.dtype):
        return "truth"
    if types.is_numeric_dtype(column.dtype):
        return "other" if types.is_complex_dtype(column.dtype) else "number"
    values = column.cat.categories if isinstance(column.dtype, types.CategoricalDtype) else column
    inferred = types.infer_dtype(values, skipna=True)
    if inferred in {"string", "empty"}:
        return "text"
    if inferred == "boolean":
        return "truth"
    if inferred in {"integer", "floating", "mixed-integer-float", "decimal"}:
        return "number"
    return "other"


def _cells(column: "pd.Series[Any]") -> "npt.NDArray[np.uint8]":
    """Return the nine bytes of each value, shape (n, 9)."""
    import numpy as np
    import pandas as pd
    from pandas.api import types

    if types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype):
        if types.is_complex_dtype(column.dtype):
            raise ValueError(f"The column {column.name!r} holds complex numbers, which have no row digest.")
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return _numbers(values)
    if column.dtype == object and any(isinstance(value, str) and "\0" in value for value in column):
        # pandas' tables of objects end a text at its first NUL, and would take two texts for one.
        cells = (bytes(9) if pd.isna(value) else _cell(value) for value in column)
        return np.frombuffer(b"".join(cells), dtype=np.uint8).reshape(-1, 9)
    codes, different = pd.factorize(column, use_na_sentinel=True)
    table = np.zeros((len(different) + 1, 9), dtype=np.uint8)  # the last stands for a missing value: code -1
    for place, value in enumerate(different):
        table[place] = np.frombuffer(_cell(value), dtype=np.uint8)
    found: npt.NDArray[np.uint8] = table[codes]
    return found


def _numbers(values: "npt.NDArray[np.float64]") -> "npt.NDArray[np.uint8]":
    import numpy as np

    missing = np.isnan(values)
    cells = np.empty((len(values), 9), dtype=np.uint8)
    cells[:, 0] = NUMBER[0]
    cells[:, 1:] = (values + 0.0).astype(">f8").view(np.uint8).reshape(-1, 8)
    cells[missing] = 0
    return cells


def _cell(value: Any) -> bytes:
    import numpy as np

    if isinstance(value, bool | np.bool_):
        return TRUTH + bytes(7) + (b"\x01" if value else b"\x00")
    if isinstance(value, int | float | np.integer | np.floating):
        return _numbers(np.array([value], dtype=np.float64)).tobytes()
    return TEXT + sha256(str(value).encode()).digest()[:8]
