"""What is passed over in a Thrift structure costs no more steps than are allowed, whatever its few bytes claim."""

import pytest
from hostile_bodies import varint

from monitoring import thrift
from monitoring.thrift import BOOLEAN_TRUE, BYTE, DOUBLE, I32, LIST, Malformed, Reader


@pytest.mark.parametrize(
    ("of", "element"), [(BOOLEAN_TRUE, b"\1"), (BYTE, b"x"), (DOUBLE, b"12345678"), (I32, b"\x80\1")]
)
def test_a_long_list_of_numbers_is_one_step(of: int, element: bytes) -> None:
    reader = Reader(bytes([0xF0 | of]) + varint(100_000) + element * 100_000 + b"end")
    before = reader.steps
    reader.skip(LIST)
    assert (reader.data[reader.place :], before - reader.steps) == (b"end", 1)


@pytest.mark.parametrize("of", [BOOLEAN_TRUE, BYTE, DOUBLE, I32])
def test_a_list_that_claims_more_than_there_is_ends_too_early(of: int) -> None:
    with pytest.raises(Malformed, match="ends too early"):
        Reader(bytes([0xF0 | of]) + varint(100_000) + b"\1" * 99_999).skip(LIST)


def test_many_empty_structures_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thrift, "MOST_STEPS", 1_000)
    with pytest.raises(Malformed, match="more than 1,000 fields and values"):
        Reader(b"\xfc" + varint(600) + b"\0" * 600).skip(LIST)
