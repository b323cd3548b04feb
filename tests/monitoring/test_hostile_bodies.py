"""Whatever a body claims, it is refused with a sentence, and reading it takes no more memory than is stated here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_bodies import bodies, the_largest

from tests.arch.tree import ROOT

LIMIT_MIB = 1_024
"""Address space that a child may take beside what it has: threads and mapped files count, too."""
MOST_MIB = 300
"""Memory that reading one batch takes at most, whatever the batch is."""


def results(folder: Path) -> dict[str, dict[str, object]]:
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "client", here)))
    done = subprocess.run(
        [sys.executable, str(here / "hostile_child.py"), str(folder), str(LIMIT_MIB)],
        capture_output=True,
        text=True,
        timeout=550,
        env={**os.environ, "PYTHONPATH": paths, "ARROW_DEFAULT_MEMORY_POOL": "system"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}


def put(folder: Path, name: str, body: bytes, content_type: str, encoding: str) -> None:
    (folder / f"{name}.body").write_bytes(body)
    (folder / f"{name}.json").write_text(json.dumps({"content_type": content_type, "encoding": encoding}))


@pytest.mark.slow
def test_what_lies_about_itself_is_refused_with_a_sentence_in_bounded_memory(tmp_path: Path) -> None:
    said = {}
    for name, body, content_type, encoding, sentence in bodies():
        put(tmp_path, name, body, content_type, encoding)
        said[name] = sentence
    found = results(tmp_path)
    assert found.keys() == said.keys()
    for name, sentence in said.items():
        assert sentence in str(found[name]["answer"]), (name, found[name])
        assert int(str(found[name]["grew_mib"])) < MOST_MIB, (name, found[name])


@pytest.mark.slow
def test_the_largest_batches_that_are_taken_stay_in_the_same_bounds(tmp_path: Path) -> None:
    for name, body, content_type, encoding in the_largest():
        put(tmp_path, name, body, content_type, encoding)
    for name, row in results(tmp_path).items():
        assert str(row["answer"]).startswith("taken: "), (name, row)
        assert int(str(row["grew_mib"])) < MOST_MIB, (name, row)
