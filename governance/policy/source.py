"""Read policy YAML as plain JSON values, and remember on which line every value stands.

A policy is law inside the organisation, so the reader takes only the part of YAML that everybody reads the same way:
no anchors or aliases (they also make "YAML bombs"), no tags, no duplicate keys, no second document, and JSON's rules
for what is a number, a truth value or a null. ``yes`` and ``off`` are refused rather than guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import yaml

from governance.policy.problems import InvalidPolicy, Problem

MAX_BYTES = 131_072
MAX_DEPTH = 8
MAX_NODES = 6_000
MAX_INTEGER = 2**53 - 1  # the largest whole number that RFC 8785 can write without loss

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Path = tuple[str | int, ...]

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_AMBIGUOUS = re.compile(r"(?i:yes|no|on|off|true|false|null)")


@dataclass(frozen=True, slots=True)
class Source:
    """A policy text as JSON values.

    Attributes:
        data: the document's mapping.
        lines: line, from 1, of each value's key (or of the list item); the root is ``()``.
        text_lines: line on which the text of a value starts; differs from ``lines`` for a block scalar.
        literal: paths of ``|`` blocks, the only values whose own lines are lines of the file.
    """

    data: dict[str, Json]
    lines: Mapping[Path, int]
    text_lines: Mapping[Path, int] = field(repr=False)
    literal: frozenset[Path] = field(repr=False)


def read(text: str | bytes) -> Source:
    """Read one YAML document whose root is a mapping.

    Args:
        text: at most 131,072 bytes of UTF-8, nested at most 8 deep, at most 6,000 values.
    Raises:
        InvalidPolicy: not UTF-8, not YAML, too large, or it uses what this module refuses; one problem, with its line.
    """
    return _Reader(_decoded(text)).source()


def display(path: Path) -> str:
    """Return ``("checks", 2, "expr")`` as ``checks[2].expr``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).removeprefix(".")


def _decoded(text: str | bytes) -> str:
    try:
        size = len(text.encode()) if isinstance(text, str) else len(text)
        if size > MAX_BYTES:
            raise _refusal((), 1, f"The document has {size:,} bytes; a policy has at most {MAX_BYTES:,}.")
        return text if isinstance(text, str) else text.decode()
    except UnicodeError as error:
        raise _refusal((), 1, "The document is not UTF-8 text; save it as UTF-8.") from error


def _refusal(path: Path, line: int, message: str) -> InvalidPolicy:
    return InvalidPolicy([Problem(display(path), line, message)])


class _Reader:
    """Builds values straight from the parser's events: nothing is expanded before the limits are checked."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._line = 1
        self._nodes = 0
        self._lines: dict[Path, int] = {}
        self._text_lines: dict[Path, int] = {}
        self._literal: set[Path] = set()

    def source(self) -> Source:
        try:
            data = self._document()
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = self._line if mark is None else mark.line + 1
            what = getattr(error, "problem", None) or "it has a character that YAML does not allow"
            raise _refusal((), line, f"This is not YAML: {what}.") from error
        return Source(data, MappingProxyType(self._lines), MappingProxyType(self._text_lines), frozenset(self._literal))

    def _next(self) -> yaml.Event:
        event = next(self._events)
        if event.start_mark is not None:
            self._line = event.start_mark.line + 1
        return event

    def _document(self) -> dict[str, Json]:
        self._next()  # the start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise _refusal((), 1, "The document is empty; a policy starts with `policy: <its name>`.")
        root = self._next()
        if not isinstance(root, yaml.MappingStartEvent):
            raise _refusal((), self._line, "A policy is a mapping that starts with `policy: <its name>`.")
        data = self._mapping(root, ())
        self._lines[()] = 1
        self._next()  # the end of the document
        if not isinstance(self._next(), yaml.StreamEndEvent):
            raise _refusal((), self._line, "A second document starts here; a file holds one policy.")
        return data

    def _value(self, event: yaml.Event, path: Path) -> Json:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _refusal(path, self._line, f"The document has more than {MAX_NODES:,} values.")
        if len(path) > MAX_DEPTH:
            raise _refusal(path, self._line, f"The document is nested more than {MAX_DEPTH} deep.")
        self._lines.setdefault(path, self._line)
        self._text_lines[path] = self._line
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, path)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        raise _refusal(path, self._line, "Aliases (`*name`) are not allowed in a policy; write the value out.")

    def _plain(self, event: yaml.NodeEvent, path: Path) -> None:
        if event.anchor is not None:
            raise _refusal(path, self._line, "Anchors (`&name`) are not allowed in a policy; write the value out.")
        if getattr(event, "tag", None) is not None:
            raise _refusal(path, self._line, "Tags (`!name`) are not allowed in a policy; write the plain value.")

    def _mapping(self, start: yaml.MappingStartEvent, path: Path) -> dict[str, Json]:
        self._plain(start, path)
        result: dict[str, Json] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            line = self._line
            key = self._scalar(event, path) if isinstance(event, yaml.ScalarEvent) else None
            if not isinstance(key, str):
                raise _refusal(
                    path, line, "A key must be plain text; put it in quotes if it looks like something else."
                )
            here = (*path, key)
            if key in result:
                raise _refusal(here, line, f"The key `{key}` stands twice; the first is on line {self._lines[here]}.")
            self._lines[here] = line
            result[key] = self._value(self._next(), here)
        return result

    def _sequence(self, start: yaml.SequenceStartEvent, path: Path) -> list[Json]:
        self._plain(start, path)
        result: list[Json] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            result.append(self._value(event, (*path, len(result))))
        return result

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Json:
        self._plain(event, path)
        text: str = event.value
        if event.style is not None:
            if event.style in "|>":
                self._text_lines[path] = self._line + 1
            if event.style == "|":
                self._literal.add(path)
            return text
        return self._resolved(text, path)

    def _resolved(self, text: str, path: Path) -> Json:
        constants: dict[str, Json] = {"true": True, "false": False, "null": None, "~": None, "": None}
        if text in constants:
            return constants[text]
        if _AMBIGUOUS.fullmatch(text):
            raise _refusal(
                path,
                self._line,
                f"`{text}` means different things to different readers: write true or false, or quote it.",
            )
        if _INTEGER.fullmatch(text):
            if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
                raise _refusal(path, self._line, f"The number is too large; the limit is {MAX_INTEGER:,}.")
            return int(text)
        if _NUMBER.fullmatch(text):
            number = float(text)
            if not math.isfinite(number):
                raise _refusal(path, self._line, f"{text} is too large for a number.")
            return number
        return text
