"""Who answers for which model when an MLflow is taken over: the mapping, read from a CSV file."""

import csv
from collections.abc import Mapping
from pathlib import Path

LARGEST = 10_000_000  # bytes
MOST = 20_000  # models
COLUMNS = ("model", "system", "owner")


def read_mapping(file: Path) -> dict[str, dict[str, str]]:
    """Return ``{model: {system, owner}}`` of a CSV file with the columns model, system and owner.

    The first line names the columns, in any order; of ``system`` (the AI system's slug) and ``owner`` (a person's id or
    address) one may be left out, and either may be empty. What Placet does not know of it is refused there.

    Raises:
        OSError: the file can't be read.
        ValueError: with one line for each that can't be used: ``models.csv, line 3: …``.
    """
    if file.stat().st_size > LARGEST:
        raise ValueError(f"{file} is larger than {LARGEST // 1_000_000} MB.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8 text.") from None
    reader = csv.DictReader(text.splitlines(), restkey="", strict=True)
    problems: list[str] = []
    found: dict[str, dict[str, str]] = {}
    seen: dict[str, int] = {}
    try:
        columns = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        if wrong := _heading(columns):
            raise ValueError(f"{file}, line 1: {wrong}")
        for row in reader:
            said = _row(row, seen)
            if isinstance(said, str):
                problems.append(f"{file}, line {reader.line_num}: {said}")
                continue
            name, given = said
            seen[name], found[name] = reader.line_num, given
    except csv.Error as error:
        problems.append(f"{file}, line {reader.line_num + 1}: {error}.")
    if len(found) > MOST:
        problems.append(f"{file} names {len(found):,} models; at most {MOST:,} go together. Part it, and use --only.")
    if problems:
        raise ValueError("\n".join(problems))
    return found


def _heading(columns: list[str]) -> str:
    if "model" not in columns or not {"system", "owner"} & set(columns):
        return "name the columns: model, and system or owner or both."
    unknown = [name or "(empty)" for name in columns if name not in COLUMNS]
    if unknown or len(set(columns)) != len(columns):
        return f"each of model, system and owner once; not {', '.join(unknown) or ', '.join(columns)}."
    return ""


def _row(row: Mapping[str | None, str | list[str] | None], seen: Mapping[str, int]) -> tuple[str, dict[str, str]] | str:
    """Return one line's model and whose it is, or what is wrong with it."""
    values = {name: value.strip() for name, value in row.items() if name and isinstance(value, str)}
    if "" in row:
        return "it has more fields than there are columns; put a value with a comma in quotes."
    name = values.pop("model", "")
    if not name:
        return "it names no model."
    if name in seen:
        return f"{name} stands in line {seen[name]} already."
    given = {column: value for column, value in values.items() if value}
    return (name, given) if given else f"{name} has neither a system nor an owner."
