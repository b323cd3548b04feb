"""Row digests say of two rows whether they are the same, in the form that is written down; profiles hold no text."""

import struct
from hashlib import sha256

import pytest

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from placet import rows  # noqa: E402

CELL = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_infinity=True) | st.text(max_size=4)


def cell(value):
    """The nine bytes of a cell, written from the description alone."""
    if value is None or (isinstance(value, float) and value != value):
        return bytes(9)
    if isinstance(value, bool):
        return b"\x03" + bytes(7) + bytes([value])
    if isinstance(value, int | float):
        return b"\x01" + struct.pack(">d", float(value) + 0.0)
    return b"\x02" + sha256(value.encode()).digest()[:8]


def by_hand(names, values):
    head = sha256(b"".join(name.encode() + b"\0" for name in sorted(names))).digest()
    body = b"".join(cell(values[name]) for name in sorted(names))
    return int.from_bytes(sha256(head + body).digest()[:8], "big")


def test_a_digest_is_what_its_description_says():
    frame = pd.DataFrame({"b": [1, 2], "a": ["x", None], "c": [True, False], "d": [1.5, float("nan")]})
    found = rows.row_digests(frame, ["b", "a", "c", "d"])
    assert found.tolist() == [
        by_hand("bacd", {"b": 1, "a": "x", "c": True, "d": 1.5}),
        by_hand("bacd", {"b": 2, "a": None, "c": False, "d": None}),
    ]


@given(st.lists(st.text(max_size=6), min_size=1, max_size=8), st.lists(st.floats(), min_size=8, max_size=8))
def test_neither_the_order_of_columns_nor_the_type_of_a_number_matters(texts, numbers):
    frame = pd.DataFrame({"t": pd.Series(texts, dtype=object), "x": numbers[: len(texts)], "k": range(len(texts))})
    other = pd.DataFrame({"k": frame["k"].astype(float), "x": frame["x"], "t": frame["t"].astype("category")})
    assert rows.row_digests(frame, ["t", "x", "k"]).tolist() == rows.row_digests(other, ["k", "t", "x"]).tolist()


@given(CELL, CELL)
def test_two_cells_have_one_digest_exactly_when_they_are_one_value(one, other):
    same = cell(one) == cell(other)
    found = [rows.row_digests(pd.DataFrame({"x": pd.Series([v], dtype=object)}), ["x"])[0] for v in (one, other)]
    assert bool(found[0] == found[1]) is same


def test_texts_that_part_after_a_nul_are_two():
    frame = pd.DataFrame({"x": pd.Series(["a", "a\0b", "a\0c", None, "a"], dtype=object)})
    found = rows.row_digests(frame, ["x"]).tolist()
    assert found == [by_hand("x", {"x": value}) for value in ("a", "a\0b", "a\0c", None, "a")]


def test_chunks_do_not_show(monkeypatch):
    frame = pd.DataFrame({"x": np.arange(25) % 7, "y": list("abcde") * 5})
    whole = rows.row_digests(frame, ["x", "y"])
    monkeypatch.setattr(rows, "CHUNK", 4)
    assert rows.row_digests(frame, ["x", "y"]).tolist() == whole.tolist()


def test_the_file_is_sorted_and_read_again():
    digests = np.array([5, 2**63 + 1, 3], dtype=np.uint64)
    content = rows.to_bytes(digests)
    assert rows.from_bytes(content).tolist() == [3, 5, 2**63 + 1]
    with pytest.raises(ValueError, match="8 bytes a row"):
        rows.from_bytes(content[:-1])
    with pytest.raises(ValueError, match="ascending"):
        rows.from_bytes(content[8:] + content[:8])


def test_a_profile_holds_ranges_and_no_text_of_a_row():
    frame = pd.DataFrame(
        {
            "amount": [10.0, float("inf"), 30.0, None],
            "purpose": ["car", "tv", None, "car"],
            "new": [True, False, True, True],
            "on": pd.to_datetime(["2026-01-01"] * 4),
        }
    )
    found = rows.profile(frame, list(frame.columns))
    assert found["amount"] == {"kind": "number", "missing": 1, "min": 10.0, "max": 30.0}
    assert found["purpose"]["different"] == 2
    assert found["purpose"]["seen"] == sorted(map(rows.text_digest, ["car", "tv"]))
    assert (found["new"]["kind"], found["on"]["kind"]) == ("truth", "other")
    assert "car" not in str(found)
    many = pd.DataFrame({"t": [str(i) for i in range(1001)]})
    assert rows.profile(many, ["t"])["t"]["seen"] is None
