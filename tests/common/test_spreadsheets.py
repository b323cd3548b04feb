"""CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import ast
import csv
from decimal import Decimal

import pytest

from placet import spreadsheets
from tests.arch.tree import ROOT, project_files

PRODUCT = ("governance", "registry", "monitoring", "reports", "client")
WRITES = {"writer", "DictWriter", "to_csv", "to_excel"}
LIBRARIES = {"openpyxl", "xlsxwriter", "xlwt", "odf"}
ELSEWHERE = {
    ("client/placet/spreadsheets.py", "writer"): "it is the writer",
    ("reports/explanation/measure.py", "to_csv"): "bytes to take a digest of; nobody gets them",
}


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", " =", "   @", "\u00a0=", " \t", "\t\t+", "\r\n-"]
)
def test_no_cell_is_a_formula(start):
    text = f"{start}cmd|' /C calc'!A1"
    line = spreadsheets.writer()([text, "system:notary"])
    assert line == f'"\'{text}","system:notary"\r\n'


def test_a_line_reads_back_as_its_cells():
    cells = ["a, b", 'say "no"', 3, None, "1 = 1", "-"]
    (row,) = csv.reader([spreadsheets.writer()(cells)])
    assert row == ["a, b", 'say "no"', "3", "", "1 = 1", "'-"]


def test_numbers_stay_numbers_and_texts_that_look_like_them_stay_texts():
    (row,) = csv.reader([spreadsheets.writer()([-3, -0.5, Decimal("-1.20"), "-3", "+1"])])
    assert row == ["-3", "-0.5", "-1.20", "'-3", "'+1"]


def test_nothing_else_writes_tables():
    found = set()
    for path in project_files(".py"):
        name = str(path.relative_to(ROOT))
        if not name.startswith(PRODUCT):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in WRITES:
                if node.attr != "writer" or (isinstance(node.value, ast.Name) and node.value.id == "csv"):
                    found.add((name, node.attr))
            elif isinstance(node, ast.ImportFrom):
                found |= {(name, one.name) for one in node.names if node.module == "csv" and one.name in WRITES}
                found |= {(name, node.module)} if (node.module or "").split(".")[0] in LIBRARIES else set()
            elif isinstance(node, ast.Import):
                found |= {(name, one.name) for one in node.names if one.name.split(".")[0] in LIBRARIES}
    assert found == ELSEWHERE.keys()
