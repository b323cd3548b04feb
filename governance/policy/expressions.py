"""Read a CEL expression before CEL does: which figures it names, and whether it keeps to what a policy may say.

A policy's CEL is the part that a risk officer can read aloud: comparisons, arithmetic, ``&&``, ``||``, ``!``, ``? :``,
``in`` with a list, and a few named functions. Every number is a double, so ``300`` is read as ``300.0``. Macros such as
``all`` and ``map`` are out: facts are scalars, and nested macros are the one way to make a short expression run long.
Source: the lexis of the Common Expression Language, https://github.com/cel-expr/cel-spec (doc/langdef.md).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

MAX_LENGTH = 1_000
MAX_NESTING = 10
FUNCTIONS = frozenset({"math.abs", "math.least", "math.greatest"})
METHODS = frozenset({"startsWith", "endsWith", "contains"})

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<comment>//[^\n]*)
      | (?P<text>"[^"\\\n]*"|'[^'\\\n]*')
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<operator>&&|\|\||==|!=|<=|>=|[-<>+*/!?:(),.\[\]])""",
    re.VERBOSE,
)
_CONSTANTS = frozenset({"true", "false", "in"})


class InvalidExpression(ValueError):
    """An expression a policy may not hold; ``line`` and ``column`` count from 1 inside the expression."""

    def __init__(self, message: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that the lexer took.

    Attributes:
        text: what CEL compiles; whole numbers have become doubles, the lines are those of the policy.
        references: the dotted paths of the figures it names.
        numbers: the number literals, with a minus sign that stands right before one.
        inserted: positions (line, column from 1, in ``text``) where ``.0`` was added.
    """

    text: str
    references: frozenset[str]
    numbers: frozenset[float]
    inserted: tuple[tuple[int, int], ...]

    def column_in_policy(self, line: int, column: int) -> int:
        """Return the column in the policy of a column that CEL reported."""
        return column - 2 * sum(1 for at_line, at in self.inserted if at_line == line and at < column)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int
    column: int


@functools.lru_cache(maxsize=4096)
def read_expression(source: str) -> Expression:
    """Read one expression.

    Raises:
        InvalidExpression: longer than 1,000 characters, brackets or signs nested more than 10 deep, brackets that are
            not closed, or something that a policy may not use (macros, ``null``, maps, unsigned or hexadecimal
            numbers, escapes in texts).
    """
    if len(source) > MAX_LENGTH:
        raise InvalidExpression(
            f"The expression has {len(source):,} characters; the limit is {MAX_LENGTH:,}. Split the check."
        )
    tokens = _tokens(source)
    if not any(token.kind not in ("space", "comment") for token in tokens):
        raise InvalidExpression("The expression is empty.")
    _check_brackets(tokens)
    _check_signs(tokens)
    text, inserted = _with_doubles(tokens)
    words = [token for token in tokens if token.kind not in ("space", "comment")]
    return Expression(text, _references(words), _numbers(words), inserted)


def words(source: str) -> tuple[str | float, ...]:
    """Return what an expression says without its layout: a number, with the sign right before it, as a float.

    Raises:
        InvalidExpression: a character that is not part of an expression.
    """
    tokens = [token for token in _tokens(source) if token.kind not in ("space", "comment")]
    found: list[str | float] = []
    for index, token in enumerate(tokens):
        if token.kind != "number":
            found.append(token.text)
        elif _is_signed(tokens, index):
            found[-1] = -float(token.text)
        else:
            found.append(float(token.text))
    return tuple(found)


def _tokens(source: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, line, start_of_line = 0, 1, 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        column = position - start_of_line + 1
        if match is None:
            raise InvalidExpression(_refused(source[position]), line=line, column=column)
        token = _Token(str(match.lastgroup), match.group(), line, column)
        if token.kind == "name" and tokens and tokens[-1].kind == "number":
            raise InvalidExpression(
                f"`{tokens[-1].text}{token.text}` is not a number here; write it as a decimal.",
                line=line,
                column=column,
            )
        if token.kind == "text" and tokens and tokens[-1].kind in ("name", "text"):  # r'raw' and '''long''' texts
            raise InvalidExpression(_refused(token.text[0]), line=line, column=column)
        tokens.append(token)
        if (newlines := token.text.count("\n")) > 0:
            line += newlines
            start_of_line = position + token.text.rindex("\n") + 1
        position = match.end()
    return tokens


def _refused(character: str) -> str:
    if character in "\"'\\":
        return "Write texts on one line, in plain quotes and without backslashes."
    if character in "{}":
        return "Maps and messages (`{...}`) are not part of a policy."
    if character in "&|=":
        return f"`{character}` is not an operator; write `{'==' if character == '=' else character * 2}`."
    return f"`{character}` is not part of a policy's expressions."


def _check_brackets(tokens: list[_Token]) -> None:
    pairs = {")": "(", "]": "["}
    opened: list[_Token] = []
    for token in tokens:
        if token.kind != "operator":
            continue
        if token.text in "([":
            opened.append(token)
            if len(opened) > MAX_NESTING:
                raise InvalidExpression(
                    f"Brackets are nested more than {MAX_NESTING} deep. Split the check.",
                    line=token.line,
                    column=token.column,
                )
        elif token.text in pairs and (not opened or opened.pop().text != pairs[token.text]):
            raise InvalidExpression(f"`{token.text}` closes nothing.", line=token.line, column=token.column)
    if opened:
        raise InvalidExpression(f"`{opened[-1].text}` is never closed.", line=opened[-1].line, column=opened[-1].column)


def _check_signs(tokens: list[_Token]) -> None:
    """Refuse a pile of ``!`` or ``-``: it nests like brackets, and the compiler would go down once for each."""
    pile = 0
    for token in tokens:
        if token.kind in ("space", "comment"):
            continue
        pile = pile + 1 if token.text in ("!", "-") else 0
        if pile > MAX_NESTING:
            raise InvalidExpression(
                f"`{token.text}` is nested more than {MAX_NESTING} deep. Write it once, or not at all.",
                line=token.line,
                column=token.column,
            )


def _with_doubles(tokens: list[_Token]) -> tuple[str, tuple[tuple[int, int], ...]]:
    parts: list[str] = []
    inserted: list[tuple[int, int]] = []
    for token in tokens:
        parts.append(token.text)
        if token.kind == "number" and token.text.isdigit():
            earlier = sum(1 for line, _ in inserted if line == token.line)
            inserted.append((token.line, token.column + len(token.text) + 2 * earlier))
            parts.append(".0")
    return "".join(parts), tuple(inserted)


def _references(words: list[_Token]) -> frozenset[str]:
    found: set[str] = set()
    index = 0
    while index < len(words):
        if words[index].kind != "name" or words[index].text in _CONSTANTS:
            index += 1
            continue
        start, parts = words[index], [words[index].text]
        after_value = index > 0 and words[index - 1].text == "."
        while [word.kind for word in words[index + 1 : index + 3]] == ["operator", "name"] and words[
            index + 1
        ].text == ".":
            parts.append(words[index + 2].text)
            index += 2
        index += 1
        called = index < len(words) and words[index].text == "("
        if path := _path(start, parts, called=called, after_value=after_value):
            found.add(path)
    return frozenset(found)


def _path(start: _Token, parts: list[str], *, called: bool, after_value: bool) -> str:
    """Return the figure that a dotted name stands for, or nothing for a function; refuse what a policy may not call."""
    name = ".".join(parts)
    where = {"line": start.line, "column": start.column}
    if called:
        if name in FUNCTIONS and not after_value:
            return ""
        if parts[-1] in METHODS and (after_value or len(parts) > 1):
            return "" if after_value else ".".join(parts[:-1])
        allowed = ", ".join(sorted(FUNCTIONS | METHODS))
        raise InvalidExpression(f"`{name}(...)` can't be used in a policy; the functions are {allowed}.", **where)
    if after_value:
        raise InvalidExpression(f"`.{name}` follows something that has no fields.", **where)
    if name == "null":
        raise InvalidExpression(
            "Do not compare with null: an undefined figure makes the check insufficient by itself.", **where
        )
    return name


def _numbers(words: list[_Token]) -> frozenset[float]:
    found: set[float] = set()
    for index, word in enumerate(words):
        if word.kind == "number":
            found.add(-float(word.text) if _is_signed(words, index) else float(word.text))
    return frozenset(found)


def _is_signed(words: list[_Token], index: int) -> bool:
    """Return whether the number at ``index`` has a minus sign of its own."""
    return index > 0 and words[index - 1].text == "-" and not _ends_value(words, index - 2)


def _ends_value(words: list[_Token], index: int) -> bool:
    """Return whether the word at ``index`` ends a value, so that a following minus subtracts."""
    return index >= 0 and (words[index].kind in ("name", "number", "text") or words[index].text in (")", "]"))
