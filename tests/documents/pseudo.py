"""A language for tests: every message in brackets, ``⟦message⟧``, and what is left of a text without them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

LANGUAGE = "qps"  # of the codes that nobody gives to a language
HEAD = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=1; plural=0;\n"
_MESSAGE = re.compile("⟦[^⟦⟧]*⟧")
_DATA = re.compile(r"\[h(\d+)\](?:(?!\[h\d).)*?\[/h\1\]", re.DOTALL)
# What Placet prints in no language: digests and ids, times, points of the Act and numbers of its acts, types of
# evidence, numbers of rows and of sections.
_NEUTRAL = re.compile(
    r"sha256:|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=[0-9a-f]*\d)[0-9a-f]{8,64}\b…?"
    r"|\d{4}-\d\d-\d\d(?:T[\d:.]+Z| [\d:]+ UTC)?"
    r"|\b(?:Annex|Art) [IVX\d]\w*(?:\.\w+)*|\b[a-z_]+/v\d\b|\b(?:PR|INC|VAL|C|R)-\d+"
)


def compiled(messages: Mapping[str, str]) -> bytes:
    """Return a catalogue as gettext reads it; a plural is ``message NUL message`` and its forms with NULs between."""
    rows = sorted((key.encode(), text.encode()) for key, text in ({"": HEAD} | dict(messages)).items())
    keys, texts = b"", b""
    at, places = 28 + 16 * len(rows), []
    for key, text in rows:
        places.append((len(key), len(keys), len(text), len(texts)))
        keys, texts = keys + key + b"\0", texts + text + b"\0"
    of_keys = b"".join(struct.pack("<2I", size, at + place) for size, place, _, _ in places)
    of_texts = b"".join(struct.pack("<2I", size, at + len(keys) + place) for _, _, size, place in places)
    return (
        struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, at) + of_keys + of_texts + keys + texts
    )


def bracketed(messages: Iterable[tuple[str, bool]]) -> dict[str, str]:
    """Return the pseudo language's catalogue of messages, each with whether it has plural forms."""
    return {f"{text}\0{text}" if plural else text: f"⟦{text}⟧" for text, plural in messages}


def write(locale: Path, language: str, messages: Mapping[str, str]) -> None:
    """Write a catalogue where documents look for it."""
    path = locale / language / "LC_MESSAGES" / "documents.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(compiled(messages))


def untranslated(text: str) -> str:
    """Return what is left of a printed text without what the catalogue translated and what the snapshot holds."""
    text = _DATA.sub("", text)
    while (inner := _MESSAGE.sub("", text)) != text:
        text = inner
    return _NEUTRAL.sub("", text).strip()


def words_in(text: str) -> str:
    """Return what is left if there is a letter in it, else nothing."""
    left = untranslated(text)
    return left if any(letter.isalpha() for letter in left) else ""
