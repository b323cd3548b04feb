"""A policy's next version is drafted by its author and published by another person, each in a browser of their own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from examples.credit import story
from governance.policy import shipped
from tests.e2e.browsing import CHROMIUM, EVERY_LOOK, Visitor, chromium, visitor

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
NAME = "limited-risk"  # no system of the story is of that class


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture
def laxer() -> str:
    """The policy with its floor for the AUC lowered."""
    text = shipped.text(NAME)
    assert text.count("0.6\n") == 3
    return text.replace("0.6\n", "0.55\n")


def test_the_publisher_reads_what_loosens_before_putting_it_in_force(
    world: story.World, browser: Browser, laxer: str
) -> None:
    with visitor(browser, world.url) as author:
        draft = drafted(author, world, laxer)
    with visitor(browser, world.url) as publisher:
        publisher.sign_in(world.people["publisher"])
        publisher.open("/policies")
        publisher.page.get_by_role("link", name=draft).click()
        publisher.page.get_by_role("link", name="Read what changed").click()
        loosened = publisher.page.get_by_role("row").filter(has_text="checks[performance.auc-floor].expr")
        expect(loosened).to_contain_text("Loosens")
        assert publisher.problems("policy-diff", EVERY_LOOK) == []
        publisher.page.get_by_role("link", name=draft).click()
        assert publisher.problems("policy-draft-detail", EVERY_LOOK) == []
        publisher.page.get_by_label("Your password").fill(world.people["publisher"].password)
        publisher.page.get_by_role("button", name=f"Publish {draft}").click()
        expect(publisher.page.get_by_text(f"{draft} is in force for requests from now on.")).to_be_visible()
        expect(publisher.page.get_by_text("Waits for a publisher")).to_have_count(0)


def drafted(author: Visitor, world: story.World, text: str) -> str:
    """Draft the next version in the author's window, who can't publish it; return its name and number."""
    author.sign_in(world.people["author"])
    author.page.get_by_role("link", name="Policies").click()
    author.page.get_by_role("link", name=f"{NAME} v1").click()
    author.page.get_by_role("link", name="Draft the next version").click()
    field = author.page.get_by_label("Policy", exact=True)
    expect(field).to_have_value(shipped.text(NAME))
    field.fill(text.replace("dataset: evaluation", "dataset: training"))
    author.page.get_by_role("button", name="Check", exact=True).click()
    expect(author.page.get_by_text("is not enforced yet")).to_be_visible()
    author.page.get_by_label("Policy", exact=True).fill(text)
    author.page.get_by_role("button", name="Check", exact=True).click()
    expect(author.page.get_by_text("The text can be kept as a draft.")).to_be_visible()
    assert author.problems("policy-draft", EVERY_LOOK) == []
    author.page.get_by_role("button", name="Keep as a draft").click()
    draft = f"{NAME} v2"
    expect(author.page.get_by_text(f"{draft} is drafted.")).to_be_visible()
    expect(author.page.get_by_text("A policy publisher puts it in force.")).to_be_visible()
    expect(author.page.get_by_label("Your password")).to_have_count(0)
    return draft
