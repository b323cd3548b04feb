"""``placet adopt`` against a running Placet, as docs/how-to/adopt-an-mlflow.md has it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.audit.models import Entry
from placet.commands import app
from registry import reconcile
from registry.models import Adoption
from tests.factories import a_system, a_user
from tests.registry.test_adoption import soon

HOW_TO = (Path(__file__).parents[2] / "docs" / "how-to" / "adopt-an-mlflow.md").read_text()
COMMANDS = re.findall(r"^(placet adopt .*)$", HOW_TO, flags=re.MULTILINE)
CSV = re.search(r"```csv\n(.*?)```", HOW_TO, flags=re.DOTALL)[1]


@pytest.fixture
def placet(transactional_db, live_server, tracking, monkeypatch, tmp_path):
    """Run a command line as an administrator, beside the how-to's models.csv; MLflow has its two models."""
    owner = a_user(Role.OWNER, name="Model owner")
    owner.email = "model.owner@placet.example"
    owner.save(update_fields=["email"])
    ai_system = a_system(owner=owner)
    for name in ("churn", "fraud"):
        tracking.add(name, 1)
        tracking.aliases[name]["champion"] = 1
    reconcile.reconcile()
    token = create_token(holder=a_user(Role.ADMINISTRATOR), label="mine", scopes=["production:write"])
    monkeypatch.setenv("PLACET_URL", live_server.url)
    monkeypatch.setenv("PLACET_TOKEN", token)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "models.csv").write_text(CSV.replace("consumer-credit", ai_system.slug))
    monkeypatch.chdir(tmp_path)

    def run(line):
        return CliRunner().invoke(app, shlex.split(line)[1:])

    run.system = ai_system
    return run


def test_the_how_to_works_from_the_look_to_the_proposal(placet):
    entries = Entry.objects.count()
    assert len(COMMANDS) == 3
    look, mapped, propose = COMMANDS
    first = placet(look)
    assert first.exit_code == 4, first.output
    assert first.output.count("Nobody is named who answers for it.") == 2
    assert "0 of 0 models can be adopted, 2 can't as they are." in first.output
    second = placet(mapped)
    assert second.exit_code == 0, second.output
    assert re.search(rf"^fraud +champion +1 +{placet.system.slug} +Model owner", second.output, flags=re.MULTILINE)
    assert Entry.objects.count() == entries, "a dry run writes nothing"
    until = soon(60).isoformat()
    third = placet(propose.replace("2027-01-31", until))
    assert third.exit_code == 0, third.output
    assert "2 of 2 models can be adopted." in third.output
    assert f"AD-1 is proposed, until {until}. It counts once another risk officer signs it:" in third.output
    assert "/adoptions/1" in third.output
    assert Adoption.objects.get().state == "proposed"


def test_json_and_what_is_refused(placet, tmp_path):
    said = json.loads(placet("placet adopt --dry-run --json --only churn --owner model.owner@placet.example").output)
    assert [(row["model"], row["owner_name"]) for row in said["rows"]] == [("churn", "Model owner")]
    assert placet("placet adopt --deadline 2027-01-31").exit_code == 2
    (tmp_path / "bad.csv").write_text("model,owner\nchurn,\n")
    refused = placet("placet adopt --dry-run --mapping bad.csv")
    assert refused.exit_code == 2
    assert "bad.csv, line 2: churn has neither a system nor an owner." in refused.output
    unknown = placet("placet adopt --dry-run --owner nobody@placet.example")
    assert unknown.exit_code == 1
    assert "No active person has the id or address nobody@placet.example." in unknown.output
