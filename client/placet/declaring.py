"""What a training script may declare of its data, and the sentences for what it may not."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

TASKS = ("binary", "multiclass", "regression")
TERMS = ("lawful_basis", "access_role", "delete_by")
LONGEST_TERM = 300


def check_frame(frame: Any) -> None:
    """Refuse what is no pandas DataFrame."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"frame is a {type(frame).__name__}; pass a pandas DataFrame.")


def sensitive_of(frame: "pd.DataFrame", given: Any) -> list[str]:
    """Return the names of the sensitive features."""
    if isinstance(given, str):
        raise TypeError(f"sensitive_features is the string {given!r}; pass a list of column names.")
    names = list(given)
    missing = [] if isinstance(given, Mapping) else [n for n in names if n not in frame.columns]
    if missing:
        raise ValueError(f"Sensitive columns not in the frame: {listed(missing)}. It has {listed(frame.columns)}.")
    if len(set(names)) != len(names):
        raise ValueError("A sensitive feature is listed twice.")
    return names


def with_sensitive(frame: "pd.DataFrame", given: Any) -> "pd.DataFrame":
    """Return the rows with the sensitive features that were given as values beside them."""
    import pandas as pd

    if not isinstance(given, Mapping):
        return frame.reset_index(drop=True)
    table = frame.reset_index(drop=True)
    for name, values in given.items():
        column = pd.Series(list(values), name=name)
        if len(column) != len(table):
            raise ValueError(f"The sensitive feature {name!r} has {len(column)} values for {len(table)} rows.")
        if name in table.columns and not column.equals(table[name].astype(column.dtype)):
            raise ValueError(f"The frame has a column {name!r} with other values than the sensitive feature {name!r}.")
        table[name] = column
    return table


def check_columns(table: "pd.DataFrame") -> None:
    """Refuse no rows, and names of columns that are no texts or stand twice."""
    if not len(table):
        raise ValueError("The frame has no rows, so there is nothing to evaluate.")
    if other := [c for c in table.columns if not isinstance(c, str)]:
        raise ValueError(f"Column names must be strings; {other[0]!r} is a {type(other[0]).__name__}.")
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise ValueError(f"The frame has two columns named {twice!r}.")


def outcome_of(
    table: "pd.DataFrame",
    label: str,
    task: str,
    positive_label: Any,
    favourable_label: Any,
    favourable_labels: Any,
    favourable_direction: Any,
) -> dict[str, Any]:
    """Return what the label's values mean for the person, by the names that dataset.json uses for the task.

    Raises:
        ValueError: the label does not fit the task, or what the task needs is missing, or something of another task is
            given.
    """
    if task not in TASKS:
        raise ValueError(f"task is {task!r}; it is one of {listed(TASKS)}.")
    given = {
        "positive_label": positive_label,
        "favourable_label": favourable_label,
        "favourable_labels": favourable_labels,
        "favourable_direction": favourable_direction,
    }
    needed = {
        "binary": ("positive_label", "favourable_label"),
        "multiclass": ("favourable_labels",),
        "regression": ("favourable_direction",),
    }[task]
    for name, value in given.items():
        if name in needed and value is None:
            raise ValueError(f"{name} is missing: the task {task!r} needs {' and '.join(needed)}.")
        if name not in needed and value is not None:
            raise ValueError(f"{name} means nothing for the task {task!r}, which takes {' and '.join(needed)}.")
    values = _label_values(table, label, task)
    if task == "regression":
        if favourable_direction not in ("higher", "lower"):
            raise ValueError(f"favourable_direction is {favourable_direction!r}; it is 'higher' or 'lower'.")
    elif task == "multiclass":
        return {"favourable_labels": _classes(favourable_labels, label, values)}
    else:
        for name in needed:
            if not any(same(given[name], v) for v in values):
                raise ValueError(f"{name} {given[name]!r} is not a value of {label!r}, which holds {listed(values)}.")
    return {name: given[name] for name in needed}


def _label_values(table: "pd.DataFrame", label: str, task: str) -> list[Any]:
    from placet.rows import kind_of

    if label not in table.columns:
        raise ValueError(f"The label {label!r} is not a column. The frame has {listed(table.columns)}.")
    column = table[label]
    if column.isna().any():
        raise ValueError(f"The label {label!r} is missing in {int(column.isna().sum())} rows; leave those out.")
    if task == "regression":
        if kind_of(column) != "number":
            raise ValueError(f"The label {label!r} must hold numbers for a regression; it holds {column.dtype}.")
        if infinite := sum(not math.isfinite(value) for value in column):
            raise ValueError(f"The label {label!r} is infinite in {infinite} rows; leave those out.")
        return []
    values = [plain(v) for v in column.unique()]
    found = listed(sorted(map(str, values)))
    if task == "binary" and len(values) != 2:
        raise ValueError(f"The label {label!r} must hold exactly two values; it holds {len(values)}: {found}.")
    if len(values) < 2:
        raise ValueError(f"The label {label!r} must hold two classes or more; it holds {found}.")
    return values


def _classes(favourable: Any, label: str, values: Sequence[Any]) -> list[Any]:
    if isinstance(favourable, str):
        raise TypeError(f"favourable_labels is the string {favourable!r}; pass a list of classes.")
    classes = [plain(v) for v in favourable]
    if unknown := [v for v in classes if not any(same(v, known) for known in values)]:
        raise ValueError(f"favourable_labels has {listed(unknown)}, which {label!r} does not hold: {listed(values)}.")
    if not classes or len({str(v) for v in classes}) == len(values):
        raise ValueError("favourable_labels must name some classes and not all: else nothing could be compared.")
    return classes


def terms_of(sensitive: Sequence[str], given: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return per sensitive feature the lawful basis, the access role and the delete-by date that were given.

    Raises:
        ValueError: it names a feature that is not sensitive or a term that there is none of, or a date is past.
    """
    if unknown := [name for name in given if name not in sensitive]:
        raise ValueError(f"handling names {listed(unknown)}, which is not among the sensitive features.")
    out: dict[str, dict[str, str]] = {}
    for name, terms in given.items():
        if unknown := [term for term in terms if term not in TERMS]:
            raise ValueError(f"handling of {name!r} has {listed(unknown)}; it takes {listed(TERMS)}.")
        row = {}
        for term, value in terms.items():
            text = day(f"delete_by of {name!r}", value) if term == "delete_by" else value
            if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_TERM:
                raise ValueError(f"{term} of {name!r} must be a text of 1 to {LONGEST_TERM} characters.")
            row[term] = text.strip()
        out[name] = row
    return out


def day(name: str, given: date | str | None) -> str | None:
    """Return a date as YYYY-MM-DD.

    Raises:
        ValueError: it is no date, or past.
    """
    if given is None:
        return None
    if isinstance(given, datetime):
        given = given.date()
    try:
        found = given if isinstance(given, date) else date.fromisoformat(given)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {given!r}; pass a date or YYYY-MM-DD.") from None
    if found < datetime.now(UTC).date():
        raise ValueError(f"{name} is {found}, which is past: data that may not be kept is not to be logged.")
    return found.isoformat()


def features_of(frame: "pd.DataFrame", label: str, sensitive: list[str], features: Sequence[str] | None) -> list[str]:
    """Return the columns that the model takes, in its order."""
    if features is None:
        return [str(c) for c in frame.columns if c != label and c not in sensitive]
    if isinstance(features, str):
        raise TypeError(f"features is the string {features!r}; pass a list of column names.")
    if missing := [f for f in features if f not in frame.columns]:
        raise ValueError(f"Features not in the frame: {listed(missing)}. It has {listed(frame.columns)}.")
    if label in features:
        raise ValueError(f"The label {label!r} cannot be a feature: the model would be given the answer.")
    return [str(f) for f in features]


def references_of(table: "pd.DataFrame", sensitive: list[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return per sensitive feature the group that others are compared with."""
    if unknown := [name for name in given if name not in sensitive]:
        raise ValueError(f"reference_groups names {listed(unknown)}, which is not among the sensitive features.")
    result: dict[str, Any] = {}
    for name in sensitive:
        counts = table[name].value_counts()
        if not len(counts):
            raise ValueError(f"The sensitive feature {name!r} has no value in any row.")
        groups = sorted((plain(v) for v in counts[counts == counts.max()].index), key=str)
        group = given.get(name, groups[0])
        if not any(same(group, plain(v)) for v in counts.index):
            raise ValueError(f"The reference group {group!r} is not a value of {name!r}: {listed(counts.index)}.")
        result[name] = plain(group)
    return result


def plain(value: Any) -> Any:
    """Return a numpy scalar as Python's own, so that it can go into JSON; a list value by value."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def same(one: Any, other: Any) -> bool:
    """Compare as values of a column: 1 and True are different labels, 1 and 1.0 are not."""
    one, other = plain(one), plain(other)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def listed(names: Iterable[Any]) -> str:
    """Return names for a sentence, at most twelve of them."""
    texts = [repr(plain(n)) for n in names]
    return ", ".join(texts[:12]) + (f" and {len(texts) - 12} more" if len(texts) > 12 else "")
