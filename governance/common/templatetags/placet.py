"""Words, numbers, times, digests and badges as the pages show them. A badge is an icon and a word."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.utils.dateformat import format as format_date
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.html import conditional_escape, escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext

from governance.common import clock
from governance.common.charts import plain
from governance.common.icons import ICONS

WORDS, MOST_MARKED = re.compile(r"\s+|[\w.-]+|[^\w\s]"), 200
register = template.Library()

DASH = "\N{EN DASH}"

# word -> (icon, tone, label). Tones are classes x-ok, x-bad, x-warn, x-info, x-neutral, x-quiet.
BADGES: dict[str, tuple[str, str, Any]] = {
    # outcome of a check
    "pass": ("check", "ok", gettext_lazy("Pass")),
    "fail": ("x", "bad", gettext_lazy("Fail")),
    "insufficient": ("question", "warn", gettext_lazy("Insufficient")),
    "missing": ("empty", "neutral", gettext_lazy("Missing")),
    "not_applicable": ("minus", "quiet", gettext_lazy("Not applicable")),
    # verdict of a policy
    "ALLOW": ("check", "ok", "ALLOW"),
    "HOLD": ("pause", "warn", "HOLD"),
    "BLOCK": ("ban", "bad", "BLOCK"),
    # approval request
    "collecting": ("clock", "info", gettext_lazy("Collecting evidence")),
    "in_review": ("eye", "info", gettext_lazy("In review")),
    "changes_requested": ("back", "warn", gettext_lazy("Changes requested")),
    "rejected": ("x", "bad", gettext_lazy("Rejected")),
    "approved": ("gavel", "ok", gettext_lazy("Approved")),
    "suspended": ("pause", "warn", gettext_lazy("Suspended")),
    "revoked": ("ban", "bad", gettext_lazy("Revoked")),
    "lapsed": ("hourglass", "warn", gettext_lazy("Lapsed")),
    "renewed": ("refresh", "neutral", gettext_lazy("Renewed")),
    "expired": ("hourglass", "neutral", gettext_lazy("Expired")),
    "withdrawn": ("minus", "quiet", gettext_lazy("Withdrawn")),
    "signed": ("check", "ok", gettext_lazy("Signed")),
    # promotion request
    "requested": ("clock", "info", gettext_lazy("Requested")),
    "applying": ("refresh", "info", gettext_lazy("Applying")),
    "applied": ("bolt", "ok", gettext_lazy("Applied")),
    "superseded": ("history", "neutral", gettext_lazy("Superseded")),
    "rolled_back": ("back", "warn", gettext_lazy("Rolled back")),
    "failed": ("x", "bad", gettext_lazy("Failed")),
    # change of an alias; mode of the gate
    "asked": ("clock", "info", gettext_lazy("On its way")),
    "observe": ("eye", "warn", gettext_lazy("Observe")),
    "warn": ("warning", "warn", gettext_lazy("Warn")),
    "block": ("lock", "ok", gettext_lazy("Block")),
    # evidence job
    "queued": ("circle", "quiet", gettext_lazy("Waiting")),
    "running": ("clock", "info", gettext_lazy("Running")),
    "done": ("check", "ok", gettext_lazy("Done")),
    "succeeded": ("check", "ok", gettext_lazy("Done")),
    "cancelled": ("minus", "neutral", gettext_lazy("Cancelled")),
    "lost": ("clock", "neutral", gettext_lazy("Worker lost, started again")),
    "computed": ("measured", "info", gettext_lazy("Computed")),
    "submitted": ("person", "info", gettext_lazy("Submitted")),
    # decision of a person
    "approve": ("gavel", "ok", gettext_lazy("Approved")),
    "request_changes": ("back", "warn", gettext_lazy("Changes requested")),
    "reject": ("x", "bad", gettext_lazy("Rejected")),
    "accepted": ("eye", "ok", gettext_lazy("Accepted")),
    # an answer of a system's record
    "given": ("declared", "info", gettext_lazy("Given")),
    "returned": ("back", "warn", gettext_lazy("Returned")),
    # a risk whose residual waits for a second person
    "treated": ("declared", "info", gettext_lazy("Treated")),
    # a notice, or the answer to a request
    "sent": ("check", "ok", gettext_lazy("Sent")),
    # a change of a policy
    "loosens": ("warning", "bad", gettext_lazy("Loosens")),
    "tightens": ("lock", "ok", gettext_lazy("Tightens")),
    "neutral": ("minus", "quiet", gettext_lazy("Neutral")),
    # drift and alerts
    "stable": ("check", "ok", gettext_lazy("Stable")),
    "drift": ("warning", "bad", gettext_lazy("Drift")),
    "watch": ("eye", "warn", gettext_lazy("Watch")),
    "breach": ("warning", "bad", gettext_lazy("Breach")),
    "open": ("warning", "bad", gettext_lazy("Open")),
    "acknowledged": ("eye", "warn", gettext_lazy("Acknowledged")),
    "resolved": ("check", "ok", gettext_lazy("Resolved")),
    "closed": ("check", "ok", gettext_lazy("Closed")),
    # lifecycle of a system, gate mode
    "proposed": ("clock", "info", gettext_lazy("Proposed")),
    "live": ("bolt", "info", gettext_lazy("Live")),
    "retired": ("history", "neutral", gettext_lazy("Retired")),
    "grandfathered": ("history", "warn", gettext_lazy("Grandfathered")),
    "unapproved": ("warning", "bad", gettext_lazy("Unapproved")),
    # paragraphs of a document
    "measured": ("measured", "ok", gettext_lazy("Measured")),
    "declared": ("declared", "info", gettext_lazy("Declared")),
    # the three verdicts on the log
    "holds": ("check", "ok", gettext_lazy("holds")),
    "fails": ("x", "bad", gettext_lazy("fails")),
    "not shown": ("question", "warn", gettext_lazy("not shown")),
    "anchored": ("anchor", "ok", gettext_lazy("Anchored")),
    "pending": ("clock", "neutral", gettext_lazy("Next anchor")),
}


@register.simple_tag
def icon(name: str, tone: str = "") -> SafeString:
    """Return the icon called ``name`` (see icons.py) as decorative inline SVG; ``tone`` is ok, bad, warn or info.

    Raises:
        KeyError: there is no such icon.
    """
    paths = format_html_join("", '<path d="{}"/>', ((path,) for path in ICONS[name]))
    css = f"x-icon x-t-{tone}" if tone else "x-icon"
    return format_html('<svg class="{}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>', css, paths)


@register.simple_tag
def options(rows: Iterable[Any], chosen: object = "", value: str = "", label: str = "") -> SafeString:
    """Return the options of a choice. A bank's choice of AI systems has a thousand, which a template's loop is slow at.

    Args:
        rows: pairs of a value and what it is called, or mappings that hold both.
        chosen: the value that is chosen; values are compared as they are written.
        value, label: the keys of the mappings.
    """
    pairs = ((row[value], row[label]) for row in rows) if value else rows
    picked = None if chosen is None else str(chosen)
    html = [
        f'<option value="{escape(given)}"{" selected" if str(given) == picked else ""}>{escape(said)}</option>'
        for given, said in pairs
    ]
    return SafeString("".join(html))  # both parts are escaped above


@register.simple_tag
def badge(word: object, label: object = "") -> SafeString:
    """Return the badge of a state, outcome or verdict; an unknown word gets a neutral one with the word itself."""
    key = str(getattr(word, "value", word) or "")
    name, tone, text = BADGES.get(key, ("circle", "neutral", key.replace("_", " ") or DASH))
    return format_html('<span class="x-pill x-{}">{}{}</span>', tone, icon(name), label or text)


@register.simple_tag
def pill(tone: str, icon_name: str, text: object) -> SafeString:
    """Return a badge with words of the page's own."""
    return format_html('<span class="x-pill x-{}">{}{}</span>', tone, icon(icon_name), text)


@register.filter
def tone(word: object) -> str:
    """Return the tone of a state, outcome or verdict: ok, bad, warn, info, neutral or quiet."""
    return BADGES.get(str(getattr(word, "value", word)), ("", "neutral", ""))[1]


@register.filter
def word(state: object) -> str:
    """Return the words of a state, outcome or verdict."""
    key = str(getattr(state, "value", state) or "")
    return str(BADGES[key][2]) if key in BADGES else key.replace("_", " ")


@register.filter
def counts_text(counts: Mapping[str, int] | None) -> str:
    """Say how many checks came out how, worst first: ``2 insufficient, 9 pass``."""
    order = ("fail", "insufficient", "missing", "pass", "not_applicable")
    return (
        ", ".join(f"{counts[o]} {word(o).lower()}" for o in order if counts.get(o))
        if counts
        else gettext("no check yet")
    )


@register.filter
def short(digest: object) -> str:
    """Shorten ``sha256:<64 hex>`` to ``sha256:8d41f6…7b90``; other hex of 40 digits and more to ``8d41f6…7b90``."""
    text = str(digest or "")
    head, sep, tail = text.rpartition(":")
    return f"{head}{sep}{tail[:6]}…{tail[-4:]}" if len(tail) >= 40 else text or DASH


@register.simple_tag
def digest(value: object) -> SafeString:
    """Return a digest in its short form, the whole of it in the title."""
    return format_html('<span class="x-mono" title="{}">{}</span>', value or "", short(value))


@register.filter
def utc(value: object) -> str:
    """Write a time as ``23 Nov 2026, 18:00 UTC``; accepts aware datetimes and RFC 3339 text. None is a dash."""
    moment = _moment(value)
    return f"{format_date(moment, 'j M Y, H:i')} UTC" if moment else DASH


@register.filter
def utc_short(value: object) -> str:
    """Write a time of this year's lists as ``23 Nov, 18:00 UTC``."""
    moment = _moment(value)
    return f"{format_date(moment, 'j M, H:i')} UTC" if moment else DASH


@register.filter
def utc_seconds(value: object) -> str:
    """Write a time as ``23 Nov 2026, 18:00:05 UTC``."""
    moment = _moment(value)
    return f"{format_date(moment, 'j M Y, H:i:s')} UTC" if moment else DASH


@register.filter
def day(value: object) -> str:
    """Write a date or the UTC day of a time as ``23 Nov 2026``."""
    if isinstance(value, str) and (parsed := parse_date(value)):
        value = parsed
    if isinstance(value, date) and not isinstance(value, datetime):
        return format_date(value, "j M Y")
    moment = _moment(value)
    return format_date(moment, "j M Y") if moment else DASH


@register.simple_tag
def when(value: object, form: str = "utc") -> SafeString:
    """Return a ``<time>`` element; ``form`` is utc, utc_seconds or day."""
    moment = _moment(value)
    text = {"utc": utc, "utc_seconds": utc_seconds, "day": day}[form](value)
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), text) if moment else format_html("{}", text)


@register.filter
def duration(value: timedelta | Decimal | float | None) -> str:
    """Write a length of time in its two largest units: ``3 h 04 min``, ``1 day 8 h``, ``51 s``. Takes seconds too."""
    if value is None or value == "":
        return DASH
    seconds = abs(value.total_seconds() if isinstance(value, timedelta) else float(value))
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 or seconds == int(seconds) else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    text = ngettext("{days} day", "{days} days", days).format(days=days)
    return f"{text} {hours} h" if hours and days < 10 else text


@register.filter
def number(value: object, digits: int | None = None) -> str:
    """Write a number with a real minus sign and grouped thousands; None is a dash.

    Without ``digits``: none for whole numbers, three for others, a power of ten where three would show only zeros.
    """
    amount = amount_of(value)
    if amount is None:
        return DASH
    if digits is None:
        if 0 < abs(amount) < 5e-4:
            return tiny(value)
        digits = 0 if isinstance(value, int) or (amount == int(amount) and abs(amount) >= 10) else 3
    return plain(amount, int(digits))


@register.filter
def signed(value: object, digits: int = 3) -> str:
    """Write a difference with its sign."""
    return plain(amount_of(value), int(digits), signed=True)


@register.filter
def percent(value: object, digits: int = 0) -> str:
    """Write a share in 0 to 1 as ``31 %``."""
    amount = amount_of(value)
    return DASH if amount is None else f"{plain(100 * amount, int(digits))} %"


@register.filter
def tiny(value: object) -> SafeString | str:
    """Write a residual: ``0``, a power of ten below a thousandth, else three decimals."""
    amount = amount_of(value)
    if amount is None:
        return DASH
    if amount == 0:
        return "0"
    power = math.floor(math.log10(abs(amount)))
    if power >= -3:
        return plain(amount, 3)
    # 9.6e-7 rounds to 10e-7, which reads as 1e-6.
    lead = round(amount / 10.0**power)
    lead, power = (lead // 10, power + 1) if abs(lead) == 10 else (lead, power)
    return format_html("{} \N{MULTIPLICATION SIGN} 10<sup>{}</sup>", plain(lead, 0), plain(power, 0))


@register.filter
def beyond(value: object, tolerance: object) -> bool:
    """Say whether a difference is larger than what counts as none; with no tolerance stated, every difference is."""
    amount, most = amount_of(value), amount_of(tolerance)
    return amount is not None and abs(amount) > (most or 0.0)


@register.filter
def interval(estimate: object, digits: int = 2) -> str:
    """Write the interval of ``{"low", "high"}`` as ``0.79 to 1.09``; empty when there is none."""
    low, high = amount_of(field(estimate, "low")), amount_of(field(estimate, "high"))
    return (
        "" if low is None or high is None else f"{plain(low, int(digits))} {gettext('to')} {plain(high, int(digits))}"
    )


@register.filter
def signed_interval(estimate: object, digits: int = 3) -> str:
    """Write the interval of a difference with signs."""
    low, high = amount_of(field(estimate, "low")), amount_of(field(estimate, "high"))
    if low is None or high is None:
        return ""
    return f"{plain(low, int(digits), signed=True)} {gettext('to')} {plain(high, int(digits), signed=True)}"


@register.filter
def fraction(estimate: object) -> str:
    """Write a rate's own count and denominator: ``64 / 93``; empty where the estimate names no denominator."""
    value, denominator = amount_of(field(estimate, "value")), amount_of(field(estimate, "denominator"))
    if not denominator:
        return ""
    return f"{plain(round(value * denominator), 0) if value is not None else DASH} / {plain(denominator, 0)}"


@register.simple_tag
def limit_text(limit: object, better: object = "higher") -> str:
    """Write a limit as the side that passes: ``≥ 0.8``; a dash when the check has none."""
    amount = amount_of(limit)
    if amount is None:
        return DASH
    sign = "\N{LESS-THAN OR EQUAL TO}" if better == "lower" else "\N{GREATER-THAN OR EQUAL TO}"
    return f"{sign} {plain(amount, 0 if amount == int(amount) else max(2, _decimals(amount)))}"


@register.simple_tag
def gone(before: str, after: str) -> SafeString:
    """Return ``before`` with the words marked that ``after`` has no more."""
    return _marked(before, after, "del", "x-del")


@register.simple_tag
def come(before: str, after: str) -> SafeString:
    """Return ``after`` with the words marked that ``before`` did not have."""
    return _marked(after, before, "ins", "x-ins")


def _marked(text: str, other: str, element: str, css: str) -> SafeString:
    """Mark the words of a text that another lacks; where the whole differs, marks would say nothing."""
    words, others = WORDS.findall(text), WORDS.findall(other)
    matcher = difflib.SequenceMatcher(None, words, others, autojunk=False)
    if len(words) > MOST_MARKED or len(others) > MOST_MARKED or matcher.ratio() < 0.3:
        return format_html("{}", text)
    parts = []
    for kind, start, end, *_ in matcher.get_opcodes():
        said = "".join(words[start:end])
        whole = kind == "equal" or not said.strip()
        parts.append(
            format_html("{}", said) if whole else format_html('<{0} class="{1}">{2}</{0}>', element, css, said)
        )
    return SafeString("".join(parts))


@register.simple_tag
def months_ahead(months: Sequence[Mapping[str, Any]], many: int = 12) -> list[dict[str, Any]]:
    """Return this month and those after it, each with how many ``rows`` it has: ``{"first", "count"}``."""
    counts = {row["month"]: len(row["rows"]) for row in months}
    at = min([clock.now().date().replace(day=1), *counts])
    firsts = [date(at.year + (at.month - 1 + n) // 12, (at.month - 1 + n) % 12 + 1, 1) for n in range(many)]
    return [{"first": first, "count": counts.get(first, 0)} for first in firsts]


@register.filter
def get(mapping: object, key: object) -> Any:
    """Return ``mapping[key]`` (or the attribute), None where it is absent."""
    return field(mapping, str(key))


def field(source: object, name: str) -> Any:
    """Return a key of a mapping or an attribute of an object; None where it is absent."""
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)


def amount_of(value: object) -> float | None:
    """Return a finite float of a number or decimal text; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str) or value == "":
        return None
    try:
        amount = float(value)
    except ValueError:
        return None
    return amount if math.isfinite(amount) else None


def _decimals(amount: float) -> int:
    """How many decimals ``amount`` is written with, four at most."""
    return min(4, len(f"{amount:.4f}".rstrip("0").partition(".")[2]))


def _moment(value: object) -> datetime | None:
    """Return an aware UTC time of a datetime or RFC 3339 text; None for everything else."""
    if isinstance(value, str):
        value = parse_datetime(conditional_escape(value))
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
