"""Every page renders from plain contexts: strict policy, named tables, labelled fields, honest words."""

import hashlib
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from governance.common import clock
from governance.common.icons import ICONS
from governance.common.templatetags import charts as chart_tags
from governance.common.templatetags import placet
from tests.common import pages, samples

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "static" / "vendor"
DASH, MINUS, TIMES = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
VOID = {
    "area",
    "base",
    "br",
    "col",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "wbr",
    "path",
    "rect",
    "line",
    "circle",
    "polyline",
}
pytestmark = pytest.mark.urls("tests.common.urls")


class Page(HTMLParser):
    """A page as a list of elements with their attributes, the text, and whether tags close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag, f"</{tag}> closes another element at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element called ``tag``."""
        return [attrs for name, attrs in self.elements if name == tag]


def rendered(name: str, **changes: Any) -> str:
    """One page as HTML."""
    if not changes:
        return as_it_is(name)
    template, make = pages.PAGES[name]
    return str(render_to_string(template, {**samples.header(), "csrf_token": "token", **make(), **changes}))


@cache
def as_it_is(name: str) -> str:
    """One page as HTML, drawn once for every test that reads it."""
    template, make = pages.PAGES[name]
    return str(render_to_string(template, {**samples.header(), "csrf_token": "token", **make()}))


EVERY = pytest.mark.parametrize("name", pages.PAGES)


@EVERY
def test_a_page_closes_its_elements_and_uses_each_id_once(name: str) -> None:
    page = Page(rendered(name))
    assert page.open == []
    ids = [attrs["id"] or "" for _, attrs in page.elements if attrs.get("id")]
    assert sorted(ids) == sorted(set(ids))
    for _, attrs in page.elements:
        for pointer in ("aria-labelledby", "aria-describedby", "for"):
            assert set((attrs.get(pointer) or "").split()) <= set(ids), attrs


@EVERY
def test_a_page_keeps_to_the_strict_policy(name: str) -> None:
    page = Page(rendered(name))
    for tag, attrs in page.elements:
        assert "style" not in attrs, (tag, attrs)
        assert not [key for key in attrs if key.startswith("on") or key.startswith("hx-on")], (tag, attrs)
        assert tag != "style"
        assert not any(
            (attrs.get(key) or "").startswith(("http:", "https:", "//", "javascript:"))
            for key in ("src", "href", "action")
        )
    assert all(attrs.get("src") for attrs in page.all("script")), "no script without a file"


@EVERY
def test_every_table_has_a_caption_and_scoped_headings(name: str) -> None:
    page = Page(rendered(name))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("table") == tags.count("caption")
    assert all(attrs.get("scope") in {"col", "colgroup", "row"} for attrs in page.all("th"))


@EVERY
def test_every_field_has_a_name_that_is_read_aloud(name: str) -> None:
    html = rendered(name)
    page = Page(html)
    labels = {attrs["for"] for attrs in page.all("label") if attrs.get("for")}
    for attrs in page.all("input") + page.all("select") + page.all("textarea"):
        silent = attrs.get("type") in {"hidden", "radio", "checkbox"} or "hidden" in attrs
        assert silent or attrs.get("id") in labels, attrs
    assert all(attrs.get("type") for attrs in page.all("button"))


@EVERY
def test_a_page_never_claims_compliance(name: str) -> None:
    text = " ".join(Page(rendered(name)).text).lower()
    assert not re.search(r"\bcomplian", text)


@EVERY
def test_nothing_of_the_template_language_is_left_over(name: str) -> None:
    html = rendered(name)
    assert not re.search(r"\{%|\{\{|\{#|#\}|%\}|%%", html)
    assert "None" not in " ".join(Page(html).text).replace("None:", "").replace("None.", "")


@EVERY
def test_a_page_survives_an_empty_context(name: str) -> None:
    template, _ = pages.PAGES[name]
    uid = {"pk": samples.UID}
    bones = {
        "approval": uid,
        "promotion": uid,
        "policy": uid,
        "progress": None,
        "entry": {"index": 0},
        "until": samples.NOW,
    }
    Page(render_to_string(template, {**samples.header(), **bones}))


def test_every_form_that_changes_something_posts_with_a_token() -> None:
    for name in pages.PAGES:
        for form in re.findall(r"<form.*?</form>", rendered(name), re.DOTALL):
            if 'method="post"' in form:
                assert "csrfmiddlewaretoken" in form, name
            else:
                assert 'method="get"' in form, name


def test_whoever_signs_in_by_a_provider_can_sign_wherever_a_password_would() -> None:
    """Only the sign-in form asks for a password alone: elsewhere the provider's word may stand for it."""
    templates = Path("templates")
    alone = [
        str(path.relative_to(templates))
        for path in templates.rglob("*.html")
        if 'type="password"' in (text := path.read_text()) and "sign_again" not in text
    ]
    assert alone == ["registration/login.html"]


def test_the_decision_panel_offers_three_verdicts_and_asks_for_the_password() -> None:
    page = Page(rendered("review"))
    verdicts = [
        attrs["value"]
        for attrs in page.all("input")
        if attrs.get("name") == "verdict" and attrs["value"] not in {"accepted", "rejected"}
    ]
    assert verdicts == ["approve", "request_changes", "reject"]
    rationale = next(attrs for attrs in page.all("textarea") if attrs["name"] == "rationale")
    assert rationale["minlength"] == "30"
    assert "required" in rationale
    assert any(attrs.get("name") == "no_conflict" and "required" in attrs for attrs in page.all("input"))
    assert any(
        attrs.get("name") == "password" and attrs["autocomplete"] == "current-password" for attrs in page.all("input")
    )


def test_a_refused_form_keeps_the_words_and_points_at_the_errors() -> None:
    html = rendered("review-errors")
    page = Page(html)
    rationale = next(attrs for attrs in page.all("textarea") if attrs["name"] == "rationale")
    assert rationale["aria-invalid"] == "true"
    assert rationale["aria-describedby"] == "rationale-e"
    assert ">Too short</textarea>" in html
    assert "This is not your password." in html
    approve = next(attrs for attrs in page.all("input") if attrs.get("value") == "approve")
    assert "disabled" in approve
    assert "One check waits for a human review" in html


def test_who_may_not_decide_reads_why_and_gets_no_form() -> None:
    html = rendered("review", **samples.review(allowed=False))
    assert "You requested this version: somebody else decides." in html
    assert "reviews/" + samples.UID + "/decide" not in html
    assert "Only a validator may sign this review." in html


def test_what_people_wrote_is_escaped() -> None:
    context = samples.review()
    context["stages"][0]["decisions"][0]["rationale"] = "<script>alert(1)</script>"
    context["checks"][0] |= {"title": "<b>bold</b>", "id": '"><script>'}
    html = rendered("review", **context)
    context["stages"][0]["decisions"][0]["rationale"] = "I reproduced all evidence from the pinned data."
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<b>bold</b>" not in html


def test_progress_asks_again_only_while_a_job_runs() -> None:
    running = render_to_string("registry/_progress.html", {"progress": samples.progress()})
    assert 'hx-trigger="every 2s"' in running
    assert "1,240 of 2,000" in running
    stopped = render_to_string("registry/_progress.html", {"progress": samples.progress(running=False)})
    assert "hx-trigger" not in stopped
    assert "hx-get" not in stopped
    assert "Declare it in log_evaluation_data" in stopped


def test_the_log_shows_three_verdicts_and_what_each_does_not_show() -> None:
    html = rendered("audit-entry")
    assert html.count("What it does not show.") == 3
    assert [word for word in ("Integrity", "Completeness", "Anchoring") if word in html] == [
        "Integrity",
        "Completeness",
        "Anchoring",
    ]
    assert "not shown" in html


def test_an_outcome_is_an_icon_and_a_word() -> None:
    for word in placet.BADGES:
        html = placet.badge(word)
        assert "<svg" in html
        assert re.sub(r"<[^>]+>", "", html).strip()
    assert "something else" in placet.badge("something_else")


def test_every_icon_that_a_badge_or_template_names_exists() -> None:
    named = {name for name, _, _ in placet.BADGES.values()}
    for path in (ROOT / "templates").rglob("*.html"):
        source = path.read_text()
        named |= set(re.findall(r'{% icon "(\w+)"', source)) | set(re.findall(r'{% pill "\w+" "(\w+)"', source))
    assert named <= ICONS.keys()


def test_every_class_of_our_own_that_a_template_uses_has_a_style() -> None:
    css = (ROOT / "static" / "app.css").read_text()
    styled = set(re.findall(r"\.(x-[\w-]+)", css))
    used: set[str] = set()
    for name in pages.PAGES:
        for _, attrs in Page(rendered(name)).elements:
            used |= {cls for cls in (attrs.get("class") or "").split() if cls.startswith("x-")}
    assert used - styled == set()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.93, "0.930"),
        (-0.5, f"{MINUS}0.500"),
        (1240, "1,240"),
        (None, DASH),
        ("0.0160", "0.016"),
        (Decimal(2), "2.000"),
        (300.0, "300"),
        (float("nan"), DASH),
        (True, DASH),
    ],
)
def test_numbers_have_a_real_minus_and_none_is_a_dash(value: object, expected: str) -> None:
    assert placet.number(value) == expected


def test_small_numbers_are_powers_of_ten_and_never_zero() -> None:
    assert placet.number(3.1e-7) == f"3 {TIMES} 10<sup>{MINUS}7</sup>"
    assert placet.tiny(9.7e-7) == f"1 {TIMES} 10<sup>{MINUS}6</sup>"
    assert placet.tiny(0) == "0"
    assert isinstance(placet.tiny(1e-9), SafeString)


def test_a_minus_before_a_power_of_ten_is_a_real_one() -> None:
    assert placet.tiny(-4e-7) == f"{MINUS}4 {TIMES} 10<sup>{MINUS}7</sup>"


@pytest.mark.parametrize(
    ("difference", "tolerance", "said"),
    [(3e-18, 1e-9, False), (-0.02, 1e-9, True), (0.0, None, False), (1e-9, None, True), (None, 1e-9, False)],
)
def test_a_difference_counts_beyond_what_counts_as_none(
    difference: float | None, tolerance: float | None, said: bool
) -> None:
    assert placet.beyond(difference, tolerance) is said


def test_what_changed_in_a_text_is_marked_word_by_word_and_stays_text() -> None:
    before, after = "auc.low >= 0.65 <b>", "auc.low >= 0.6 <b>"
    assert placet.gone(before, after) == 'auc.low &gt;= <del class="x-del">0.65</del> &lt;b&gt;'
    assert placet.come(before, after) == 'auc.low &gt;= <ins class="x-ins">0.6</ins> &lt;b&gt;'
    assert placet.gone("one <i>", "quite another") == "one &lt;i&gt;"
    assert "<del" not in placet.gone("a b " * 200, "a c " * 200)  # too long to compare word by word in a request


def test_the_calendar_shows_a_year_from_the_first_month_that_counts() -> None:
    with clock.frozen(datetime(2026, 11, 23, tzinfo=UTC)):
        year = placet.months_ahead(
            [{"month": date(2027, 1, 1), "rows": [1, 2]}, {"month": date(2028, 5, 1), "rows": [3]}]
        )
    assert [row["first"] for row in year[:3]] == [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
    assert (len(year), [row["count"] for row in year[:3]], year[-1]["first"]) == (12, [0, 0, 2], date(2027, 10, 1))


def test_a_rate_prints_its_own_denominator() -> None:
    assert placet.fraction({"value": 64 / 93, "denominator": 93}) == "64 / 93"
    assert placet.fraction({"value": None, "denominator": 93}) == f"{DASH} / 93"
    assert placet.fraction({"value": 0.5, "n": 300}) == ""


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (51, "51 s"),
        (24.44, "24 s"),
        (1.5, "1.5 s"),
        (98, "1 min 38 s"),
        (timedelta(hours=3, minutes=4), "3 h 04 min"),
        (timedelta(days=1, hours=8), "1 day 8 h"),
        (timedelta(hours=-2), "2 h"),
        (timedelta(days=14), "14 days"),
        (None, DASH),
    ],
)
def test_lengths_of_time_show_two_units(length: timedelta | float | None, expected: str) -> None:
    assert placet.duration(length) == expected


def test_times_are_utc_whatever_the_zone_they_came_in() -> None:
    assert placet.utc("2026-11-23T19:00:00.123456+01:00") == "23 Nov 2026, 18:00 UTC"
    assert placet.utc(datetime(2026, 11, 23, 18, 0, tzinfo=UTC)) == "23 Nov 2026, 18:00 UTC"
    assert placet.utc("not a time") == placet.utc(None) == DASH
    assert placet.day("2026-12-11") == "11 Dec 2026"


def test_a_digest_keeps_its_algorithm_and_both_ends() -> None:
    assert placet.short("sha256:" + "8d41f6" + "0" * 54 + "7b90") == "sha256:8d41f6…7b90"
    assert placet.short("") == DASH


@pytest.mark.parametrize(
    ("difference", "better", "expected"),
    [
        ((0.01, 0.03), "higher", "Better, shown"),
        ((0.01, 0.03), "lower", "Worse, shown"),
        ((-0.03, -0.01), "lower", "Better, shown"),
        ((-0.01, 0.03), "higher", "Not shown"),
        ((None, None), "higher", "Not shown"),
    ],
)
def test_a_difference_is_shown_only_when_its_interval_excludes_zero(
    difference: tuple[float | None, float | None], better: str, expected: str
) -> None:
    metric = {"better": better, "difference": {"value": 0.02, "low": difference[0], "high": difference[1]}}
    assert chart_tags.reading(metric)["word"] == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.81, 0.99, "pass"), (0.5, 0.79, "fail"), (0.7, 0.9, "insufficient"), (None, None, "insufficient")],
)
def test_a_group_passes_only_with_its_whole_interval(low: float | None, high: float | None, expected: str) -> None:
    group = {"group": "b", "compared": True, "selection_ratio": {"value": 0.8, "low": low, "high": high}}
    assert chart_tags.group_outcome(group, "a", 0.8) == expected
    assert chart_tags.group_outcome(group | {"compared": False}, "a", 0.8) == "not_compared"
    assert chart_tags.group_outcome(group, "b", 0.8) == "reference"


def test_vendored_files_are_those_of_the_list() -> None:
    lines = [line.split("  ") for line in (VENDOR / "SHA256SUMS").read_text().splitlines()]
    listed = {name: digest for digest, name in lines}
    assert {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in listed} == listed
    present = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.suffix in {".css", ".js", ".woff2"}}
    assert present <= listed.keys()


def test_the_lock_file_names_no_registry_and_the_readme_its_versions() -> None:
    lock = json.loads((VENDOR / "package-lock.json").read_text())
    readme = (VENDOR / "README.md").read_text()
    for name, version in lock["packages"][""]["dependencies"].items():
        assert f"`{name}`" in readme
        assert f"| {version} |" in readme
    assert all("resolved" not in package for package in lock["packages"].values())
