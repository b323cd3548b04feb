"""An entry's bytes: by the quick encoder, the same as by a reference implementation of RFC 8785."""

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from governance.audit.canonical import encode, plain
from governance.audit.events import Event

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(max_codepoint=127))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | TEXTS
    | st.floats(allow_nan=False)
    | st.decimals()
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=30)


@given(st.dictionaries(KEYS, VALUES))
def test_both_encoders_give_the_same_bytes_for_all_that_an_entry_takes(value):
    assert encode(plain(value)) == rfc8785.dumps(plain(value))


@pytest.mark.parametrize("text", ["\x00\x07\b\t\n\f\r\x1b\x7f\x80\u2028\u2029", '"\\/', "𝄞 é ﬁ 日本", "\ufeff"])
def test_what_json_escapes_is_escaped_as_rfc_8785_says(text):
    assert encode({"a": text}) == rfc8785.dumps({"a": text})


def test_values_without_one_form_in_json_become_texts():
    moment = datetime(2026, 11, 25, 12, 0, 0, 5, tzinfo=UTC)
    key = uuid.UUID(int=7)
    given_values = [0.1, Decimal("1.50"), key, moment, date(2026, 1, 2), {"b", "a"}, Event.KEY_ADDED, (1, 2)]
    texts = ["0.1", "1.50", str(key), "2026-11-25T12:00:00.000005Z", "2026-01-02", ["a", "b"], "key.added", [1, 2]]
    assert plain(given_values) == texts
    assert type(plain(Event.KEY_ADDED)) is str


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"é": 1}, "not ASCII"),
        ({"n": 2**53}, "give it as text"),
        ({"n": -(2**53)}, "give it as text"),
        ({"b": b"bytes"}, "bytes has no canonical form"),
        ({"o": object()}, "object has no canonical form"),
    ],
)
def test_what_the_two_encoders_could_write_differently_is_refused(value, says):
    with pytest.raises((TypeError, ValueError), match=says):
        plain(value)


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(ValueError, match="surrogates not allowed"):
        encode(plain({"a": "\ud800"}))
