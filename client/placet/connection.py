"""What every command that calls Placet shares: the connection whose refusals become a sentence and an exit code."""

import time
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from placet import terminal
from placet.sdk import Placet, PlacetProblem

T = TypeVar("T")
_MIRRORED_WITHIN_S = 30
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


class Connected:
    """A connection whose problems become one sentence and an exit code."""

    def __enter__(self) -> Placet:
        try:
            self.client = Placet()
        except PlacetProblem as problem:
            terminal.stop(str(problem), code=2)
        return self.client

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.client.close()
        if isinstance(error, PlacetProblem):
            lines = _field_errors(error.errors)
            terminal.stop("\n".join(lines) or str(error), code={403: 3, 409: 4}.get(error.status, 1))
        if isinstance(error, ValueError):
            terminal.stop(str(error), code=2)


def _field_errors(errors: Any, path: str = "") -> list[str]:
    """Return one line per field at fault, ``use_restrictions.0: …``; nothing for what names no field."""
    if isinstance(errors, dict) and "message" in errors:
        return [f"{path}: {errors['message']}"] if path and path != "non_field_errors" else []
    if isinstance(errors, dict):
        inner = [(f"{path}.{name}" if path else str(name), value) for name, value in errors.items()]
    elif isinstance(errors, list):
        inner = [(path, value) for value in errors]
    else:
        return []
    return [line for name, value in inner for line in _field_errors(value, name)]


def when_mirrored(call: Callable[[], T], *, patient: bool) -> T:
    """Call Placet about a version; with ``patient``, give it the seconds that it needs to see one just registered."""
    ends = time.monotonic() + (_MIRRORED_WITHIN_S if patient else 0)
    while True:
        try:
            return call()
        except PlacetProblem as problem:
            unknown = problem.type in {"/problems/unknown-model", "/problems/unknown-version"}
            if not unknown or time.monotonic() > ends:
                raise
        time.sleep(2)
