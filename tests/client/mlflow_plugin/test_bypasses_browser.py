"""MLflow's own web pages, driven by a browser: what they try is refused, and they show why."""

import json
from pathlib import Path

import pytest

from tests.client.mlflow_plugin.bypasses_world import world_on
from tests.client.mlflow_plugin.decision_server import DecisionServer, verdict
from tests.e2e.browsing import chromium

SENTENCE = "It has no approval yet; ask for one in Placet."


@pytest.mark.e2e
def test_mlflows_own_page_can_not_set_the_alias_and_shows_why(gate: DecisionServer, tmp_path: Path):
    with world_on(tmp_path, gate, database=f"sqlite:///{tmp_path / 'mlflow.db'}") as world:
        world.new_victim()
        gate.answer = lambda _question: verdict("BLOCK", detail=SENTENCE)
        before = world.standing()
        credentials = {"username": world.user.username, "password": world.user.password}
        with chromium() as browser:
            context = browser.new_context(http_credentials=credentials, viewport={"width": 1440, "height": 1000})
            context.set_default_timeout(60_000)
            page = context.new_page()
            page.goto(f"{world.server.url}/#/models/{world.name}/versions/2", wait_until="load")
            page.get_by_role("button", name="Add", exact=False).first.wait_for()
            page.get_by_label("Edit aliases").or_(page.get_by_role("button", name="Add", exact=True)).first.click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_role("combobox").fill("champion")
            page.keyboard.press("Enter")
            page.keyboard.press("Escape") if dialog.get_by_role("listbox").count() else None
            with page.expect_response(lambda answer: "registered-models/alias" in answer.url) as answered:
                dialog.get_by_role("button", name="Save", exact=False).click()
            refused = answered.value
            assert (refused.status, SENTENCE in json.loads(refused.text())["message"]) == (403, True)
            dialog.get_by_text(SENTENCE, exact=False).wait_for()
            context.close()
        assert gate.asked("alias.set")[-1]["subject"]["version"] == "2"
        assert world.standing() == before
