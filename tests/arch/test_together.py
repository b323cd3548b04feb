"""What a worker that dies leaves to the others: a failed test, and the rest of its tests, and an end."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
import os
import pytest

@pytest.mark.parametrize("n", range(30))
def test_any(n):
    if n == 12:
        os._exit(9)
"""


@pytest.mark.slow
def test_the_tests_end_after_a_worker_died_and_name_what_it_died_of(tmp_path):
    (tmp_path / "test_dying.py").write_text(TESTS)
    plugins = ["-p", "no:django", "-p", "no:cacheprovider", "-p", "tests.together"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-q", *plugins, "-c", "/dev/null", "--rootdir", tmp_path, tmp_path],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "1 failed, 29 passed" in done.stdout, done.stdout + done.stderr
    assert "crashed while running 'test_dying.py::test_any[12]'" in done.stdout
