"""What a record looks like: its columns, their types, and which one is the model's score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from monitoring.errors import InvalidProfile

ColumnType = Literal["number", "integer", "string", "boolean"]
Kind = Literal["numeric", "categorical"]

AT_COLUMN = "predicted_at"
ID_COLUMN = "prediction_id"
PREDICTION = "prediction"

_PREFIXES: tuple[tuple[str, ColumnType], ...] = (
    ("bool", "boolean"),
    ("int", "integer"),
    ("uint", "integer"),
    ("long", "integer"),
    ("float", "number"),
    ("halffloat", "number"),
    ("double", "number"),
    ("number", "number"),
    ("decimal", "number"),
    ("str", "string"),
    ("large_string", "string"),
    ("object", "string"),
    ("category", "string"),
    ("dictionary", "string"),
    ("text", "string"),
)


@dataclass(frozen=True)
class RecordSchema:
    """The columns that each record of a monitor has.

    Attributes:
        types: type by column name, in order; the prediction is one of them.
        prediction: the column that holds the model's score and is never null, or None.
    """

    types: Mapping[str, ColumnType]
    prediction: str | None = None

    @classmethod
    def of_features(cls, columns: Iterable[Mapping[str, str]], features: Iterable[str]) -> Self:
        """Return the schema for a model's features and its score, from a dataset's ``[{name, type}]``.

        Raises:
            InvalidProfile: a feature is not among the columns, has a type that can't be watched, or a reserved name.
        """
        given = {column["name"]: column["type"] for column in columns}
        types: dict[str, ColumnType] = {}
        for name in features:
            if name in {PREDICTION, AT_COLUMN, ID_COLUMN}:
                raise InvalidProfile(f"A feature can not be called {name!r}; records use that name for another thing.")
            if name not in given:
                raise InvalidProfile(f"The dataset has no column {name!r}.")
            types[name] = column_type(given[name])
        if not types:
            raise InvalidProfile("The dataset names no features, so there is nothing to watch.")
        return cls({**types, PREDICTION: "number"}, PREDICTION)


def column_type(name: str) -> ColumnType:
    """Return the record type of a column that pandas, Arrow, JSON Schema or MLflow calls ``name``.

    Raises:
        InvalidProfile: no number, text or boolean.
    """
    plain = name.lower()
    for prefix, type_ in _PREFIXES:
        if plain.startswith(prefix):
            return type_
    raise InvalidProfile(f"A column of type {name!r} can not be watched; numbers, texts and booleans can.")


def kind_of(type_: ColumnType) -> Kind:
    """Return how a column of this type is compared: numbers by bins, strings and booleans by category."""
    return "numeric" if type_ in {"number", "integer"} else "categorical"
