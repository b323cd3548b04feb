"""Widths of a table's columns: together the whole table, wide enough for each word, and as given where one is given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.documents import columns
from reports.documents.columns import shares
from reports.documents.content import Cell, Column, Table

words = st.text("abcdefghijWMm019 .-", max_size=40)


@st.composite
def tables(draw):
    n = draw(st.integers(1, 7))
    heads = tuple(
        Column(draw(words), numeric=draw(st.booleans()), width=draw(st.sampled_from([0, 0, 0, 16, 40])))
        for _ in range(n)
    )
    rows = draw(st.lists(st.tuples(*[st.builds(Cell, words, words) for _ in range(n)]), max_size=4))
    return Table("t", heads, tuple(rows))


@given(tables())
def test_they_fill_the_table_and_hold_the_longest_word_or_nothing_is_said(table):
    found = shares(table)
    least = [columns._needs(column, [row[i] for row in table.rows])[0] for i, column in enumerate(table.columns)]
    assert bool(found) == (sum(least) <= 100)
    if found:
        assert sum(found) == 100
        assert all(width >= need for width, need in zip(found, least, strict=True))


def a_table(*heads, rows=()):
    return Table("t", heads, tuple(tuple(map(Cell, row)) for row in rows))


def test_a_width_that_is_given_is_kept_beside_a_column_of_sentences():
    found = shares(a_table(Column("Change", width=34), Column("Why"), rows=[("noise", "because " * 60)]))
    assert found == (34, 66)


def test_short_texts_stay_on_one_line_and_sentences_take_what_is_left():
    found = shares(a_table(Column("State"), Column("Why"), rows=[("not shown", "because " * 60)]))
    assert columns._needs(Column("State"), [Cell("not shown")])[1] <= found[0] < 20


def test_numbers_are_not_broken():
    as_text = shares(a_table(Column("A"), Column("B"), rows=[("0.123 to 0.456", "because " * 60)]))
    as_number = shares(a_table(Column("A", numeric=True), Column("B"), rows=[("0.123 to 0.456", "because " * 60)]))
    assert as_number[0] > as_text[0]


def test_words_too_long_for_the_table_are_left_to_the_layout():
    assert shares(a_table(Column("A"), Column("B"), rows=[("W" * 90, "x")])) == ()


def test_what_is_printed_as_its_number_is_measured_so():
    odd, written = (
        a_table(Column("A", numeric=True), Column("B"), rows=[(text, "because " * 60)])
        for text in ("\U000e0001" * 3, "U+E0001 U+E0001 U+E0001")
    )
    assert shares(odd) == shares(written)


def test_a_table_of_widths_only_is_filled():
    assert sum(shares(a_table(Column("A", width=20), Column("B", width=30), rows=[("a", "b")]))) == 100


@pytest.mark.slow
@pytest.mark.parametrize("weight", [400, 500, 600])
@pytest.mark.parametrize("text", ["Area under the ROC curve", "0.123 to 0.456", "WAVE To AV", "1111111", "sha256:0af1"])
def test_no_text_is_wider_than_its_glyphs_and_what_is_spared(text, weight):
    from weasyprint import CSS, HTML
    from weasyprint.text.fonts import FontConfiguration

    from reports.documents import pdf
    from reports.documents.render import FONT_FILES, _font, style

    fonts, blobs = FontConfiguration(), {name: ("font/ttf", _font(name)) for name in FONT_FILES}
    fetcher = pdf.BundleFetcher(blobs)
    css = f"{style()} i {{ font: {weight} 100px Inter; font-variant-numeric: tabular-nums; white-space: nowrap }}"
    sheet = CSS(string=css, font_config=fonts, url_fetcher=fetcher, base_url="bundle:/")
    page = HTML(string=f"<i>{text}</i>", url_fetcher=fetcher, base_url="bundle:/").render(fonts, stylesheets=[sheet])
    drawn = [box for box in page.pages[0]._page_box.descendants() if getattr(box, "text", "") == text]
    assert 0.8 < drawn[0].width / 100 / (columns._width(text) * columns._SPARE) <= 1
