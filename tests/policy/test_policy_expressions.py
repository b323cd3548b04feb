"""The lexer of expressions, and CEL behind it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policy import cel
from governance.policy.expressions import InvalidExpression, read_expression
from tests.policy.factories import untimed

KINDS = {"evidence.f.low": "number", "evidence.f.high": "number", "candidate.kind": "text", "candidate.ok": "boolean"}


def refusal(source: str, kinds: dict[str, str] | None = None) -> InvalidExpression:
    with pytest.raises(InvalidExpression) as refused:
        cel.check_types(read_expression(source), kinds or KINDS)
    return refused.value


def truth(source: str, **values: cel.Scalar) -> bool | None:
    return cel.truth(read_expression(source), {key.replace("_", "."): value for key, value in values.items()})


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("evidence.f.low >= 0.8", {"evidence.f.low"}),
        (
            "evidence.f.low >= 0.8 && evidence.f.high < candidate.fpr",
            {"evidence.f.low", "evidence.f.high", "candidate.fpr"},
        ),
        ("'evidence.not.this' == candidate.kind // nor.that", {"candidate.kind"}),
        ("math.abs(evidence.f.low - 1) < 0.1", {"evidence.f.low"}),
        ("candidate.kind.startsWith('gb') || 'x'.contains(candidate.kind)", {"candidate.kind"}),
        ("candidate . kind in ['a', 'b']", {"candidate.kind"}),
        ("candidate.ok ? true : false", {"candidate.ok"}),
        ("1 < 2", set()),
    ],
)
def test_the_figures_that_an_expression_names_are_found(source, names):
    assert read_expression(source).references == names


def test_the_lexer_and_cel_agree_on_the_names():
    """CEL's own list of references, in the compiled form, is the judge."""
    source = "evidence.f.low >= 0.8 && (candidate.kind == 'a.b' || candidate.ok) // candidate.other"
    expression = read_expression(source)
    declared = tuple(sorted({**dict.fromkeys(KINDS, "unknown"), "candidate.other": "unknown"}.items()))
    compiled = cel._compiled(expression.text, declared).serialize()
    found = {name for name, _ in declared if name.encode() in compiled}
    assert found == expression.references


def test_every_number_is_a_double():
    assert truth("evidence.f.low / 2 >= 1", **{"evidence_f_low": 3}) is True
    assert truth("7 / 2 == 3.5") is True
    assert truth("evidence.f.low in [1, 2]", **{"evidence_f_low": 2}) is True


@pytest.mark.parametrize(
    ("source", "numbers"),
    [
        ("evidence.f.low >= -0.05", {-0.05}),
        ("evidence.f.low - 0.05 > 1", {0.05, 1.0}),
        ("(evidence.f.low) - 2 > -1e-3", {2.0, -0.001}),
    ],
)
def test_numbers_keep_their_sign(source, numbers):
    assert read_expression(source).numbers == numbers


@pytest.mark.parametrize(
    ("source", "column", "says"),
    [
        ("", 1, "empty"),
        ("  // nothing", 1, "empty"),
        ("x" * 1001, 1, "1,001 characters; the limit is 1,000"),
        ("(" * 11 + "1" + ")" * 11 + " > 0", 11, "nested more than 10 deep"),
        ("(1 > 0", 1, "`(` is never closed"),
        ("1 > 0)", 6, "`)` closes nothing"),
        ("[1.0) == 2", 5, "`)` closes nothing"),
        ("[1, 2].all(x, x > 0)", 8, "`all(...)` can't be used"),
        ("has(evidence.f.low)", 1, "`has(...)` can't be used"),
        ("candidate.kind.matches('(a+)+$')", 1, "can't be used"),
        ("size(candidate.kind) > 1", 1, "can't be used in a policy; the functions are contains"),
        ("evidence.f.low == null", 19, "Do not compare with null"),
        ("{'a': 1}['a'] > 0", 1, "Maps and messages"),
        ("evidence.f.low > 0x1F", 19, "is not a number here"),
        ("evidence.f.low > 1u", 19, "`1u` is not a number here"),
        ("candidate.kind == 'a\\n'", 19, "without backslashes"),
        ("candidate.kind == r'a'", 20, "plain quotes"),
        ("candidate.kind == '''a'''", 21, "plain quotes"),
        ("evidence.f.low & 1", 16, "write `&&`"),
        ("evidence.f.low = 1", 16, "write `==`"),
        ("evidence.f.low > 1; 2", 19, "`;` is not part"),
        ("(evidence.f).low > 1", 14, "follows something that has no fields"),
    ],
)
def test_what_a_policy_may_not_say_is_refused_with_its_column(source, column, says):
    refused = refusal(source)
    assert says in refused.message
    assert refused.column == column


@pytest.mark.parametrize(
    ("source", "line", "column", "says"),
    [
        ("evidence.f.low >= '0.8'", 1, 16, "`>=` can't be applied to number and text."),
        ("300 < 5 && evidence.f.low >= '0.8'", 1, 27, "`>=` can't be applied to number and text."),
        ("300 > 5 &&\n  candidate.kind > 7", 2, 18, "`>` can't be applied to text and number."),
        ("evidence.f.low", 1, 1, "must be true or false, but gives a number"),
        ("candidate.kind", 1, 1, "must be true or false, but gives a text"),
        ("candidate.ok && evidence.f.low", 1, 14, "can't be applied to truth value and number"),
        ("evidence.f.low >", 1, 17, "mismatched input"),
        (" + ".join(["evidence.f.low"] * 40) + " > 0", 1, 1, "too long a chain"),
    ],
)
def test_type_errors_are_found_at_publication_in_the_policy_s_own_columns(source, line, column, says):
    refused = refusal(source)
    assert says in refused.message
    assert (refused.line, refused.column) == (line, column)


def test_an_undefined_figure_leaves_the_answer_open_only_if_it_can_change_it():
    assert truth("evidence.f.low >= 0.8") is None
    assert truth("!(evidence.f.low >= 0.8)") is None
    assert truth("evidence.f.low != 0.8") is None
    assert truth("evidence.f.low == 0.8") is None
    assert truth("math.abs(evidence.f.low) + 1 > 0") is None
    assert truth("evidence.f.low in [1, 2]") is None
    assert truth("candidate.kind.startsWith('x')") is None
    assert truth("evidence.f.low >= 0.8 || evidence.f.high > 0", **{"evidence_f_high": 1.0}) is True
    assert truth("evidence.f.low >= 0.8 && evidence.f.high > 2", **{"evidence_f_high": 1.0}) is False


def test_a_value_of_the_wrong_kind_is_named():
    with pytest.raises(cel.WrongKind, match="text and number"):
        truth("evidence.f.low >= 0.8", **{"evidence_f_low": "high"})


finite = st.floats(allow_nan=False, allow_infinity=False)


@untimed
@given(low=finite, high=finite, limit=st.floats(min_value=-1000, max_value=1000))
def test_comparisons_are_those_of_python_s_doubles(low, high, limit):
    literal = f"{limit:.6f}"
    expected = low >= float(literal) and not high < float(literal)
    source = f"evidence.f.low >= {literal} && !(evidence.f.high < {literal})"
    assert truth(source, **{"evidence_f_low": low, "evidence_f_high": high}) is expected


@untimed
@given(st.text(alphabet="abe.()[]<>=!&|+-*/%?:,'\" 01x\n", max_size=60))
def test_any_text_is_read_or_refused_and_never_anything_else(source):
    try:
        expression = read_expression(source)
        cel.check_types(expression, dict.fromkeys(expression.references, "number"))
    except InvalidExpression as refused:
        said, line = refused.message, refused.line
    else:
        said, line = "read", 1
    assert said
    assert line >= 1
