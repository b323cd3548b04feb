"""Which rows are a person's, or a prediction's, in whatever way they lie: in a table, or put aside as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitoring.schema import ID_COLUMN

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Whose:
    """Rows with one of ``values`` in ``column``; and where that is null or absent, those of the predictions ``ids``.

    A prediction may have been sent again without the person, and its label never names one. A row that names somebody
    else is somebody else's, whatever its id.
    """

    column: str
    values: frozenset[str]
    ids: frozenset[str] = frozenset()

    def in_table(self, table: pa.Table) -> pa.Array:
        """Return for each row of a table whether it is one."""
        import pyarrow as pa
        import pyarrow.compute as pc

        def among(name: str, values: frozenset[str]) -> Any:
            return pc.fill_null(pc.is_in(table.column(name), value_set=pa.array(sorted(values), pa.string())), False)

        by_id = among(ID_COLUMN, self.ids)
        if self.column not in table.column_names:
            return by_id
        nobody = pc.is_null(table.column(self.column))
        return pc.or_(among(self.column, self.values), pc.and_(nobody, by_id))

    def has(self, record: Mapping[str, Any]) -> bool:
        """Return whether a row of JSON values is one."""
        value, prediction = record.get(self.column), record.get(ID_COLUMN)
        if value is not None:
            return str(value) in self.values
        return prediction is not None and str(prediction) in self.ids
