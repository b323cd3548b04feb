"""Tell a job's summary, annotations and outputs what Placet said: ``summary.py ANSWER.json EXIT_CODE``.

Standard library only. What Placet says is data: line ends and marks are written so that no runner takes them for
commands.
"""

import html
import json
import os
import sys
from pathlib import Path
from typing import Any

LEVELS = {"pass": "notice", "fail": "error"}


def main() -> None:
    """Write the summary, the outputs and one annotation a check that did not pass."""
    try:
        said = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    except ValueError:
        said = {}  # refused: the reason stands on standard error, and in the job's log
    about = said.get("approval") or said
    verdict = str(about.get("verdict") or "")
    checks = [check for check in about.get("checks") or [] if isinstance(check, dict)]
    _append("GITHUB_STEP_SUMMARY", _summary(said, verdict, checks))
    for name, value in (("id", said.get("id")), ("url", said.get("url")), ("verdict", verdict)):
        _append("GITHUB_OUTPUT", f"{name}={_line(value)}\n")
    for check in checks:
        if check.get("outcome") != "pass":
            level = LEVELS.get(str(check.get("outcome")), "warning")
            print(f"::{level} title={_property(check.get('title') or check.get('id'))}::{_data(check.get('reason'))}")
    if not said:
        print(
            f"::error title=Placet::Nothing was asked (exit code {_data(sys.argv[2])}); the log above says what to do."
        )


def _summary(said: dict[str, Any], verdict: str, checks: list[dict[str, Any]]) -> str:
    lines = [f"## Placet: {_text(verdict or 'no verdict')}", ""]
    if said.get("url"):
        lines += [f'<a href="{_text(said["url"])}">The request</a>', ""]
    if said.get("next_step"):
        lines += [_text(said["next_step"]), ""]
    if checks:
        lines += ["<table><tr><th>Check</th><th>Outcome</th><th>Reason</th></tr>"]
        for check in checks:
            cells = (check.get("title") or check.get("id"), check.get("outcome"), check.get("reason"))
            lines += ["<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in cells) + "</tr>"]
        lines += ["</table>", ""]
    return "\n".join(lines) + "\n"


def _append(variable: str, text: str) -> None:
    if name := os.environ.get(variable):
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(text)


def _line(value: object) -> str:
    return " ".join(str(value or "").split())


def _text(value: object) -> str:
    return html.escape(_line(value))


def _data(value: object) -> str:
    return _line(value).replace("%", "%25")


def _property(value: object) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


if __name__ == "__main__":
    main()
