"""Whether an expression became easier or harder to meet, told from the limits in it that moved.

Told is only what is certain: both expressions are the same words but for numbers that one figure is compared with, and
for ``<`` against ``<=``. Comparisons joined by ``&&`` and ``||`` can only become more often true when one of them does;
with ``!``, ``?:`` or an equality in the expression that does not hold, so nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence

from governance.policy.expressions import InvalidExpression, words

_UP, _DOWN = frozenset({">", ">="}), frozenset({"<", "<="})
_UNTELLING = frozenset({"!", "?", "==", "!="})
_BEFORE, _AFTER = frozenset({None, "(", "&&", "||"}), frozenset({None, ")", "&&", "||"})

Words = Sequence[str | float]


def easier_to_meet(before: str, after: str) -> bool:
    """Return whether some limit moved so that ``after`` is met by what did not meet ``before``."""
    return 1 in _moves(before, after)


def harder_to_meet(before: str, after: str) -> bool:
    """Return whether some limit moved so that ``after`` is not met by what met ``before``."""
    return -1 in _moves(before, after)


def same_words(before: str, after: str) -> bool:
    """Return whether two expressions differ in their layout and comments at most."""
    try:
        return words(before) == words(after)
    except InvalidExpression:
        return before == after


def _moves(before: str, after: str) -> frozenset[int]:
    """Return 1 for a limit that became easier to meet, -1 for a harder one; nothing where it can't be told."""
    try:
        was, now = words(before), words(after)
    except InvalidExpression:
        return frozenset()
    if len(was) != len(now) or _UNTELLING.intersection(map(str, was)):
        return frozenset()
    moves = {_move(was, now, index) for index in range(len(was)) if was[index] != now[index]}
    return frozenset() if 0 in moves else frozenset(moves)


def _move(was: Words, now: Words, index: int) -> int:
    one, other = was[index], now[index]
    if not _joined_only(was, index):
        return 0
    if isinstance(one, float) and isinstance(other, float):
        return _side(was, index) * (1 if other < one else -1)
    for family in (_UP, _DOWN):
        if one in family and other in family and _alone(was, index):
            return 1 if str(other).endswith("=") else -1
    return 0


def _side(was: Words, index: int) -> int:
    """Return 1 if a lower number is easier to meet at this place, -1 if a higher one is, 0 if it is no plain limit."""
    left, right = _at(was, index - 1), _at(was, index + 1)
    if right in _AFTER:
        return 1 if left in _UP else -1 if left in _DOWN else 0
    if left in _BEFORE:
        return 1 if right in _DOWN else -1 if right in _UP else 0
    return 0


def _joined_only(was: Words, index: int) -> bool:
    """Return whether every bracket around a place holds conditions: none is a function's, or itself compared."""
    for step, opening, closing, beyond in ((-1, "(", ")", _BEFORE), (1, ")", "(", _AFTER)):
        depth, at = 0, index + step
        while (word := _at(was, at)) is not None:
            if word == closing:
                depth += 1
            elif word == opening and depth:
                depth -= 1
            elif word == opening and _at(was, at + step) not in beyond:
                return False
            at += step
    return True


def _alone(was: Words, index: int) -> bool:
    """Return whether no other comparison stands in the same condition, as in ``a > b > true``."""
    for step, ends in ((-1, _BEFORE), (1, _AFTER)):
        at = index + step
        while (word := _at(was, at)) not in ends:
            if word in _UP or word in _DOWN:
                return False
            at += step
    return True


def _at(was: Words, index: int) -> str | float | None:
    return was[index] if 0 <= index < len(was) else None
