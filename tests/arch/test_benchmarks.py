"""What the benchmarks import is there: nothing else notices before somebody runs them."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from tests.arch.tree import ROOT

OURS = ("governance", "registry", "monitoring", "reports", "placet", "examples", "tests", "benchmarks")
LOOK = """
import django, json, sys
from importlib import import_module
from importlib.util import find_spec
django.setup()
def there(module, name):
    found = import_module(module)
    return hasattr(found, name) or (hasattr(found, "__path__") and find_spec(f"{module}.{name}") is not None)
print(json.dumps([asked for asked in json.load(sys.stdin) if not there(*asked[1:])]))
"""


def _imports() -> list[tuple[str, str, str]]:
    """Return (file, module, name) of whatever of ours a benchmark imports, wherever it does so."""
    return [
        (file.name, node.module, alias.name)
        for file in sorted((ROOT / "benchmarks").glob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in OURS
        for alias in node.names
        if not node.module.startswith("benchmarks.rivals")  # Django apps that only their own settings install
    ]


@pytest.mark.slow
def test_what_the_benchmarks_import_is_there():
    asked = _imports()
    assert len(asked) > 100
    done = subprocess.run(  # apart, since libraries for documents change the fonts of their process
        [sys.executable, "-W", "ignore", "-c", f"import sys; sys.path[:0] = ['.', 'client']\n{LOOK}"],
        cwd=ROOT,
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []
