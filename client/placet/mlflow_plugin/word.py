"""Passes Placet's word for one write on to the database, where a trigger of ``harden_mlflow_db`` may ask for it.

Whoever knows the database's password could write past the server; the trigger lets a protected write pass only in a
transaction that carries a word of Placet's for it. The word is set for the transaction alone (``is_local``), so a
pooled connection can't carry it on, and lives in a context variable for the one store call that was allowed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

SETTING = "placet.word"
LIMIT = 4096

_word: ContextVar[str | None] = ContextVar("placet_word", default=None)


def is_word(value: object) -> bool:
    """Tell whether ``value`` can be a word: 1 to 4,096 visible ASCII characters."""
    return isinstance(value, str) and 0 < len(value) <= LIMIT and all("!" <= character <= "~" for character in value)


@contextmanager
def spoken(word: str | None) -> Iterator[None]:
    """Let each transaction that the governed store begins inside the block carry ``word``; ``None`` carries nothing."""
    reset = _word.set(word)
    try:
        yield
    finally:
        _word.reset(reset)


def listen(engine: Any) -> None:
    """Let the transactions of ``engine`` carry the word in force, if it is PostgreSQL's."""
    from sqlalchemy import event

    if engine.dialect.name == "postgresql" and not event.contains(engine, "begin", _say):
        event.listen(engine, "begin", _say)


def _say(connection: Any) -> None:
    word = _word.get()
    if word is not None:
        connection.exec_driver_sql(f"SELECT set_config('{SETTING}', %s, true)", (word,))
