"""Links lead somewhere, commands exist, pages say no more than they may."""

import re
import shlex

import pytest

from tests.arch.tree import ROOT, project_files

PAGES = [path for path in project_files(".md") if path.relative_to(ROOT).parts[0] not in {"static", "tests"}]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^[ ]*```(\w*)\n(.*?)^[ ]*```", flags=re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", flags=re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Return the fragments that a page's headings make."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_resolve(page):
    for target in LINK.findall(page.read_text()):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, fragment = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{target} leads nowhere"
        assert not fragment or fragment in anchors(file.read_text()), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_and_placet_commands_in_pages_exist(page):
    from placet.commands import app

    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    groups = {
        group.name: {command.name or command.callback.__name__ for command in group.typer_instance.registered_commands}
        for group in app.registered_groups
    }
    commands |= groups.keys()
    blocks = [block for language, block in FENCED.findall(page.read_text()) if language in ("", "sh", "bash")]
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True) if line.count('"') % 2 == 0 and line.count("'") % 2 == 0 else []
            for tool, known in (("make", targets), ("placet", commands), (".venv/bin/placet", commands)):
                if words[:1] == [tool]:
                    assert words[1] in known, line
            for group, below in groups.items():
                if words[:2] == ["placet", group]:
                    assert words[2] in below, line


def test_the_readme_names_the_two_commands_first():
    text = (ROOT / "README.md").read_text()
    assert 0 < text.index("make demo") < text.index("make test")
    for word in (
        "not legal advice",
        "Apache",
        "threat-model.md",
        "docs/images/review.png",
        "tutorials/",
        "how-to/",
        "reference/",
    ):
        assert word in text, word


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_calls_anything_compliant_or_guaranteed_lawful(page):
    assert not re.search(r"\b(?:AI[- ]Act[- ])?compliant\b", page.read_text(), flags=re.IGNORECASE)


def test_every_decision_says_status_context_decision_consequences_and_what_was_rejected():
    for path in sorted((ROOT / "docs" / "adr").glob("0*.md")):
        text = path.read_text()
        assert re.search(r"^Status: accepted, \d{4}-\d{2}-\d{2}$", text, flags=re.MULTILINE), path.name
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences", "Rejected")), path.name
        assert f"({path.name})" in (ROOT / "docs" / "adr" / "README.md").read_text()


def test_every_page_is_listed_where_readers_look_for_it():
    docs = ROOT / "docs"
    listed = {
        (index.parent / target).resolve()
        for index in (docs / "README.md", docs / "adr" / "README.md")
        for target in (found.partition("#")[0] for found in LINK.findall(index.read_text()))
    }
    pages = {path for path in PAGES if docs in path.parents and path.name != "README.md"}
    assert sorted(str(path.relative_to(docs)) for path in pages - listed) == []
