"""Which columns of what is sent come in, and how: required, optional, left out, or only as a keyed hash."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from monitoring.schema import AT_COLUMN, ID_COLUMN, ColumnType, RecordSchema

PURPOSE = b"placet/records/v1\x00"
HASH_MARK = "hmac-sha256:"
SHOWN_TEXT = 1_000


@dataclass(frozen=True)
class Door:
    """What a record has, beside a time and an id that each record may have.

    Attributes:
        types: by name, the columns that each record has.
        filled: columns of them, and of ``prediction_id``, that are never null.
        optional: columns that a batch may have; they may be null.
        at: the column of the time, in every row or in none.
        at_in_all: whether a batch has the time in every row or in none.
        not_negative: columns whose numbers are 0 or more.
        keep_out: columns that are dropped as if they had not been sent.
        hashed: columns whose texts are kept as HMAC-SHA256 alone.
        key: for that.
        kept_days: records of a day that ended longer ago do not come in; 0 is without end.
        quarantine: whether rows that do not fit are put aside; else one of them refuses the batch.
    """

    types: Mapping[str, ColumnType]
    filled: frozenset[str] = frozenset()
    optional: Mapping[str, ColumnType] = field(default_factory=dict)
    at: str = AT_COLUMN
    at_in_all: bool = True
    not_negative: frozenset[str] = frozenset()
    keep_out: frozenset[str] = frozenset()
    hashed: frozenset[str] = frozenset()
    key: bytes = b""
    kept_days: int = 0
    quarantine: bool = False

    @classmethod
    def of(cls, schema: RecordSchema) -> Self:
        """Return the door for a schema's columns alone; one row that does not fit refuses the batch."""
        filled = frozenset() if schema.prediction is None else frozenset({schema.prediction})
        return cls(schema.types, filled)

    @property
    def known(self) -> frozenset[str]:
        """Every column that may be sent and is kept."""
        return frozenset({*self.types, *self.optional, self.at, ID_COLUMN}) - self.keep_out

    def type_of(self, name: str) -> ColumnType:
        """Return the type of a known column but the time's."""
        return self.types.get(name) or self.optional.get(name) or "string"

    def hash(self, name: str, value: str) -> str:
        """Return what is kept of a text of a column."""
        return hashed(self.key, name, value)

    def shown(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row as it may be written beside the batch: known columns, hashed where they are, texts cut."""
        found: dict[str, Any] = {}
        for name in sorted(record.keys() & self.known):
            value = record[name]
            if name in self.hashed and value is not None:
                value = self.hash(name, value if isinstance(value, str) else json.dumps(value, default=str))
            elif isinstance(value, list | dict):
                value = json.dumps(value, default=str)
            found[name] = value[:SHOWN_TEXT] if isinstance(value, str) else value
        return found


def hashed(key: bytes, name: str, value: str) -> str:
    """Return ``hmac-sha256:<hex>`` of a column's value; other columns' equal values have other hashes."""
    text = PURPOSE + name.encode() + b"\x00" + value.encode("utf-8", "surrogatepass")
    return HASH_MARK + hmac.new(key, text, "sha256").hexdigest()


def is_hashed(value: str) -> bool:
    """Return whether a text is one that :func:`hashed` returned."""
    return value.startswith(HASH_MARK)
