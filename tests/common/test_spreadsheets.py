"""CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv

import pytest

from governance.common import spreadsheets


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "   @"])
def test_no_cell_is_a_formula(start):
    text = f"{start}cmd|' /C calc'!A1"
    (row,) = csv.reader([spreadsheets.writer()([text, "system:notary"])])
    assert row == [f"'{text}", "system:notary"]


def test_a_line_reads_back_as_its_cells():
    cells = ["a, b", 'say "no"', 3, None, "1 = 1", "-"]
    (row,) = csv.reader([spreadsheets.writer()(cells)])
    assert row == ["a, b", 'say "no"', "3", "", "1 = 1", "'-"]
