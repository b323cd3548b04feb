"""The owner of an AI system answers for it: says what is asked, writes an incident down, and stops what must not serve.

What needs another person's look gets it here, so that nothing stays open; the champion is left as it is.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from examples.credit import story, watching
from examples.credit.stage import Stage
from tests.e2e.browsing import CHROMIUM, Visitor, chromium, visitor
from tests.e2e.ledger import Ledger
from tests.e2e.stranger import stranger

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
ALIAS = "canary"
SYSTEM = "Consumer credit scoring"
STANDARDS = "None is harmonised yet. ISO/IEC 42001:2023 and ISO/IEC 23894:2023 are followed in full."
INCIDENT = "Refusals went out without their reasons"
WHAT = "For an hour the letters to refused applicants left out the reasons. The letters were sent again in full."
STOPPED = "The canary refuses applicants whom the champion accepts; nobody knows why yet."
LOOKED = "Looked at with the owner: the stop was right, and the version stays off until it is understood."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def owner(world: story.World, browser: Browser) -> Iterator[Visitor]:
    """The owner's window, signed in."""
    with visitor(browser, world.url) as window:
        window.sign_in(world.people["owner"])
        yield window


@pytest.fixture(scope="module")
def officer(world: story.World, browser: Browser) -> Iterator[Visitor]:
    """The risk officer's window, signed in."""
    with visitor(browser, world.url) as window:
        window.sign_in(world.people["risk"])
        yield window


@pytest.fixture(scope="module")
def canary(world: story.World, stage: Stage) -> int:
    """The version behind the alias that is stopped; where none is yet, version 1 is promoted to it."""
    if (live := watching.alias_in_mlflow(world, ALIAS)) is not None:
        return live
    number = 0  # the story's own numbers are those of the champion's versions
    body = {"model": story.MODEL, "version": 1, "alias": ALIAS}
    world.promotions[number] = made = world.pipeline.call("POST", "promotion-requests", body)

    def reached(what: str, seen: Any) -> Any:
        return stage.wait(what, lambda: True if seen(story.follow(world, number)) else None, seconds=120)

    reached("its evidence is made", lambda now: now["approval"]["state"] == "in_review")
    story.sign(stage, world, number)
    reached("the notary signs the permit", lambda now: now["next_step"].startswith("Apply"))
    world.pipeline.call("POST", f"promotion-requests/{made['id']}/applications")
    reached("it is applied", lambda now: now["state"] == "applied")
    del world.promotions[number]
    return 1


def acts_after(ledger: Ledger, number: int, *subjects: str) -> list[tuple[str, str]]:
    """Return what the log says after an entry about the subjects, each with the e-mail address of who did it."""
    people = dict(ledger.rows("SELECT 'person:' || id, email FROM accounts_user"))
    return [
        (entry["event"], people.get(entry["actor"], entry["actor"]))
        for entry in ledger.entries_after(number)
        if entry["event"].partition(".")[0] in subjects
    ]


def test_the_inbox_leads_to_the_system_and_its_owner_answers_a_question(
    world: story.World, owner: Visitor, ledger: Ledger
) -> None:
    page, before = owner.page, ledger.newest()
    expect(page.get_by_text("What waits for you as model owner")).to_be_visible()
    owner.menu("Systems")
    page.get_by_role("link", name=SYSTEM, exact=True).click()
    said = page.locator("#declared").get_by_role("link", name="answered")
    answered, asked = map(int, re.findall(r"\d+", said.inner_text()))
    said.click()
    page.get_by_role("link", name="Mine to answer").click()
    question = page.locator("#q-standards")
    question.locator("summary").click()
    question.get_by_role("textbox", name="Standards applied").fill(STANDARDS)
    question.get_by_role("button", name=re.compile("^Save ?: Standards applied")).click()
    expect(page.get_by_text("Saved: 1 answer.")).to_be_visible()
    page.get_by_role("link", name="All", exact=False).first.click()
    expect(page.locator(".x-facts")).to_contain_text(f"{answered + 1} of {asked} questions")
    expect(question).to_contain_text(STANDARDS)
    expect(question).to_contain_text(f"{world.people['owner'].role} (Model owner), {datetime.now(UTC):%-d %b %Y}")
    assert owner.problems("record") == []
    question.get_by_role("link", name="History").click()
    expect(page.get_by_role("article")).to_have_count(1)
    assert acts_after(ledger, before, "record") == [("record.declared", world.people["owner"].email)]
    assert ledger.rows("SELECT text, number FROM inventory_declaration WHERE question = 'standards'") == [
        (STANDARDS, 1)
    ]


def test_an_incident_is_written_down_and_closed_by_somebody_else(
    world: story.World, owner: Visitor, officer: Visitor, ledger: Ledger
) -> None:
    page, before = owner.page, ledger.newest()
    owner.menu("Systems")
    page.get_by_role("link", name=SYSTEM, exact=True).click()
    page.get_by_role("link", name="Report an incident").click()
    page.get_by_label("In one line").fill(INCIDENT)
    page.get_by_label("What happened, as far as you know").fill(WHAT)
    page.get_by_label("We became aware of it").fill(f"{datetime.now(UTC):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Write the incident down").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(INCIDENT)
    expect(page.get_by_text("15 days left")).to_be_visible()
    expect(page.locator("form[action$='/close']")).to_have_count(0)
    assert owner.problems("incident") == []
    written = page.url.removeprefix(owner.url)

    officer.menu("Incidents")
    officer.page.get_by_role("link", name=INCIDENT).click()
    assert officer.page.url == officer.url + written
    officer.page.get_by_text("Close it", exact=True).click()
    officer.page.get_by_role("radio", name="Not a serious incident").check()
    officer.page.get_by_label("How it ended").fill(LOOKED)
    officer.page.get_by_label("Your password").fill(world.people["risk"].password)
    officer.page.get_by_role("button", name="Close the incident").click()
    expect(officer.page.get_by_text("Closed: not a serious incident")).to_be_visible()

    owner.open(written)
    expect(page.locator(".x-steps li")).to_have_count(2)
    expect(page.locator(".x-steps li").first).to_contain_text(LOOKED)
    assert acts_after(ledger, before, "incident") == [
        ("incident.opened", world.people["owner"].email),
        ("incident.closed", world.people["risk"].email),
    ]


def test_the_owner_stops_an_alias_and_somebody_else_reviews_it(
    world: story.World, owner: Visitor, officer: Visitor, stage: Stage, ledger: Ledger, canary: int
) -> None:
    page, before, champion = owner.page, ledger.newest(), watching.alias_in_mlflow(world)
    owner.menu("Models")
    page.get_by_role("link", name=story.MODEL, exact=True).click()
    panel = page.locator(f"#stop-{ALIAS}")
    panel.locator("summary").click()
    expect(panel).to_contain_text(f"takes it off v{canary}")
    panel.get_by_label("Reason").fill(STOPPED)
    panel.get_by_label("Your password").fill(world.people["owner"].password)
    panel.get_by_role("button", name="Stop").click()
    (change,) = re.findall(r"^AC-\d+", page.get_by_text("is in the log, and on its way to MLflow").inner_text())
    stage.wait("the alias is gone", lambda: watching.alias_in_mlflow(world, ALIAS) is None or None, seconds=60)
    done = [("alias_change.asked", world.people["owner"].email), ("alias_change.done", "system:apply")]
    stage.wait("it is on record", lambda: acts_after(ledger, before, "alias_change") == done or None, seconds=60)
    assert watching.alias_in_mlflow(world) == champion
    owner.open(page.url.removeprefix(owner.url))
    expect(page.get_by_role("row", name=f"{change} Stop")).to_contain_text(f"Done {STOPPED}")
    expect(page.locator(f"#stop-{ALIAS}")).to_have_count(0)

    owner.menu("Findings")
    page.get_by_role("link", name=f"{change}: ").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(change)
    expect(page.locator("form[action$='/close']")).to_have_count(0)
    officer.open(page.url.removeprefix(owner.url))
    officer.page.get_by_text("Close it", exact=True).click()
    officer.page.get_by_label("How was it mended?").fill(LOOKED)
    officer.page.locator("#close-password").fill(world.people["risk"].password)
    officer.page.get_by_role("button", name="Close the finding").click()
    expect(officer.page.get_by_text("Closed by Risk officer")).to_be_visible()
    assert acts_after(ledger, before, "finding") == [
        ("finding.opened", world.people["owner"].email),
        ("finding.closed", world.people["risk"].email),
    ]


def test_the_owner_reads_no_log_but_proves_their_own_act(world: story.World, owner: Visitor, ledger: Ledger) -> None:
    expect(owner.page.get_by_role("link", name="Audit log")).to_have_count(0)
    assert owner.page.request.get(f"{world.url}/log").status == 403
    own, other = (
        ledger.rows(
            "SELECT id FROM audit_entry WHERE convert_from(body, 'UTF8')::jsonb->>'event' = %s ORDER BY seq DESC",
            [event],
        )[0][0]
        for event in ("record.declared", "approval.decided")
    )
    assert owner.page.request.get(f"{world.url}/log/entries/{other}/receipt").status == 403
    with stranger(world) as outsider:
        (outsider.folder / "own.tlog-proof").write_bytes(
            owner.page.request.get(f"{world.url}/log/entries/{own}/receipt").body()
        )
        held = outsider.verify("own.tlog-proof")
    assert held.returncode == 0, held.stdout + held.stderr
