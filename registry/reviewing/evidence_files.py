"""What of a piece of evidence can be taken away: the payload, its numbers as Parquet, each chart as SVG, its files."""

import io
import re
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import rfc8785
from django.conf import settings
from django.http import FileResponse, HttpResponse
from django.template.loader import render_to_string

from governance.common.errors import Unknown
from governance.evidence import storage
from governance.evidence.models import Evidence
from governance.evidence.numbers import FIELDS, numbers
from registry.reviewing.evidence_page import partial_context

LOCKED = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
SVG_LOCKED = LOCKED | {"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'"}
_CHART = re.compile(r"<svg [^>]*>\s*<title.*?</svg>", re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_VARIABLE = re.compile(r"(--[\w-]+):\s*([^;]+);")


def as_json(evidence: Evidence) -> HttpResponse:
    """Return the payload in the very bytes whose digest the log names."""
    return _attachment(rfc8785.dumps(evidence.payload), "application/json", f"{_stem(evidence)}.json")


def as_parquet(evidence: Evidence) -> HttpResponse:
    """Return every number of the payload as one flat table: path, value, interval, n, denominator, reason."""
    import pyarrow as pa  # heavy, and wanted by nobody else in the web process
    import pyarrow.parquet as pq

    rows = numbers(evidence.payload)
    kinds = {"path": pa.string(), "reason": pa.string(), "n": pa.int64(), "denominator": pa.int64()}
    columns: dict[str, Any] = {
        name: pa.array([_typed(getattr(row, name), kinds.get(name)) for row in rows], kinds.get(name, pa.float64()))
        for name in FIELDS
    }
    about = {"evidence": str(evidence.pk), "type": evidence.type, "payload_digest": evidence.payload_digest}
    out = io.BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata(about), out)
    return _attachment(out.getvalue(), "application/vnd.apache.parquet", f"{_stem(evidence)}.parquet")


def _typed(value: Any, kind: object) -> Any:
    return value if kind is not None or value is None else float(value)


def charts(evidence: Evidence) -> list[str]:
    """Return the charts of the page as SVG documents of their own, in the order in which they stand there."""
    partial, context = partial_context(evidence)
    if not partial:
        return []
    found = _CHART.findall(render_to_string(partial, context))
    return [_standing_alone(chart) for chart in found]


def chart_titles(evidence: Evidence) -> list[str]:
    """Return what each chart of the page is called, in the order of their places."""
    return [unescape(_TITLE.search(chart).group(1)) for chart in charts(evidence)]  # type: ignore[union-attr]


def as_svg(evidence: Evidence, place: int) -> HttpResponse:
    """Return one chart, by its place from 1 on.

    Raises:
        Unknown: the page has fewer.
    """
    drawn = charts(evidence)
    if not 1 <= place <= len(drawn):
        raise Unknown(f"This evidence has {len(drawn)} charts; there is no chart {place}.")
    name = f"{_stem(evidence)}-{place}.svg"
    return _attachment(drawn[place - 1].encode(), "image/svg+xml", name, headers=SVG_LOCKED)


def as_file(evidence: Evidence, name: str) -> FileResponse:
    """Return a file of the evidence, piece by piece, with everything in it forbidden.

    Raises:
        Unknown: it has no file of that name, or its bytes are not what was put there.
    """
    digest = evidence.files.get(name)
    if digest is None:
        raise Unknown(f"This evidence has no file {name[:80]}.")
    return FileResponse(
        storage.open_checked(digest),
        as_attachment=True,
        filename=name,
        content_type="application/octet-stream",
        headers=LOCKED,
    )


def _attachment(content: bytes, kind: str, name: str, *, headers: dict[str, str] = LOCKED) -> HttpResponse:
    more = {"Content-Disposition": f'attachment; filename="{name}"', **headers}
    return HttpResponse(content, content_type=kind, headers=more)


def _stem(evidence: Evidence) -> str:
    """Return a file name that says what it is: ``fairness-credit-risk-2-3f2a90c1``."""
    subject = re.sub(r"[^A-Za-z0-9]+", "-", evidence.subject_name).strip("-")[:60]
    return f"{evidence.type.partition('/')[0]}-{subject}-{evidence.payload_digest[7:15]}"


def _standing_alone(chart: str) -> str:
    """Make a chart of a page a document of its own: with its name space, and the page's colours for paper."""
    head, _, rest = chart.partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{_style()}</style>{rest}'


@cache
def _style() -> str:
    """Return those rules of the style sheet that draw charts, in the colours of a light page."""
    sheet = re.sub(r"/\*.*?\*/", "", (Path(settings.BASE_DIR) / "static" / "app.css").read_text(), flags=re.DOTALL)
    root = sheet.partition(":root {")[2].partition("}")[0]
    light = {name: re.sub(r"light-dark\(([^,]+),.*\)", r"\1", value) for name, value in _VARIABLE.findall(root)}
    plain = sheet.partition("@media")[0]
    rules = [
        f"{selector.strip()} {{{_resolved(body, light)}}}"
        for selector, body in _RULE.findall(plain)
        if "x-c-" in selector or "svg.x-" in selector
    ]
    return " ".join(rules)


def _resolved(body: str, variables: dict[str, str]) -> str:
    for _ in range(3):  # a variable may name another
        body = re.sub(r"var\((--[\w-]+)\)", lambda found: variables.get(found[1], "sans-serif"), body)
    return body
