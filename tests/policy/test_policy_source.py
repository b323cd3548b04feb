"""The YAML reader: what it takes, what it refuses, and on which line it says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy.problems import InvalidPolicy
from governance.policy.source import MAX_BYTES, display, read
from tests.policy.factories import untimed


def reads_or_says_where(text: str | bytes) -> bool:
    try:
        return isinstance(read(text).data, dict)
    except InvalidPolicy as refused:
        return refused.problems[0].line >= 1


def refusal(text: str | bytes) -> str:
    with pytest.raises(InvalidPolicy) as refused:
        read(text)
    return str(refused.value)


def test_values_follow_the_rules_of_json():
    source = read("a: 1\nb: -0.05\nc: 1e-3\nd: true\ne: null\nf: '1'\ng: P30D\nh: 010\ni: 2026-01-01\nj: [x, {k: 2}]\n")
    assert source.data == {
        "a": 1, "b": -0.05, "c": 0.001, "d": True, "e": None, "f": "1", "g": "P30D", "h": "010", "i": "2026-01-01",
        "j": ["x", {"k": 2}],
    }  # fmt: skip
    assert source.lines[("j", 1, "k")] == 10


def test_each_value_remembers_its_line_and_blocks_the_line_of_their_text():
    source = read("a: 1\nchecks:\n  - id: x\n    expr: |\n      one\n      two\n  - id: y\n    expr: >-\n      three\n")
    assert source.lines[("checks", 0, "expr")] == 4
    assert source.text_lines[("checks", 0, "expr")] == 5
    assert source.text_lines[("checks", 1, "expr")] == 9
    assert source.literal == {("checks", 0, "expr")}
    assert display(("checks", 1, "expr")) == "checks[1].expr"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: The document is empty"),
        ("# only a comment\n", "The document is empty"),
        ("- a\n- b\n", "line 1: A policy is a mapping"),
        ("just text", "A policy is a mapping"),
        ("a: 1\nb: 2\na: 3\n", "a, line 3: The key `a` stands twice; the first is on line 1."),
        ("a: {b: 1,\n b: 2}\n", "a.b, line 2: The key `b` stands twice; the first is on line 1."),
        ("a: &x 1\nb: *x\n", "a, line 1: Anchors"),
        ("a: 1\nb: *x\n", "b, line 2: Aliases"),
        ("a: !!python/object/apply:os.system [ls]\n", "a, line 1: Tags"),
        ("a: !!str 1\n", "a, line 1: Tags"),
        ("a: 1\n---\nb: 2\n", "line 2: A second document"),
        ("a: yes\n", "a, line 1: `yes` means different things"),
        ("a: 1\nOff: 2\n", "line 2: `Off` means different things"),
        ("a: 1\n2: x\n", "line 2: A key must be plain text"),
        ("a: 1\n? [x]\n: 2\n", "line 2: A key must be plain text"),
        ("a: 9007199254740992\n", "a, line 1: The number is too large"),
        ("a: 1e999\n", "a, line 1: 1e999 is too large"),
        ("a: 1\nb: [1, 2\nc: 3\n", "line 3: This is not YAML"),
        ("a: 1\n\tb: 2\n", "This is not YAML"),
        ("a: \x07\n", "This is not YAML"),
        (b"a: \xff\xfe\xfd", "line 1: The document is not UTF-8"),
        ("a: " + "x" * MAX_BYTES, "line 1: The document has 131,075 bytes"),
        ("a: " + "[" * 200 + "]" * 200, "nested more than 8 deep"),
        ("a: [" + "1, " * 6000 + "1]", "more than 6,000 values"),
    ],
)
def test_what_could_be_misread_is_refused_with_its_line(text, says):
    assert says in refusal(text)


def test_a_yaml_bomb_is_refused_before_it_expands():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert "a0, line 1: Anchors" in refusal("\n".join(lines))


@untimed
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_any_input_gives_a_mapping_or_a_refusal_with_a_line(text):
    assert reads_or_says_where(text)


@untimed
@given(st.text(alphabet="abc:[]{}&*!|>-?#'\"\n ,0.e~%@`", max_size=80))
def test_yaml_shaped_noise_gives_a_mapping_or_a_refusal(text):
    assert reads_or_says_where(text)
