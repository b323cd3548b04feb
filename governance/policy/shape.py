"""Hold a policy document against the published JSON Schema, and say in plain words what does not fit."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from governance.policy.problems import Problem
from governance.policy.source import Path, Source, display

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

SCHEMA_FILE = FilePath(__file__).with_name("schema.json")

_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the policy YAML (draft 2020-12), as published."""
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


def shape_problems(source: Source) -> list[Problem]:
    """Return every place where the document does not fit the schema; empty when it fits."""
    return [problem for misfit in _misfits(source.data) for problem in _problems_of(misfit, source)]


def line_of(source: Source, path: Path) -> int:
    """Return the line of ``path``, or of the nearest part of the document around it."""
    while path not in source.lines:
        path = path[:-1]
    return source.lines[path]


def problem_at(source: Source, path: Path, message: str) -> Problem:
    """Return a problem at ``path``, with its line."""
    return Problem(display(path), line_of(source, path), message)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean `x`?`` for the nearest known word, or nothing when none is near."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.7)
    return f"; did you mean `{near[0]}`?" if near else "."


@functools.lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema())


@dataclass(frozen=True, slots=True)
class _Misfit:
    """What jsonschema reports, with the types that its stubs leave open."""

    path: Path
    rule: str
    wanted: Any
    given: Any
    schema: dict[str, Any]
    is_key: bool


def _misfits(data: Any) -> Iterator[_Misfit]:
    for error in _validator().iter_errors(data):
        schema_here: Any = error.schema
        yield _Misfit(
            path=tuple(error.absolute_path),
            rule=str(error.validator),
            wanted=error.validator_value,
            given=error.instance,
            schema=schema_here if isinstance(schema_here, dict) else {},
            is_key="propertyNames" in error.absolute_schema_path,
        )


def _problems_of(misfit: _Misfit, source: Source) -> list[Problem]:
    path, given, wanted = misfit.path, misfit.given, misfit.wanted
    if misfit.rule == "additionalProperties":
        known = misfit.schema.get("properties", {})
        unknown = [key for key in given if key not in known]
        return [_at(source, (*path, key), f"`{key}` is not a key here{did_you_mean(key, known)}") for key in unknown]
    if misfit.rule == "required":
        return [_at(source, path, f"`{key}` is missing; add it.") for key in wanted if key not in given]
    if misfit.rule == "dependentRequired":
        pairs = [(key, other) for key, others in wanted.items() if key in given for other in others]
        return [_at(source, path, f"`{key}` needs `{other}` beside it.") for key, other in pairs if other not in given]
    if misfit.is_key:
        return [_at(source, (*path, given), f"`{given}` is not {_expected(misfit)}.")]
    return [_at(source, path, f"{_shown(given)} does not fit: expected {_expected(misfit)}.")]


def _at(source: Source, path: Path, message: str) -> Problem:
    return Problem(display(path), line_of(source, path), message)


def _expected(misfit: _Misfit) -> str:
    # A description in the schema is written for this sentence wherever a pattern or a choice decides.
    if misfit.rule in ("pattern", "anyOf", "maxLength", "minLength") and "description" in misfit.schema:
        return str(misfit.schema["description"])
    wanted = misfit.wanted
    if misfit.rule == "enum":
        return f"one of {', '.join(map(str, wanted))}" if len(wanted) > 1 else str(wanted[0])
    if misfit.rule == "type":
        return " or ".join(_KINDS[kind] for kind in ([wanted] if isinstance(wanted, str) else wanted))
    bound = {
        "minItems": "at least {} in the list",
        "maxItems": "at most {} in the list",
        "maxProperties": "at most {} keys",
        "uniqueItems": "no item twice",
        "minimum": "at least {}",
        "maximum": "at most {}",
    }
    return bound[misfit.rule].format(wanted)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
