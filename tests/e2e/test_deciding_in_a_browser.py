"""A version is reviewed, decided and applied by people in a browser, one of them with the keyboard alone."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from examples.credit import story, watching
from examples.credit.stage import Stage
from tests.e2e.browsing import CHROMIUM, EVERY_LOOK, PATIENCE_MS, Visitor, chromium, visitor

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as found:
        yield found


ALIAS = "canary"  # so that what the story makes of the champion stays as it is


@pytest.fixture(scope="module")
def promotion(world: story.World, stage: Stage, more_versions: dict[str, int]) -> dict[str, Any]:
    """A promotion of the other scripts' version, with all its evidence, as the API tells it."""
    body = {"model": story.MODEL, "version": more_versions["again"], "alias": ALIAS}
    made = world.pipeline.call("POST", "promotion-requests", body)

    def in_review() -> Any:
        now = follow(world, made)
        return now if now["approval"]["state"] == "in_review" else None

    found: dict[str, Any] = stage.wait("its evidence is made", in_review, seconds=120)
    return found


def follow(world: story.World, promotion: dict[str, Any]) -> Any:
    """The promotion as it stands now."""
    return world.pipeline.call("GET", f"promotion-requests/{promotion['reference']}")


@pytest.fixture(scope="module")
def review(promotion: dict[str, Any]) -> str:
    """The address of its review page."""
    return f"/approvals/{promotion['approval']['id']}"


def open_from_the_inbox(window: Visitor, review: str) -> None:
    """Follow the inbox's own link to the request."""
    window.open("/")
    window.page.locator(f"main a[href='{review}']").first.click()
    window.page.wait_for_url(window.url + review)


def test_a_request_in_review_is_readable_for_everybody(
    world: story.World, browser: Browser, promotion: dict[str, Any], review: str
) -> None:
    with visitor(browser, world.url) as window:
        window.sign_in(world.people["validator"])
        wrong = window.problems("inbox", EVERY_LOOK)
        window.open(review)
        expect(window.page.get_by_role("heading", level=1)).to_contain_text(f"credit-risk v{promotion['version']}")
        wrong += window.problems("review-open", EVERY_LOOK)
    assert wrong == []


def test_the_requester_sees_why_they_may_not_decide(world: story.World, browser: Browser, review: str) -> None:
    with visitor(browser, world.url) as window:
        window.sign_in(world.people["engineer"])
        window.open(review)
        panel = window.page.locator("#decision")
        expect(panel).to_contain_text(re.compile("request", re.IGNORECASE))
        expect(panel.locator("form")).to_have_count(0)
        expect(window.page.locator("#human-review-1 form")).to_have_count(0)


def test_a_validator_signs_the_human_review_and_approves(
    world: story.World, browser: Browser, promotion: dict[str, Any], review: str
) -> None:
    validator = world.people["validator"]
    with visitor(browser, world.url) as window:
        window.sign_in(validator)
        open_from_the_inbox(window, review)
        panel = window.page.locator("#human-review-1")
        panel.get_by_role("textbox", name="What you read").fill(story.REASON["review"])
        panel.get_by_role("radio", name="Accept", exact=False).first.check()
        panel.get_by_label("Your password").fill(validator.password)
        panel.get_by_role("button", name="Sign the review").click()
        expect(window.page.get_by_text("the policy was evaluated again")).to_be_visible()
        decision = window.page.locator("#decision")
        decision.get_by_role("radio", name="Approve").check()
        decision.get_by_role("textbox", name="Rationale").fill(story.REASON["validate"])
        decision.get_by_role("checkbox", name="I confirm that this is a non-substantial change").check()
        decision.get_by_role("checkbox", name="no conflict").check()
        decision.get_by_label("Your password").fill(validator.password)
        decision.get_by_role("button", name="Sign").click()
        expect(window.page.get_by_text("Signed: you approve")).to_be_visible()
    approval = follow(world, promotion)["approval"]
    assert [check["id"] for check in approval["checks"] if check["effect"] == "HOLD"] == []
    assert [stage["signed"] for stage in approval["stages"]] == [1, 0]


def test_a_risk_officer_decides_with_the_keyboard_alone(
    world: story.World, browser: Browser, promotion: dict[str, Any], review: str
) -> None:
    officer = world.people["risk"]
    with visitor(browser, world.url) as window:
        window.sign_in(officer)
        open_from_the_inbox(window, review)
        keys = window.page.keyboard
        keys.press("Tab")
        expect(window.page.get_by_role("link", name="Skip to content")).to_be_focused()
        expect(window.page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
        keys.press("Enter")
        expect(window.page).to_have_url(re.compile("#main$"))
        window.tab_to("#decision input[name=verdict]")
        keys.press("Space")
        expect(window.page.locator("#decision input[value=approve]")).to_be_checked()
        window.tab_to("#decision textarea[name=rationale]")
        keys.type(story.REASON["approve"])
        window.tab_to("#decision input[name=no_conflict]")
        keys.press("Space")
        window.tab_to("#decision input[name=password]")
        keys.type("not the password")
        keys.press("Enter")
        refusal = window.page.locator("#decision-password-e")
        expect(refusal).to_contain_text("Nothing was signed")
        expect(window.page.locator("#rationale")).to_have_value(story.REASON["approve"])
        window.page.get_by_label("Your password").fill(officer.password)
        window.tab_to("#decision button[type=submit]")
        keys.press("Enter")
        expect(window.page.get_by_text("Signed: you approve")).to_be_visible()
        # A wrong password is answered with 403, which the browser itself notes: the one line that may stand here.
        window.said[:] = [line for line in window.said if "status of 403" not in line]
    assert follow(world, promotion)["approval"]["state"] == "approved"


def test_the_engineer_applies_it_and_mlflow_has_the_alias(
    world: story.World, browser: Browser, promotion: dict[str, Any]
) -> None:
    page = f"/promotions/{promotion['id']}"
    with visitor(browser, world.url) as window:
        window.sign_in(world.people["engineer"])
        button = window.page.get_by_role("button", name=f"Apply: {ALIAS}")
        ends = time.monotonic() + PATIENCE_MS / 1000
        window.open(page)
        while not button.count() and time.monotonic() < ends:  # the notary signs the permit within seconds
            window.page.wait_for_timeout(500)
            window.open(page)
        button.click()
        expect(window.page.get_by_text(f"sets {ALIAS}; this takes a few seconds")).to_be_visible()
        applied = window.page.locator(".x-head").get_by_text("Applied")
        while not applied.count() and time.monotonic() < ends:
            window.page.wait_for_timeout(500)
            window.open(page)
        expect(applied).to_be_visible()
    assert watching.alias_in_mlflow(world, ALIAS) == promotion["version"]
