"""Snapshots in which everything that people, models and other systems write is hostile, and what becomes of it.

``spoiled`` changes each text of a snapshot but those that ``kept`` names; what is kept, and why, stands there alone.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

from governance.regulation import record
from reports.documents import glyphs

# Nobody types these: Placet makes them, which their shape shows.
SHAPES = re.compile(
    r"(sha256:)?[0-9a-f]{64}"  # digests
    r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # ids of rows
    r"|\d{4}-\d\d-\d\d(T[\d:.]+Z)?"  # days and times
    r"|(PR|INC|VAL|C)-\d+"  # numbers of rows
    r"|(Annex|Art) [\w.]+"  # points of the Act
    r"|[a-z_]+/v\d|placet-snapshot/\d"  # formats
)
# Out of closed lists that the database or the schema of an evidence keeps: another value is in no snapshot, and what a
# document says turns on them.
# fmt: off
CHOICES = frozenset({
    "ai_act_class", "ai_roles", "better", "change_class", "documents", "drift", "due", "event", "id", "kind", "kinds",
    "lifecycle_state", "method", "occasion", "on_fail", "on_insufficient", "opinion", "origin", "outcome", "output",
    "owed_by", "points", "question", "roles", "severity", "signal", "signature", "state", "task", "type", "validation",
    "verdict",
})
# fmt: on
# Placet's own words: the law, the questions that it asked, who owes what, and what it calls the lines of an incident.
OURS = frozenset({"law", "trace", "owners", "lines.label", "sections.title", "record.title", "record.missing"})
# Objects whose names are somebody's too.
NAMED = frozenset({"parameters", "packages", "libraries"})
CHOSEN = frozenset(choice for row in record.load().questions.values() for choice in row.choices)


@contextmanager
def redirecting_server() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback, and what was asked of it; every answer is a redirect to a file."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def kept(key: str, text: str) -> bool:
    """Say whether a text stays as it is: nobody writes it freely."""
    shaped = not text or bool(SHAPES.fullmatch(text)) or text in CHOSEN
    return shaped or key in CHOICES or key.endswith("role")


def kinds_of_words(server: str) -> list[str]:
    """Return each kind of text that means harm: markup that asks ``server``, templates, turned and rare letters."""
    return [
        f'"></p><img src={server}/i onerror=a()>',
        f"<script>fetch('{server}/j')</script>",
        f"<style>p{{background:url({server}/b)}}</style>",
        "<svg onload=b()><image href='file:///etc/passwd'/></svg>",
        "<a href=javascript:c()>{{ d }}{% e %}&#x202e;",
        "\u202etxt\u202c\u05e9\u05dc \u0645\u0631 \x07",
        "\u6f22\u5b57\u304b\u306a\ud55c\uae00 \U0001f642\U0001f469\u200d\u2696",
    ]


def words_of(server: str) -> str:
    """Return all kinds at once."""
    return "".join(kinds_of_words(server))


class Spoiled:
    """A spoiled snapshot: each text begins with ``[h7]`` and ends with ``[/h7]``; ``words`` has what is new."""

    def __init__(self, snapshot: dict[str, Any], more: Sequence[str]) -> None:
        self.more = more
        self._numbers = count(1)
        self.words: dict[str, str] = {}
        self._made: dict[str, str] = {}  # the same words stay the same: rows refer to each other by them
        self.snapshot: dict[str, Any] = self._of(snapshot, "", "")

    def _of(self, value: Any, above: str, key: str) -> Any:
        if {key, f"{above}.{key}"} & OURS:
            return value
        if isinstance(value, dict):
            names = {name: self._text(name) if key in NAMED else name for name in value}
            return {names[name]: self._of(part, key, name) for name, part in value.items()}
        if isinstance(value, list):
            return [self._of(part, above, key) for part in value]
        return self._text(value) if isinstance(value, str) and not kept(key, value) else value

    def _text(self, value: str) -> str:
        if value not in self._made:
            number = next(self._numbers)
            self.words[str(number)] = self.more[number % len(self.more)]
            self._made[value] = f"[h{number}]{value} {self.words[str(number)]}[/h{number}]"
        return self._made[value]


def spoiled(snapshot: dict[str, Any], *more: str) -> dict[str, Any]:
    """Return the snapshot with ``more`` in each text that somebody writes; of several, with each in its turn."""
    return Spoiled(snapshot, more).snapshot


def strings(value: object) -> Iterator[str]:
    """Yield every text of a document's content, or of a JSON value, but the markup of its charts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif is_dataclass(value):
        for field in fields(value):
            if field.name not in ("svg", "alt"):
                yield from strings(getattr(value, field.name))


def whole(text: str) -> Counter[str]:
    """Count the spoiled texts that stand in ``text`` from their beginning to their end, by their numbers."""
    return Counter(re.findall(r"\[h(\d+)\](?:(?!\[h\d).)*?\[/h\1\]", text, re.DOTALL))


class Markup(HTMLParser):
    """What a page holds: its elements with the names of their attributes, the addresses in it, its code and its text.

    ``values`` are those of all attributes, ``texts`` what stands between two tags; ``code`` is what stands in
    scripts and styles that run.
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[tuple[str, ...]] = Counter()
        self.addresses: list[str] = []
        self.values: list[str] = []
        self.code: list[str] = []
        self.texts: list[str] = []
        self._into = self.texts
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements[(tag, *sorted(given))] += 1
        self.values += given.values()
        self.addresses += [given[name] for name in ("src", "href", "action", "srcset", "data") if name in given]
        runs = tag == "style" or (tag == "script" and "json" not in given.get("type", ""))
        self._into = self.code if runs else self.texts

    def handle_endtag(self, tag: str) -> None:
        self._into = self.texts

    def handle_data(self, data: str) -> None:
        self._into.append(data)

    @property
    def text(self) -> str:
        """What the page shows, with the data that its scripts read."""
        return "".join(self.texts)


RIGHT_TO_LEFT = re.compile(r"[\u0590-\u06ff]+")


def flat(text: str) -> str:
    """Return a text as it stands on paper, without its blanks: where a line ends, one is lost or won.

    Words from right to left are read out of a page in another order, so their letters are sorted.
    """
    return RIGHT_TO_LEFT.sub(lambda run: "".join(sorted(run[0])), "".join(glyphs.legible(text).split()))
