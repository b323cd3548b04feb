"""The versions of MLflow on the page are those that are tried, pinned and refused."""

import re
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location

import pytest

from placet.mlflow_plugin.store import GATED_MLFLOW
from registry import mlflow
from tests.arch.tree import ROOT

PAGE = ROOT / "docs" / "reference" / "mlflow-versions.md"


@pytest.fixture(scope="module")
def tried():
    """The script that tries them."""
    spec = spec_from_file_location("mlflow_range", ROOT / "scripts" / "mlflow_range.py")
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_page_has_a_row_for_each_version_and_role_that_is_tried(tried):
    rows = re.findall(r"^\| ([a-z ]+) \| ([\d.]+) \| passed \| \d+ \| \d+ \|$", PAGE.read_text(), flags=re.MULTILINE)
    assert rows == [(role, version) for role, versions in tried.RANGE.items() for version in versions]


def test_the_newest_is_the_locked_one_and_the_gated_ones_are_the_pinned_ones(tried):
    assert f"\nmlflow=={tried.NEWEST} " in (ROOT / "requirements.lock").read_text()
    extras = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    major, minor = GATED_MLFLOW.split(".")
    after = f"{major}.{int(minor) + 1}"
    assert f"mlflow>={GATED_MLFLOW},<{after}" in extras["mlflow"]
    assert f"`mlflow>={GATED_MLFLOW},<{after}`" in PAGE.read_text()
    assert tried.RANGE["governed server"] == (f"{GATED_MLFLOW}.0", tried.NEWEST)
    assert tried.RANGE["governed server past the pin"] == (f"{after}.0",)


def test_the_oldest_server_is_the_one_below_which_placet_complains(tried):
    oldest = tuple(map(int, tried.OLDEST.split(".")))
    assert oldest == (*mlflow.OLDEST, 0)


def test_what_is_run_for_each_role_is_there(tried):
    assert tried.TESTS.keys() == tried.RANGE.keys()
    assert all((ROOT / file).is_file() for files in tried.TESTS.values() for file in files)
