"""The dependency line of the packages and the other import contracts (pyproject.toml, tool.importlinter)."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.arch.tree import ROOT, project_files

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"

BREACHES = {
    "1. One dependency line": ("registry/gate.py", "from monitoring.models import Monitor"),
    "2. Layers inside governance": ("governance/audit/proofs.py", "from governance.policy.models import PolicyVersion"),
    "3. Layers inside each app": ("registry/models.py", "from registry import promotions"),
    "4. Only governance.audit": ("governance/approvals/inbox.py", "from governance.audit.models import Entry"),
    "5. Pure cores": ("monitoring/statistics.py", "from django.db import connection"),
}


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages in ``folder``."""
    return subprocess.run(
        [sys.executable, "-c", LINT, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_every_import_contract_is_kept():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_each_contract_notices_an_import_that_breaks_it(tmp_path):
    packages = {"governance", "registry", "monitoring", "reports"}
    for path in project_files(".py"):
        relative = path.relative_to(ROOT)
        if relative.parts[0] in packages:
            (tmp_path / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, tmp_path / relative)
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    for name, line in BREACHES.values():
        path = tmp_path / name
        path.write_text(f"{path.read_text()}\n{line}\n")

    done = lint(tmp_path, "--no-cache")

    assert done.returncode == 1, done.stdout + done.stderr
    kept = [name for name in BREACHES if not any(name in x and "BROKEN" in x for x in done.stdout.splitlines())]
    assert kept == [], done.stdout
