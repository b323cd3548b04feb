"""docs/explanation/security.md leaves out no requirement of ASVS 5.0.0 levels 1 and 2, and names tests that exist."""

from __future__ import annotations

import ast
import re
from collections import Counter

from tests.arch.tree import ROOT

PAGE = ROOT / "docs" / "explanation" / "security.md"
STATES = {"met", "partly", "no", "outside", "n/a"}
# Section -> the level of each of its requirements in turn, as the standard's table has them.
LEVELS = {
    **{"1.1": "22", "1.2": "1111122223", "1.3": "112222222223", "1.4": "222", "1.5": "123"},
    **{"2.1": "122", "2.2": "112", "2.3": "12223", "2.4": "23"},
    **{"3.1": "3", "3.2": "113", "3.3": "12223", "3.4": "11222233", "3.5": "11122333", "3.6": "3", "3.7": "22333"},
    **{"4.1": "12233", "4.2": "23333", "4.3": "22", "4.4": "1222"},
    **{"5.1": "2", "5.2": "112333", "5.3": "113", "5.4": "222"},
    **{"6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333", "6.6": "2223"},
    **{"6.7": "33", "6.8": "2222", "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22"},
    **{"8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23", "9.1": "111", "9.2": "1222"},
    **{"10.1": "22", "10.2": "223", "10.3": "22223", "10.4": "1111122222233333", "10.5": "22222", "10.6": "22"},
    **{"10.7": "222", "11.1": "2233", "11.2": "22233", "11.3": "11233", "11.4": "1222", "11.5": "23", "11.6": "23"},
    **{"11.7": "33", "12.1": "12233", "12.2": "11", "12.3": "22223", "13.1": "2333", "13.2": "222223", "13.3": "2233"},
    **{"13.4": "1222233", "14.1": "22", "14.2": "12223333", "14.3": "122", "15.1": "12233", "15.2": "12233"},
    **{"15.3": "1222222", "15.4": "3333", "16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223"},
    **{"17.1": "23", "17.2": "22223333", "17.3": "22"},
}
ROW = re.compile(r"^\| (\d[\d., ]*) \| ([12]) \| (\S+) \| (.+?) \|(.*)\|$", re.MULTILINE)


def rows() -> list[tuple[list[str], str, str, str, str]]:
    found = [row for row in PAGE.read_text().splitlines() if re.match(r"\| \d", row)]
    read = [match for row in found if (match := ROW.match(row))]
    assert len(read) == len(found), "a row has another form"
    return [(match[1].split(", "), match[2], match[3], match[4], match[5]) for match in read]


def test_each_requirement_of_the_two_levels_stands_there_once_with_its_level():
    asked = {
        f"{section}.{number}": level
        for section, levels in LEVELS.items()
        for number, level in enumerate(levels, 1)
        if level != "3"
    }
    assert Counter(asked.values()) == {"1": 70, "2": 183}  # as the standard counts them
    told = [(number, level) for numbers, level, *_ in rows() for number in numbers]
    assert Counter(number for number, _ in told).most_common(1)[0][1] == 1
    assert dict(told) == asked


def test_each_has_a_state_and_says_how():
    assert {state for _, _, state, _, _ in rows()} == STATES
    assert [numbers for numbers, _, _, how, _ in rows() if len(how.strip()) < 4] == []


def test_every_test_that_is_named_exists():
    named = {name for *_, tests in rows() for name in re.findall(r"`([^`]+)`", tests)}
    assert len(named) > 70
    missing = []
    for name in sorted(named):
        path, _, function = name.partition("::")
        file = ROOT / "tests" / path
        if not file.is_file():
            missing.append(name)
        elif function:
            there = {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}
            missing += [name] if function not in there else []
    assert missing == []
