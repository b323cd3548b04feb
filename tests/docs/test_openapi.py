"""docs/reference/openapi.yaml is what the code says."""

import difflib
import re

import yaml
from django.core.management import call_command

from tests.arch.tree import ROOT

FILE = ROOT / "docs" / "reference" / "openapi.yaml"


def test_the_committed_description_is_the_generated_one(tmp_path):
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(made), validate=True, fail_on_warn=True)
    wanted, committed = made.read_text().splitlines(), FILE.read_text().splitlines()
    difference = "\n".join(difflib.unified_diff(committed, wanted, "committed", "generated", lineterm="", n=1))
    assert not difference, f"Run manage.py spectacular --file docs/reference/openapi.yaml\n{difference[:3000]}"


def test_the_short_page_names_every_family_of_addresses():
    short = (ROOT / "docs" / "reference" / "api.md").read_text()
    families = {re.match(r"/api/v1/[a-z-]+", path).group() for path in yaml.safe_load(FILE.read_text())["paths"]}
    assert {family for family in families if family != "/api/v1/openapi" and family not in short} == set()
