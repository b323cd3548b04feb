"""`register_diff` prints what changed against an older register, and the systems that this touches."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from governance.regulation.register import DATA_FILE
from governance.regulation.versions import FOLDER, shipped
from tests.factories import a_system


def printed(*arguments, **options):
    out = StringIO()
    call_command("register_diff", *arguments, stdout=out, **options)
    return " ".join(out.getvalue().split())


def test_it_prints_the_points_that_differ_from_a_file_or_a_shipped_version(db, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    a_system(name="Scoring")
    file = min(FOLDER.glob("*.yaml"))
    for old in (str(file), next(iter(shipped()))):
        said = printed(old)
        assert "Art 26.5.financial" in said
        assert "2 added, 0 removed, 0 re-worded, 38 re-dated, 0 otherwise" in said
        assert "Scoring" in said
    assert "Scoring" not in printed(str(file), no_systems=True)


def test_a_register_that_does_not_differ_says_so(db):
    said = printed(str(DATA_FILE))
    assert "No point differs." in said
    assert "No system is touched." in said


def test_a_change_that_is_not_in_use_yet_is_read_from_its_file(tmp_path):
    planned = tmp_path / "next.yaml"
    text = DATA_FILE.read_text(encoding="utf-8")
    planned.write_text(text.replace("Run risk management as", "Plan risk management as"), encoding="utf-8")
    said = printed(str(DATA_FILE), to=str(planned), no_systems=True)
    assert "Art 9.2" in said
    assert "1 re-worded" in said


@pytest.mark.parametrize("named", ["nowhere.yaml", "sha256:0"])
def test_what_is_no_register_is_refused_by_name(named):
    with pytest.raises(CommandError, match=f"{named} is neither a file nor"):
        call_command("register_diff", named)


def test_a_file_of_another_shape_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_text("schema_version: 9")
    with pytest.raises(CommandError, match="Schema version 9"):
        call_command("register_diff", str(tmp_path / "x.yaml"))
