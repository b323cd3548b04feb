"""What stands in Placet's database, read as the role of the web process and in read-only transactions."""

import json
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

# Written without an act of anybody: by the notary, beat, the workers (notices, attempts at evidence), and sign-ins.
NOT_COUNTED = frozenset(
    {
        *("audit_pending", "audit_leaf", "audit_node", "audit_checkpoint", "audit_anchor", "audit_search"),
        *("notices_cursor", "notices_notice", "notices_delivery", "notices_unread", "django_session"),
        "evidence_evidenceattempt",
    }
)


class Ledger:
    """Reads the tables of one stack.

    Args:
        url: of the role ``placet_app``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True, options="-c default_transaction_read_only=on")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _found(self, query: Any, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except psycopg.OperationalError:
            if not self._connection.closed:
                raise
            self._connection = self._connect()  # the server was killed meanwhile
            return self._connection.execute(query, values).fetchall()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return what ``query`` finds."""
        return self._found(query.encode(), values)

    def counts(self) -> dict[str, int]:
        """Return the number of rows of every table that people's acts are written to, the log among them."""
        names = [
            name
            for (name,) in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            if name not in NOT_COUNTED and not name.startswith("django_celery_beat")
        ]
        one = sql.SQL("SELECT {literal}, count(*) FROM {table}")
        parts = [one.format(literal=sql.Literal(name), table=sql.Identifier(name)) for name in names]
        return dict(self._found(sql.SQL(" UNION ALL ").join(parts)))

    def newest(self) -> int:
        """Return the number of the newest log entry."""
        return int(self.rows("SELECT max(seq) FROM audit_entry")[0][0])

    def entries_after(self, number: int) -> list[dict[str, Any]]:
        """Return the log entries after ``number``, as their exact bytes tell them."""
        found = self.rows("SELECT body FROM audit_entry WHERE seq > %s ORDER BY seq", [number])
        return [json.loads(bytes(body)) for (body,) in found]
