"""The web process and manage.py start without the libraries that take seconds to import."""

import json
import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.db import connection

from tests.arch.tree import ROOT

HEAVY = ("shap", "fairlearn", "evidently", "mlflow", "sklearn", "matplotlib", "weasyprint")

MANAGE_HELP = """
import runpy
sys.argv = ["manage.py", "help"]
try:
    runpy.run_path("manage.py", run_name="__main__")
except SystemExit:
    pass
"""
WEB = """
from governance.config.wsgi import application
from django.urls import get_resolver
list(get_resolver().url_patterns)  # Django reads them, and every view with them, at the first request
"""
REPORT = "print(json.dumps(sorted(set(sys.modules) & set({names!r}))), file=sys.stderr)"


@pytest.mark.parametrize("start", [MANAGE_HELP, WEB], ids=["manage.py help", "the web process"])
def test_no_heavy_library_is_imported_at_the_start_of(start, db):
    migrated = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    program = f"import json, sys\nsys.path.insert(0, '.')\n{start}\n{REPORT.format(names=HEAVY)}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PLACET_SECRET_KEY": "a" * 64, "DATABASE_URL": migrated},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr.splitlines()[-1]) == []
