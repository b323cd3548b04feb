"""The Common Expression Language, behind three functions: the only module that imports the CEL library.

The library is ``cel-expr-python``: the C++ implementation, with its type checker. Relied on here, and shown by tests:

- a dotted name such as ``evidence.fairness.selection_ratio.worst`` is declared as a variable of its own, with its type;
- a name without a value is an error *value*, no exception; ``&&`` and ``||`` absorb it when the other side decides;
- a null bound to a ``dyn`` name would differ from every number (``!=`` is true), so an undefined figure stays unbound.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.policy.expressions import Expression, InvalidExpression

if TYPE_CHECKING:
    from cel_expr_python import cel as library

Scalar = bool | float | str

KINDS = frozenset({"number", "text", "boolean", "unknown"})

_PLACE = re.compile(r"<input>:(-?\d+):(-?\d+): (.*)")
_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '\((.*)\)'")
_WORDS = {"double": "number", "string": "text", "bool": "truth value", "dyn": "unknown"}


_AS_WRITTEN = re.compile(r"""['"`\\]|//|\bv\d""")
_compiling = threading.Lock()
"""An environment is shared between threads, and its first use builds it."""


class WrongKind(ValueError):
    """A value is not of the kind that the expression needs."""


def check_types(expression: Expression, kinds: Mapping[str, str]) -> None:
    """Compile ``expression`` with its references declared as ``kinds`` (number, text, boolean, unknown).

    Raises:
        InvalidExpression: bad syntax, a type that does not fit, or a result that is not a truth value; with its place.
    """
    try:
        compiled = _compiled(expression.text, _declared(expression, kinds))
    except RuntimeError as error:
        raise _explained(expression, str(error)) from error
    if compiled.return_type().name() not in ("BOOL", "bool", "DYN", "dyn"):
        kind = _WORDS.get(compiled.return_type().name().lower(), compiled.return_type().name().lower())
        raise InvalidExpression(f"The expression must be true or false, but gives a {kind}.")


def truth(expression: Expression, values: Mapping[str, Scalar]) -> bool | None:
    """Return whether ``expression`` is true, or None when it can't be told.

    Args:
        values: the defined figures among the references; a reference without a value is undefined. Three-valued
            logic: an undefined figure leaves the answer open only if it can change it. Numbers must be finite.
    Raises:
        WrongKind: a value's type does not fit the expression (which a published policy on valid evidence can't meet).
    """
    kinds = {name: _kind(value) for name, value in values.items() if name in expression.references}
    short = _shortened(expression.text, expression.references)
    try:
        compiled = _compiled(short.text, tuple((new, kinds.get(name, "unknown")) for name, new in short.names))
        return _answer(compiled, {new: values[name] for name, new in short.names if name in kinds})
    except RuntimeError:  # as it stands, so that what is said of it is said of the policy's own text
        return _truth_as_written(expression, values, kinds)


def _truth_as_written(expression: Expression, values: Mapping[str, Scalar], kinds: Mapping[str, str]) -> bool | None:
    try:
        compiled = _compiled(expression.text, _declared(expression, kinds))
    except RuntimeError as error:
        raise WrongKind(_explained(expression, str(error)).message) from error
    return _answer(compiled, {name: values[name] for name in kinds})


def _answer(compiled: library.Expression, data: Mapping[str, Scalar]) -> bool | None:
    value = compiled.eval(data=dict(data)).value()
    return value if isinstance(value, bool) else None


def _kind(value: Scalar) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def _declared(expression: Expression, kinds: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, kinds.get(name, "unknown")) for name in sorted(expression.references))


@dataclass(frozen=True, slots=True)
class _Shortened:
    """An expression with ``v0``, ``v1``, … for the figures that it names; ``names`` says which is which.

    One with a text or a comment in it stays as it is, and each figure is its own name.
    """

    text: str
    names: tuple[tuple[str, str], ...]


@functools.lru_cache(maxsize=4096)
def _shortened(text: str, references: frozenset[str]) -> _Shortened:
    """Give the figures names by number, so that expressions on different figures share one environment.

    The first expression of an environment takes fifteen times what the others take: to compile 200 checks, each on a
    figure of its own, took a third of a second that somebody waited for.
    """
    names = {name: f"v{number}" for number, name in enumerate(sorted(references))}
    if not names or _AS_WRITTEN.search(text):  # in a text or a comment, what reads like a figure is none
        return _Shortened(text, tuple((name, name) for name in names))
    longest_first = sorted(names, key=len, reverse=True)
    spelt = "|".join(r"\s*\.\s*".join(map(re.escape, name.split("."))) for name in longest_first)
    found = re.compile(rf"(?<![\w.])(?:{spelt})(?!\w)")
    return _Shortened(found.sub(lambda match: names["".join(match[0].split())], text), tuple(names.items()))


@functools.lru_cache(maxsize=4096)
def _compiled(text: str, declared: tuple[tuple[str, str], ...]) -> library.Expression:
    with _compiling:
        return _environment(declared, with_math="math." in text).compile(text)


@functools.lru_cache(maxsize=512)
def _environment(declared: tuple[tuple[str, str], ...], *, with_math: bool) -> library.Env:
    """Return what names an expression may use. To build it takes longer than to compile, and many checks share it."""
    # Imported here: the library is 20 MB of native code that only policy evaluation needs.
    from cel_expr_python import cel as library
    from cel_expr_python.ext import ext_math

    types = {
        "number": library.Type.DOUBLE,
        "text": library.Type.STRING,
        "boolean": library.Type.BOOL,
        "unknown": library.Type.DYN,
    }
    return library.NewEnv(
        variables={name: types[kind] for name, kind in declared},
        extensions=[ext_math.ExtMath()] if with_math else [],
    )


def _explained(expression: Expression, report: str) -> InvalidExpression:
    """Turn the library's report into one sentence, with the column of the policy's own text."""
    place = _PLACE.search(report)
    if place is None or place.group(1) == "-1":
        return InvalidExpression("The expression is too long a chain of operators for CEL. Split the check.")
    line, message = int(place.group(1)), place.group(3).removeprefix("Syntax error: ")
    column = expression.column_in_policy(line, int(place.group(2)))
    if overload := _OVERLOAD.search(message):
        operator = overload.group(1).strip("_").replace("_", "")
        operands = [_WORDS.get(kind.strip(), kind.strip()) for kind in overload.group(2).split(",")]
        message = f"`{operator}` can't be applied to {' and '.join(operands)}"
    return InvalidExpression(f"{message}.", line=line, column=column)
