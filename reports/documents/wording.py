"""How numbers, times and digests are written in documents, in one place: a figure reads the same wherever it stands.

Digits, signs, ISO days and UTC times are the same in every language: only words are translated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from reports.documents.translation import _
from reports.documents.vocabulary import WORDS

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def decimal(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """Write a number with fixed decimals; what would vanish in them is written in powers of ten; None is an en dash.

    Args:
        value: any finite number, or None.
        digits: decimals.
        signed: write a plus before a positive number, for differences.
    """
    if value is None or not math.isfinite(value):
        return DASH
    sign = MINUS if value < 0 else "+" if signed and value > 0 else ""
    size = abs(value)
    if size and size < 0.5 * 10**-digits:
        exponent = math.floor(math.log10(size))
        return f"{sign}{size / 10**exponent:.1f} {TIMES} 10{str(exponent).translate(_SUPERSCRIPT)}"
    text = f"{size:,.{digits}f}"
    return text if float(text.replace(",", "")) == 0 else f"{sign}{text}"


def integer(value: int | None) -> str:
    """Write a whole number with thousands separators; None is an en dash."""
    return DASH if value is None else f"{value:,}"


def percent(share: float | None) -> str:
    """Write a share from 0 to 1 in per cent with one decimal."""
    return DASH if share is None else f"{share * 100:.1f} %"


def number(measured: Mapping[str, Any] | None, *, digits: int = 3, signed: bool = False) -> str:
    """Write the value of a measured number; what is undefined says so (:func:`reason` says why)."""
    if measured is None:
        return DASH
    if measured.get("value") is None:
        return _("undefined")
    return decimal(measured["value"], digits, signed=signed)


def interval(measured: Mapping[str, Any] | None, *, digits: int = 3, signed: bool = False) -> str:
    """Write the 95 % interval of a measured number as ``low to high``, or nothing where there is none."""
    if measured is None or measured.get("low") is None or measured.get("high") is None:
        return ""
    low, high = (decimal(measured[end], digits, signed=signed) for end in ("low", "high"))
    return _("{low} to {high}").format(low=low, high=high)


def reason(measured: Mapping[str, Any] | None) -> str:
    """Write why a number is undefined, or nothing where it is defined."""
    return str(measured.get("reason") or "") if measured is not None and measured.get("value") is None else ""


def why(measured: Mapping[str, Any] | None) -> str:
    """Write why a number is undefined or has no interval, or nothing where it has both."""
    return str(measured.get("reason") or "") if measured is not None else ""


def lines(*parts: str) -> str:
    """Join what is not empty into lines of a table cell."""
    return "\n".join(part for part in parts if part)


def denominator(measured: Mapping[str, Any] | None) -> str:
    """Write what a rate is a share of, ``of 211``."""
    if measured is None:
        return ""
    count = measured.get("denominator", measured.get("n"))
    return "" if count is None else _("of {count}").format(count=integer(count))


def moment(text: str | None) -> str:
    """Write an RFC 3339 time as ``2026-11-23 18:00:12 UTC``; None is an en dash.

    Raises:
        ValueError: not a time with a zone.
    """
    if not text:
        return DASH
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: write RFC 3339 with Z.")
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def day(text: str | None) -> str:
    """Write the day of an RFC 3339 time or an ISO date; None is an en dash."""
    return text[:10] if text else DASH


def short_digest(digest: str | None) -> str:
    """Write the first twelve hexadecimal digits of a digest, for reading; the whole one stands in the source list."""
    if not digest:
        return DASH
    return digest.removeprefix("sha256:")[:12] + "…"


def log_index(index: int | None) -> str:
    """Write a position in the transparency log."""
    return _("no log entry") if index is None else _("log {index}").format(index=integer(index))


def words(value: str | None) -> str:
    """Write an identifier out of Placet's own lists, such as ``risk_officer``, in words of the document's language."""
    return ", ".join(map(known, spelled(value).split(", ")))  # of one person several roles may stand here


def spelled(value: str | None) -> str:
    """Write a name that people or a model gave, such as ``housing_type``, in words; it is translated by nobody."""
    return value.replace("_", " ") if value else DASH


def known(word: str) -> str:
    """Return a word of :mod:`reports.documents.vocabulary` in the document's language, any other as it is."""
    return _(word) if word in WORDS else word


def sentence_case(text: str) -> str:
    """Make the first letter a capital and leave the rest."""
    return text[:1].upper() + text[1:]


def listed(values: Iterable[str], *, empty: str = DASH) -> str:
    """Write ``a, b and c``."""
    items = [str(value) for value in values]
    if not items:
        return empty
    if len(items) == 1:
        return items[0]
    return _("{some} and {last}").format(some=", ".join(items[:-1]), last=items[-1])


def joined(values: Sequence[str], two: str) -> str:
    """Write values as ``two`` puts a ``first`` and a ``second``, from left to right; nothing where there are none."""
    return reduce(lambda first, second: two.format(first=first, second=second), values) if values else ""
