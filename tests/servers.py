"""One PostgreSQL and one Valkey for all tests: migrated as owner, run as the app role.

A pytest plugin (``-p tests.servers``), because the environment must stand before pytest-django reads the settings.
"""

import gc
import os
import subprocess
import sys
from pathlib import Path

from governance.common.embedded import ensure_servers

gc.disable()  # until the tests are read in, which makes little but what stays: tests/conftest.py
ROOT = Path(__file__).resolve().parents[1]

os.environ.update(ensure_servers())
os.environ["DJANGO_SETTINGS_MODULE"] = "governance.config.settings"
os.environ["PLACET_DB_ROLE"] = "app"
# Two test runs at a time share the servers, never a database.
os.environ.setdefault("PLACET_TEST_DATABASE", f"test_placet_{os.getpid()}")
if "PYTEST_XDIST_WORKER" not in os.environ:
    subprocess.run(
        [sys.executable, ROOT / "manage.py", "bootstrap_roles"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT / "client")},
    )
