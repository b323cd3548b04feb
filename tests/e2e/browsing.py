"""Use Placet in a real browser, and note what a reader with other senses, or a strict policy, would stumble over."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect, sync_playwright

from examples.credit.people import Person

CHROMIUM = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)  # five seconds by default, which a machine with more to do may need for a page
TABS = 250
# Only what is wrong comes back: what passed is a hundred times as much. Four fifths of the time go into contrast, which
# depends on nothing but the text's own look and what is painted behind it: so one text of each look is asked about.
# At a width that was looked at already, another theme changes nothing but colours.
AXE = """async ([only_colours, known]) => {
  const behind = new Map([[null, '']]);
  const painted = element => {
    if (!behind.has(element)) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(element);
      const own = `${backgroundColor} ${backgroundImage} ${opacity}`;
      behind.set(element, painted(element.parentElement) + (own === 'rgba(0, 0, 0, 0) none 1' ? '' : ` / ${own}`));
    }
    return behind.get(element);
  };
  const looks = new Map(), right = new Set(known);
  for (const element of document.body.querySelectorAll('*')) {
    const speaks = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const { width, height } = element.getBoundingClientRect();
    if (!(speaks || element.matches('input, select, textarea')) || width <= 1 || height <= 1) continue;
    const { color, fontSize, fontWeight, textShadow } = getComputedStyle(element);
    const off = element.closest(':disabled, [aria-disabled=true]') !== null;
    const look = [element.tagName, off, color, fontSize, fontWeight, textShadow, painted(element)].join(' ');
    if (!right.has(look) && !looks.has(look)) looks.set(look, element);
  }
  const wrong = (context, options) =>
    axe.run(context, { resultTypes: ['violations'], ...options }).then(found => found.violations);
  const rest = only_colours ? { runOnly: ['link-in-text-block'] } : { rules: { 'color-contrast': { enabled: false } } };
  const contrast = looks.size ? await wrong([...looks.values()], { runOnly: ['color-contrast'] }) : [];
  return [[...(await wrong(document, rest)), ...contrast], contrast.length ? [] : [...looks.keys()]];
}"""
Look = tuple[int, Literal["light", "dark"]]
WIDE_AND_NARROW: tuple[Look, ...] = ((1440, "light"), (390, "dark"))
EVERY_LOOK: tuple[Look, ...] = ((1440, "light"), (1440, "dark"), (390, "light"), (390, "dark"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a headless Chromium for the length of the block."""
    with sync_playwright() as playwright:
        browser = launched(playwright)
        try:
            yield browser
        finally:
            browser.close()


def launched(playwright: Playwright) -> Browser:
    """Start Chromium with the fonts of the machine: without any it dies, and our documents leave a process none."""
    env = {name: value for name, value in os.environ.items() if name != "FONTCONFIG_FILE"}
    return playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, env=env)


SLOW = "was preloaded using link preload but not used within a few seconds"
"""What Chromium says of the font where the machine needed longer to lay the page out: of the machine, not the page."""


def problems(
    page: Page, name: str, looks: tuple[Look, ...] = WIDE_AND_NARROW, *, readable: set[str] | None = None
) -> list[str]:
    """Return what is wrong with the page that is open, in each of ``looks``: it is loaded once and then made over.

    Texts whose look is among ``readable`` have the contrast that they need; what was found so here is added to it.

    Wrong is what axe finds, with every fold open, and a page that has to be moved sideways. The window must have been
    opened without motion: a colour half-way through its change is no colour of the page.
    """
    wrong, seen, readable = [], set[int](), set() if readable is None else readable
    page.evaluate("document.querySelectorAll('main details').forEach(details => { details.open = true })")
    page.evaluate(AXE_SCRIPT)
    for width, theme in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        look = f"{name} at {width} px, {theme}"
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        wrong += [f"{look}: {over} px too wide"] if over > 0 else []
        violations, found = page.evaluate(AXE, [width in seen, sorted(readable)])
        seen.add(width)
        readable.update(found)
        wrong += [f"{look}: {v['id']}: {node['html'][:160]}" for v in violations for node in v["nodes"]]
    return wrong


@dataclass
class Visitor:
    """Somebody's browser window, and everything its console said."""

    page: Page
    url: str
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.said.append(f"{self.page.url}: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if SLOW not in message.text:
            self.said.append(f"{self.page.url}: {message.text}")

    def open(self, path: str) -> None:
        """Go to a page, which must answer with success."""
        answer = self.page.goto(self.url + path, wait_until="load")
        assert answer is not None
        assert answer.ok, f"{path} answered {answer.status}"

    def sign_in(self, person: Person) -> None:
        """Fill in the sign-in form and come to the inbox."""
        self.open("/login")
        self.page.get_by_label("E-mail address").fill(person.email)
        self.page.get_by_label("Password").fill(person.password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(self.url + "/")

    def menu(self, name: str) -> None:
        """Follow a link of the main menu."""
        self.page.get_by_role("navigation", name="Main").get_by_role("link", name=name, exact=True).click()

    def found(self, path: str, pattern: str) -> str:
        """Return the first address on a page whose path is ``pattern``."""
        self.open(path)
        match = re.search(rf'href="({pattern})"', self.page.content())
        assert match, f"{path} has no link to {pattern}"
        return match[1]

    def problems(self, name: str, looks: tuple[Look, ...] = WIDE_AND_NARROW) -> list[str]:
        """Return what :func:`problems` finds on the page that is open, and leave it wide and light."""
        wrong = problems(self.page, name, looks)
        self.page.set_viewport_size({"width": 1440, "height": 900})
        self.page.emulate_media(color_scheme="light")
        return wrong

    def tab_to(self, selector: str) -> None:
        """Press the Tab key until the element that ``selector`` names has the focus."""
        for _ in range(TABS):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{TABS} presses of the Tab key do not reach {selector}")


@contextmanager
def visitor(browser: Browser, url: str) -> Iterator[Visitor]:
    """Open a window of a person's own, with no cookies; its console must have stayed silent when it closes."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    seen = Visitor(context.new_page(), url)
    try:
        yield seen
    finally:
        context.close()
    assert seen.said == [], seen.said
