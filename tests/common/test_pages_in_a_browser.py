"""Every page in a real browser, under the real policy: no axe violation, no sideways scroll, no console message.

The pages come from the sample contexts, so this needs Chromium but no database.
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import override_settings
from playwright.sync_api import Browser, Page, sync_playwright

from governance.common.middleware import CSP
from tests.common import pages, samples
from tests.e2e.browsing import CHROMIUM, WIDE_AND_NARROW, Look, launched, problems
from tests.proving import PROVE

TYPES = {"css": "text/css", "js": "text/javascript", "woff2": "font/woff2", "svg": "image/svg+xml"}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.urls("tests.common.urls"),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]
PARTS = 4  # so that a failure is told before every page was opened


# A browser changes nothing at 204: a page that leads on by itself stays, and so does one that a slow machine polls.
STAY = {"/logout/sso/", "/documents/making", "/bundles/making"}


class Answers(BaseHTTPRequestHandler):
    """Serves what ``bodies`` holds, static files by Django's finders, and a progress that ends at its third call."""

    bodies: ClassVar[dict[str, str]] = {}
    polls: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        kind, body = "text/html; charset=utf-8", b""
        if path in self.bodies:
            body = self.bodies[path].encode()
        elif path.startswith("/static/") and (found := finders.find(path.removeprefix("/static/"))):
            with open(str(found), "rb") as file:  # noqa: PTH123 (a handler, not library code)
                kind, body = TYPES[path.rpartition(".")[2]], file.read()
        elif path.endswith("/progress/"):
            self.polls.append(path)
            body = self.bodies["done" if len(self.polls) >= 3 else "running"].encode()
        self.send_response(204 if path in STAY else 200 if body else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", CSP)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of a server with every page, each drawn once."""
    with override_settings(STATIC_URL="/static/", ROOT_URLCONF="tests.common.urls"):
        for name, (template, make) in pages.PAGES.items():
            context = {**samples.header(), "csrf_token": "token", **make()}
            Answers.bodies[f"/{name}"] = str(render_to_string(template, context))
        for name, running in (("running", True), ("done", False)):
            Answers.bodies[name] = render_to_string(
                "registry/_progress.html", {"progress": samples.progress(running=running)}
            )
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        chromium = launched(playwright)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def readable() -> set[str] | None:
    """Looks of texts that axe found to have contrast: none is asked about twice. `make prove` asks for each page."""
    return None if PROVE else set()


def listening(page: Page) -> list[str]:
    """What the page's console says from now on."""
    log: list[str] = []
    page.on("console", lambda message: log.append(f"{page.url}: {message.text} {message.location.get('url', '')}"))
    page.on("pageerror", lambda error: log.append(str(error)))
    return log


def _looks() -> dict[str, tuple[Look, ...]]:
    """In which looks each page is asked about: the first of each template in both, its variants in either in turn.

    `make prove` asks about every page in both.
    """
    found: dict[str, tuple[Look, ...]] = {}
    seen = set[str]()
    for number, (name, (template, _)) in enumerate(pages.PAGES.items()):
        alike = template in seen and not PROVE
        found[name] = (WIDE_AND_NARROW[number % 2],) if alike else WIDE_AND_NARROW
        seen.add(template)
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_is_accessible_fits_and_stays_quiet(
    browser: Browser, site: str, readable: set[str] | None, part: int
) -> None:
    page = browser.new_page(reduced_motion="reduce")
    log = listening(page)
    wrong: list[str] = []
    for name, looks in list(_looks().items())[part::PARTS]:
        page.set_viewport_size({"width": 1440, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(f"{site}/{name}", wait_until="load")
        wrong += problems(page, name, looks, readable=readable)
    page.close()
    assert wrong == []
    assert log == []


def test_progress_is_polled_until_the_jobs_stop(browser: Browser, site: str) -> None:
    page = browser.new_page()
    log = listening(page)
    Answers.polls.clear()
    page.goto(f"{site}/review-collecting")
    assert page.locator("#progress .x-pill", has_text="Running").count() == 1
    page.locator("#progress .x-pill", has_text="Failed").wait_for(timeout=20_000)
    seen = len(Answers.polls)
    page.wait_for_timeout(2500)
    page.close()
    assert seen == len(Answers.polls) == 3, "it stops asking when the jobs stop"
    assert log == []


def test_an_injected_script_or_style_is_refused(browser: Browser, site: str) -> None:
    page = browser.new_page()
    log = listening(page)
    page.goto(f"{site}/inbox")
    page.evaluate(
        """() => { const script = document.createElement('script'); script.textContent = 'window.injected = 1';
        document.body.append(script); document.body.setAttribute('style', 'color: red'); }"""
    )
    injected = page.evaluate("() => window.injected")
    page.close()
    assert injected is None
    assert sum("Content Security Policy" in line for line in log) == 2


def test_the_pages_work_without_javascript(browser: Browser, site: str) -> None:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 390, "height": 900}, color_scheme="dark"
    )
    page = context.new_page()
    page.goto(f"{site}/model")
    page.locator("summary", has_text="Roll champion back to v1").click()
    assert page.locator("#rollback-champion-reason").is_visible()
    page.locator(".x-user > summary").click()
    assert page.locator(".x-user button", has_text="Sign out").is_visible()
    assert page.locator("nav[aria-label=Main] a", has_text="Audit log").count() == 1
    context.close()
