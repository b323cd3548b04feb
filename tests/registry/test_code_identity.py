"""Which code made a version: what its run says, mirrored once, as the run said it then."""

from __future__ import annotations

from governance.audit import selectors as log
from registry import mirror, mlflow

COMMIT = "1f2e3d4c5b6a79880917263544f5e6d7c8b9a001"


def mirrored(tracking, tags, *, number=1):
    tracking.tags[f"run-{number}"] = tags
    tracking.add("credit-risk", number, run_id=f"run-{number}")
    with mlflow.Client() as client:
        version = next(row for row in client.versions("credit-risk") if row.number == number)
        return mirror.mirror_version(client, mirror.model_row("credit-risk"), version)


def test_the_tags_of_the_run_are_mirrored_and_a_run_without_them_is_known_for_that(db, tracking):
    tags = {
        "mlflow.source.git.commit": COMMIT,
        "mlflow.source.name": "train.py",
        "mlflow.source.git.repoURL": "https://git.bank.example/credit",
        "mlflow.user": "somebody",
    }
    row = mirrored(tracking, tags)
    row.refresh_from_db()
    assert row.code == {
        "commit": COMMIT,
        "source": "train.py",
        "type": "",
        "repository": "https://git.bank.example/credit",
        "entry_point": "",
    }
    assert log.entry_by_id(row.log_entry).parsed["data"]["commit"] == COMMIT
    other = mirrored(tracking, {}, number=2)
    assert set(other.code.values()) == {""}
    assert log.entry_by_id(other.log_entry).parsed["data"]["commit"] is None
