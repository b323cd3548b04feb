"""The pipelines of examples/ci: every placet command in them is one, every script is a script."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from placet import sdk
from placet.commands import app
from tests.arch.tree import ROOT

CI = ROOT / "examples" / "ci"
FILES = sorted(CI.rglob("*.yml"))
SUMMARY = CI / "github" / "summary.py"


def scripts(node: Any) -> Iterator[str]:
    """Return every shell script of a pipeline."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "run" and isinstance(value, str):
                yield value
            elif name in {"script", "before_script"}:
                yield "\n".join([value] if isinstance(value, str) else value)
            else:
                yield from scripts(value)
    elif isinstance(node, list):
        for value in node:
            yield from scripts(value)


EVERY = [(path.name, text) for path in FILES for text in scripts(yaml.safe_load(path.read_text()))]
COMMANDS = [
    line.strip()
    for _, text in EVERY
    for line in text.replace("\\\n", " ").splitlines()
    if re.match(r"\s*placet\b", line)
]


def test_there_is_something_to_hold():
    assert {path.name for path in FILES} == {"action.yml", "promote.yml", "placet.gitlab-ci.yml"}
    assert {line.split()[1] for line in COMMANDS} == {"check", "request", "apply"}


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_line_takes_it(line):
    words = shlex.split(re.split(r"\s*(?:>|\|\|)", line)[0])[1:]
    group = typer.main.get_command(app)
    name, command, rest = group.resolve_command(group.make_context("placet", list(words)), list(words))
    command.make_context(name, rest)  # raises for an option or argument that it does not have


@pytest.mark.parametrize(("name", "text"), EVERY, ids=range(len(EVERY)))
def test_bash_reads_each_script(name, text):
    assert "${{" not in text, f"{name}: an input that stands in the script itself is run"
    done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_pipeline_names_a_stored_secret(path):
    assert "PLACET_TOKEN" not in path.read_text()
    assert "secrets." not in path.read_text()


def test_the_github_jobs_may_have_a_token_of_their_own():
    assert yaml.safe_load((CI / "github/promote.yml").read_text())["permissions"]["id-token"] == "write"


def test_the_dag_calls_the_client_as_it_is():
    calls = [
        node for node in ast.walk(ast.parse((CI / "airflow/promote_dag.py").read_text())) if isinstance(node, ast.Call)
    ]
    of_placet = [
        node
        for node in calls
        if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "placet"
    ]
    assert {node.func.attr for node in of_placet} == {"request_promotion", "promotion", "apply", "wait"}
    for node in of_placet:
        names = [word.arg for word in node.keywords]
        inspect.signature(getattr(sdk.Placet, node.func.attr)).bind(None, *node.args, **dict.fromkeys(names))


def told(folder: Path, said: str, code: str = "3") -> tuple[str, str, str]:
    answer, summary, outputs = folder / "a.json", folder / "summary", folder / "outputs"
    answer.write_text(said)
    env = {"PATH": os.environ["PATH"], "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(outputs)}
    done = subprocess.run(
        [sys.executable, str(SUMMARY), str(answer), code], env=env, text=True, capture_output=True, check=True
    )
    return done.stdout, summary.read_text(), outputs.read_text()


def test_the_summary_tells_the_checks_and_lets_nothing_of_them_act(tmp_path):
    hostile = "one\n::set-output name=id::x <script>"
    checks = [
        {"id": "a", "title": "AUC, lower bound", "outcome": "fail", "reason": hostile},
        {"id": "b", "title": "Rows", "outcome": "pass", "reason": "enough"},
    ]
    said = {"id": "0a", "url": "https://placet.example/requests/1", "approval": {"verdict": "BLOCK", "checks": checks}}
    printed, summary, outputs = told(tmp_path, json.dumps(said))
    assert printed.splitlines() == ["::error title=AUC%2C lower bound::one ::set-output name=id::x <script>"]
    assert "<script>" not in summary
    assert "Placet: BLOCK" in summary
    assert outputs == "id=0a\nurl=https://placet.example/requests/1\nverdict=BLOCK\n"


def test_a_refusal_points_at_the_log(tmp_path):
    printed, summary, outputs = told(tmp_path, "", "1")
    assert printed.startswith("::error title=Placet::Nothing was asked (exit code 1)")
    assert "no verdict" in summary
    assert outputs == "id=\nurl=\nverdict=\n"
