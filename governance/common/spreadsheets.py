"""CSV for spreadsheets, in which no cell is taken for a formula."""

import csv
from collections.abc import Callable, Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def writer() -> Callable[[Iterable[object]], str]:
    """Return what turns cells into one line of CSV, each cell quoted and harmless."""
    write = csv.writer(_Line(), quoting=csv.QUOTE_ALL).writerow
    return lambda cells: write([cell("" if value is None else str(value)) for value in cells])


class _Line:
    """A file that hands each written line straight back."""

    def write(self, text: str) -> str:
        return text
