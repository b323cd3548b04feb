"""CSV for spreadsheets, in which no text is taken for a formula. The one writer: the server's exports use it too."""

import csv
from collections.abc import Callable, Iterable
from decimal import Decimal

_FORMULA = ("=", "+", "-", "@")
_CONTROL = ("\t", "\r", "\n", "\0")  # before a formula, some spreadsheets skip them
_NUMBERS = (int, float, Decimal)


def cell(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula."""
    risky = text.lstrip().startswith(_FORMULA) or text.lstrip(" ").startswith(_CONTROL)
    return f"'{text}" if risky else text


def writer() -> Callable[[Iterable[object]], str]:
    """Return what turns cells into one line of CSV (RFC 4180), each cell quoted and harmless.

    None is an empty cell, and a number stays one, also below zero: only text can be a formula.
    """
    write = csv.writer(_Line(), quoting=csv.QUOTE_ALL).writerow
    return lambda cells: write([_written(value) for value in cells])


def _written(value: object) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, _NUMBERS) else cell(str(value))


class _Line:
    """A file that hands each written line straight back."""

    def write(self, text: str) -> str:
        return text
