"""What keeps itself up to date asks nothing while the tab is hidden, and at once when somebody looks again."""

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.common.test_pages_in_a_browser import Answers, browser, listening, pytestmark, site

__all__ = ["browser", "pytestmark", "site"]

HIDE = "hidden => Object.defineProperty(document, 'hidden', {value: hidden, configurable: true})"
ASK = "() => document.getElementById('live').dispatchEvent(new Event('every'))"


@pytest.mark.parametrize("name", ["monitor", "monitor-records"])
def test_the_strip_asks_only_while_somebody_looks(request: Any, name: str) -> None:
    chromium: Browser = request.getfixturevalue("browser")
    address = request.getfixturevalue("site")
    page = chromium.new_page()
    log = listening(page)
    Answers.polls.clear()
    page.goto(f"{address}/{name}", wait_until="load")
    page.evaluate(HIDE, True)
    page.evaluate(ASK)
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    page.evaluate("() => new Promise(done => setTimeout(done, 300))")
    assert Answers.polls == []
    page.evaluate(HIDE, False)
    with page.expect_response("**/live/progress/"):
        page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    page.close()
    assert len(Answers.polls) == 1
    assert log == []
