"""A page inside a bundle, opened from a disk: accessible, within the screen, quiet, and without a network."""

from pathlib import Path

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Browser

from tests.common.pages_bundles import case
from tests.common.test_pages_in_a_browser import CHROMIUM, browser, listening  # noqa: F401  # a fixture
from tests.e2e.browsing import problems

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


@pytest.mark.parametrize("kind", ["promotion", "many"])
def test_a_page_of_a_bundle_opens_from_a_disk(
    browser: Browser,  # noqa: F811
    tmp_path: Path,
    kind: str,
) -> None:
    told = case()
    if kind == "many":
        promotion = told.pop("promotion")
        told |= {"cases": [promotion | {"page": "requests/PR-12.html", "entries": 58}], "about": "consumer-credit"}
    (tmp_path / "index.html").write_text(render_to_string("reports/case/page.html", told))
    page = browser.new_page(reduced_motion="reduce")
    log, asked = listening(page), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"file://{tmp_path}/index.html", wait_until="load")
    wrong = problems(page, kind)
    page.close()
    assert wrong == []
    assert log == []
    assert asked == [f"file://{tmp_path}/index.html"]
