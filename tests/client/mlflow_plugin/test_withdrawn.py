"""The list of withdrawn permits: known at once, and kept as soon as the disk lets it be."""

import pytest

from placet.mlflow_plugin import withdrawn
from placet.mlflow_plugin.journal import JOURNAL_ENV


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the journal is to lie; nobody has made it yet, and this process knows nothing."""
    monkeypatch.setenv(JOURNAL_ENV, str(tmp_path / "kept" / "journal.jsonl"))
    forget(monkeypatch)
    return tmp_path / "kept"


def forget(monkeypatch):
    """Be a process that was just started."""
    for name in ("_known", "_kept"):
        monkeypatch.setattr(withdrawn, name, None)


def test_what_could_not_be_kept_counts_all_the_same_and_is_kept_at_the_next_check_in(folder, monkeypatch):
    withdrawn.keep(["sha256:a"])
    assert withdrawn.is_withdrawn("sha256:a")
    folder.mkdir()
    withdrawn.keep(["sha256:a"])
    forget(monkeypatch)
    assert withdrawn.is_withdrawn("sha256:a")
    assert [path.name for path in folder.iterdir()] == ["journal.jsonl.withdrawn"], "no draft is left"


def test_a_damaged_list_names_nothing_and_the_next_answer_replaces_it(folder, monkeypatch):
    folder.mkdir()
    (folder / "journal.jsonl.withdrawn").write_bytes(b'["sha256:')
    assert not withdrawn.is_withdrawn("sha256:a")
    withdrawn.keep(["sha256:a", "sha256:b"])
    forget(monkeypatch)
    assert withdrawn.is_withdrawn("sha256:b")
