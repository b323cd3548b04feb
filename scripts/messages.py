"""Write what documents say, one entry a message, to reports/documents/locale/documents.pot: a template for translators.

It reads the marks in the code (``_``, ``N_``, ``counted``) and in the documents' templates (``{% say "…" %}``), and
imports nothing. ``--check`` writes nothing and exits with 1 where the file is not what it would write.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "reports" / "documents"
TEMPLATES = ROOT / "templates" / "reports" / "pdf"
POT = CODE / "locale" / "documents.pot"
HEAD = """# What Placet's documents say. docs/how-to/translate-documents.md tells how to translate it.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\\n"
"""
MARKS = ("_", "N_", "counted")
_SAY = re.compile(r"""\{%\s*say\s+(?:"([^"]+)"|'([^']+)')""")
Message = tuple[str, bool]
"""A message, and whether it is about a number of things: then a language has several forms of it."""


class NotAText(ValueError):
    """A mark stands around something that is no text in quotes, or a message is marked in two ways."""


def in_code(source: str, name: str) -> Iterator[Message]:
    """Yield each marked message of a module.

    Raises:
        NotAText: a text is built inside a mark. ``_`` may stand around the name of a constant that ``N_`` marks.
    """
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS):
            continue
        part = node.args[0]
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value, node.func.id == "counted"
        elif node.func.id != "_" or _is_built(part):
            raise NotAText(f"{name}, line {node.lineno}: mark a whole text in quotes, and fill it in with format().")


def _is_built(part: ast.expr) -> bool:
    return isinstance(part, ast.JoinedStr | ast.BinOp)


def in_template(source: str) -> Iterator[Message]:
    """Yield each message of a template."""
    for double, single in _SAY.findall(source):
        yield double or single, False


def messages() -> dict[Message, list[str]]:
    """Return every message with the files that say it, in the order of files and of first use."""
    found: dict[Message, list[str]] = {}
    for path in (*sorted(CODE.glob("*.py")), *sorted(TEMPLATES.glob("*.html"))):
        source = path.read_text(encoding="utf-8")
        for message in in_template(source) if path.suffix == ".html" else in_code(source, path.name):
            places = found.setdefault(message, [])
            if path.name not in places:
                places.append(path.name)
    if twice := sorted(text for text, plural in found if plural and (text, False) in found):
        raise NotAText(f"Marked both as counted and as not: {twice[0]!r}.")
    return found


def pot() -> str:
    """Return the template as gettext's tools read it."""
    parts = [HEAD]
    for (text, plural), places in messages().items():
        lines = [f"#: {place}" for place in places]
        if "{" in text:
            lines.append("#, python-brace-format")
        lines.append(f"msgid {_quoted(text)}")
        lines += [f"msgid_plural {_quoted(text)}", 'msgstr[0] ""', 'msgstr[1] ""'] if plural else ['msgstr ""']
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def main() -> int:
    """Write the template, or check it."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--check", action="store_true")
    made = pot()
    if not asked.parse_args().check:
        POT.parent.mkdir(exist_ok=True)
        POT.write_text(made, encoding="utf-8")
        return 0
    if POT.exists() and POT.read_text(encoding="utf-8") == made:
        return 0
    sys.stderr.write("reports/documents/locale/documents.pot is out of date: run make messages.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
