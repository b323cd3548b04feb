"""Files stay readable in one sitting, and are named for what they hold."""

from tests.arch.tree import ROOT, project_files

LIMIT = 450
LONG_ON_PURPOSE = {"client/placet/verify.py": 600}  # the one verifier: an auditor copies and reads one file, in an hour


def test_no_python_file_is_longer_than_the_limit():
    lengths = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in project_files(".py")}
    too_long = {name: lines for name, lines in lengths.items() if lines >= LONG_ON_PURPOSE.get(name, LIMIT)}
    assert too_long == {}, "Split by what the parts do."
    assert all(lengths[name] >= LIMIT for name in LONG_ON_PURPOSE), "An exception that is no longer needed."


def test_no_file_is_a_drawer_for_leftovers():
    drawers = {"utils.py", "helpers.py", "misc.py", "common.py"}
    assert [path for path in project_files(".py") if path.name in drawers] == []
