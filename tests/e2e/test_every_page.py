"""Every page, on the story's own data: nothing for axe to find, nothing sideways, nothing on the console."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from examples.credit import story
from examples.credit.policy import TEXT as CREDIT_POLICY
from tests.e2e.browsing import CHROMIUM, Visitor, chromium, visitor
from tests.e2e.ledger import Ledger

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
ID = "[0-9a-f-]{36}"


@pytest.fixture(scope="module")
def window(world: story.World, v2_live: Any) -> Iterator[Visitor]:
    """The risk officer's browser."""
    with chromium() as browser, visitor(browser, world.url) as found:
        found.sign_in(world.people["risk"])
        yield found


@pytest.mark.parametrize(
    "name",
    [
        *("review-signed", "promotion", "model-list", "model", "system-list", "system", "monitor-list", "monitor"),
        *("policy-list", "policy", "finding-list", "incident-list", "incident-new", "documents", "delegations"),
        *("audit-log", "audit-health", "system-health", "audit-entry", "policy-replays", "policy-replay"),
    ],
)
def test_it_is_accessible_fits_and_stays_quiet(window: Visitor, world: story.World, ledger: Ledger, name: str) -> None:
    window.open(address(window, world, ledger, name))
    assert window.problems(name) == []
    assert window.said == []


def test_the_pages_about_people_too(world: story.World, window: Visitor) -> None:
    browser: Browser | None = window.page.context.browser
    assert browser is not None
    with visitor(browser, world.url) as administrator:
        administrator.sign_in(world.people["admin"])
        for name, path in (
            ("people", "/people"),
            ("person", administrator.found("/people", f"/people/{ID}")),
            ("role-proposals", "/role-proposals"),
        ):
            administrator.open(path)
            assert administrator.problems(name) == []


def address(window: Visitor, world: story.World, ledger: Ledger, name: str) -> str:
    """Return the path of a page."""
    fixed = {
        "review-signed": f"/approvals/{world.promotions[2]['approval']['id']}",
        "promotion": f"/promotions/{world.promotions[2]['id']}",
        "model-list": "/models",
        "system-list": "/systems",
        "monitor-list": "/monitors",
        "policy-list": "/policies",
        "finding-list": "/findings",
        "incident-list": "/incidents",
        "incident-new": "/incidents/new",
        "documents": "/documents",
        "delegations": "/delegations",
        "policy-replays": "/policy-replays",
        "audit-log": "/log",
        "audit-health": "/log/health",
        "system-health": "/health",
    }
    if name in fixed:
        return fixed[name]
    if name == "policy-replay":
        return f"/policy-replays/{a_replay(world)['id']}"
    if name == "audit-entry":
        ((index,),) = ledger.rows(
            'SELECT l.position FROM audit_leaf l JOIN audit_subject s USING (entry_id) WHERE s."table" = %s'
            " ORDER BY 1 DESC LIMIT 1",
            ["approvals_decision"],
        )
        return f"/log/{index}"
    return window.found(fixed[f"{name}-list"], f"{fixed[f'{name}-list']}/{ID}")


def a_replay(world: story.World) -> Any:
    """A replay of the policy for high-risk credit over what the story requested, carried out by the worker."""
    author = world.people["author"]
    asked = author.call("POST", "policy-replays", {"text": CREDIT_POLICY})
    ends = time.monotonic() + 60
    while (found := author.call("GET", f"policy-replays/{asked['id']}"))["state"] not in {"done", "failed"}:
        assert time.monotonic() < ends, found
        time.sleep(0.2)
    assert found["state"] == "done", found["error"]
    assert found["counts"]["cases"] >= 2
    assert found["counts"]["changed"] == 0
    return found


def test_the_sign_in_page_too(world: story.World, window: Visitor) -> None:
    browser: Browser | None = window.page.context.browser
    assert browser is not None
    with visitor(browser, world.url) as stranger:
        stranger.open("/login")
        assert stranger.problems("login") == []
