"""Hostile words in every text of every kind are words: nothing is fetched, linked, run or left out for them."""

import io
import json
import re
from itertools import pairwise
from urllib.error import HTTPError
from urllib.request import urlopen

import docx
import page
import pikepdf
import pypdf
import pytest
from weasyprint.urls import FatalURLFetchingError

from reports.documents import pdf
from reports.documents.building import build
from reports.documents.content import Content
from reports.documents.exports import export
from reports.documents.kinds import KINDS
from reports.documents.render import Pictures, render, to_html
from tests.documents import hostile
from tests.documents.hostile import Markup, Spoiled, redirecting_server, spoiled, strings, whole
from tests.documents.sample_kinds import AT, CASES, everything, full
from tests.proving import PROVE, some

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]
PDF = "sha256:" + "a" * 64
IN_A_CELL = 1_500
MANY = 30  # texts that a document prints
THUMBNAIL = "/docProps/thumbnail.jpeg"  # of the empty file that python-docx begins with
SHIPPED = ("Inter", "NotoSansCJK", "NotoSansHebrew", "IBMPlexSansArabic")
ACTS = {"/URI", "/JavaScript", "/Launch", "/GoToR", "/GoToE", "/SubmitForm", "/ImportData", "/Rendition", "/Sound"}


@pytest.fixture(scope="module")
def server():
    with redirecting_server() as (url, asked):
        yield url, asked


def printed(content: Content) -> set[str]:
    """The numbers of the spoiled texts that the document says in full: a longer text is cut, and says so."""
    texts = [text for text in strings((content.sections, content.appendices)) if len(text) <= IN_A_CELL]
    return {number for text in texts for number in whole(text)}


def html_of(snapshot) -> Markup:
    return Markup(to_html(build(snapshot), snapshot, Pictures()))


@pytest.mark.parametrize("case", CASES)
def test_in_html_they_are_text(case, server):
    snapshot = spoiled(everything(case), hostile.words_of(server[0]))
    numbers, made, plain = printed(build(snapshot)), html_of(snapshot), html_of(everything(case))
    assert numbers
    assert numbers <= set(whole(made.text))
    for page_of in (made, plain):
        page_of.elements.pop(("bdi", "dir"), None)  # what sets words from right to left apart
    assert made.elements == plain.elements, "the page has the elements of one without a hostile word, and no other"
    file = Markup(export("html", snapshot, PDF).decode())
    assert numbers <= set(whole(file.text))
    assert [url for url in file.addresses if not url.startswith(("data:image/svg+xml;base64,", "#"))] == []
    assert [url for url in made.addresses if not url.startswith(("bundle:", "#"))] == []
    assert server[1] == []


@pytest.mark.parametrize("case", CASES)
def test_in_json_and_docx_they_are_text(case, server):
    snapshot = spoiled(everything(case), hostile.words_of(server[0]))
    numbers = printed(build(snapshot))
    said = json.loads(export("json", snapshot, PDF))
    assert numbers <= {number for text in strings(said) for number in whole(text)}
    made = docx.Document(io.BytesIO(export("docx", snapshot, PDF)))
    cells = [cell.text for table in made.tables for row in table.rows for cell in row.cells]
    text = "\n".join([paragraph.text for paragraph in made.paragraphs] + cells)
    assert numbers <= set(whole(text))
    assert server[0] in text
    assert [part.partname for part in made.part.package.iter_parts() if "image" in part.content_type] == [THUMBNAIL]
    assert [relation.reltype for relation in made.part.rels.values() if relation.is_external] == []
    assert made.part.element.xpath("//w:hyperlink | //w:drawing | //w:object | //w:fldSimple | //w:instrText") == []


@pytest.mark.parametrize("case", CASES if PROVE else some(KINDS, 4))
def test_on_paper_they_are_text_and_nothing_is_fetched(case, server, monkeypatch, tmp_path):
    """Drawn in this process, where no filter of the child would stop a request.

    All words in every text of a long document are many pages: there each text has one kind of them, but in full counts.
    """
    url, asked = server
    kinds = hostile.kinds_of_words(url)
    words = "".join(kinds)
    spoilt = Spoiled(everything(case), [words])
    if not PROVE and len(printed(build(spoilt.snapshot))) > MANY:
        spoilt = Spoiled(everything(case), kinds)
    snapshot = spoilt.snapshot
    content = build(snapshot)
    fetched = []
    fetch = pdf.BundleFetcher.fetch
    monkeypatch.setattr(
        pdf.BundleFetcher, "fetch", lambda self, url, *more: fetched.append(url) or fetch(self, url, *more)
    )
    made = render(content, snapshot)
    assert asked == []
    assert fetched
    assert [address for address in fetched if not address.startswith("bundle:")] == []
    pages = [hostile.flat(sheet.extract_text()) for sheet in pypdf.PdfReader(io.BytesIO(made)).pages]
    assert sorted(number for number in printed(content) if not stands(number, spoilt.words[number], pages)) == []
    text = "".join(pages)
    assert [kind for kind in kinds if hostile.flat(kind) not in text] == []
    assert "root:" not in text
    path = tmp_path / "hostile.pdf"
    path.write_bytes(made)
    for profile in ("3a", "ua1") if PROVE or case == "annex-iv" else ():
        assert [failure.message for failure in page.validate_pdf(str(path), profile=profile).failures] == []
    assert_inert(path)


def stands(number: str, words: str, pages: list[str]) -> bool:
    """Say whether a spoiled text is on a page from its beginning to its end, or on two with their margins between."""
    words = hostile.flat(words)
    both = [*pages, *(first + second for first, second in pairwise(pages))]
    for page_text in both:
        for found in re.finditer(rf"\[h{number}\].*?\[/h{number}\]", page_text):
            begun = next(size for size in range(len(words), -1, -1) if words[:size] in found[0])
            if words[begun:] in found[0]:
                return True
    return False


def assert_inert(path) -> None:
    """Nothing in the file asks, opens, runs or shows what the document does not bring: only pages, fonts, evidence."""
    with pikepdf.open(path) as document:
        objects = [item for item in document.objects if isinstance(item, pikepdf.Dictionary | pikepdf.Stream)]
        assert {str(item.get("/S")) for item in objects} & ACTS == set()
        assert [item for item in objects if "/AA" in item or "/OpenAction" in item] == []
        assert [item for item in objects if item.get("/Subtype") == "/Image"] == []
        fonts = {str(item.BaseFont) for item in objects if "/BaseFont" in item}
        assert [name for name in fonts if not any(ours in name.replace("-", "") for ours in SHIPPED)] == []
        assert list(document.attachments) == ["evidence.json"]


def test_the_fetcher_refuses_an_address_that_redirects_without_asking_it():
    with redirecting_server() as (url, asked):
        fetcher = pdf.BundleFetcher({})
        for address in (f"{url}/direct", f"bundle:{url}/in-a-bundle", f"bundle://{url.partition('//')[2]}/as-a-host"):
            with pytest.raises(FatalURLFetchingError, match="not allowed"):
                fetcher.fetch(address)
        assert len(fetcher.refused) == 3
        assert asked == []
        with pytest.raises(HTTPError):
            urlopen(f"{url}/seen")  # noqa: S310 (a server of this test)
        assert asked == ["/seen"], "the server does see who asks it"


@pytest.mark.parametrize("case", CASES)
def test_a_long_text_in_each_field_is_cut_wherever_it_stands(case):
    snapshot = spoiled(everything(case), "y" * 30_000)
    pictures = Pictures()
    html = to_html(build(snapshot), snapshot, pictures)
    assert "[cut here" in html
    assert [len(run) for run in re.findall("y{20001,}", html)] == []
    assert [name for name, svg in pictures.files.items() if re.search("y{121,}", svg)] == []


PLACES = {
    "cover": lambda snapshot, text: snapshot["system"].update(name=text),
    "paragraph": lambda snapshot, text: snapshot["system"].update(purpose=text),
    "cell": lambda snapshot, text: snapshot["findings"][0].update(title=text),
    "name of a parameter": lambda snapshot, text: snapshot["model"]["parameters"].update({text: "1"}),
    "label of a chart": lambda snapshot, text: evidence(snapshot, "explanation/v1")["features"][0].update(feature=text),
    "method": lambda snapshot, text: evidence(snapshot, "performance/v1")["method"].update(auc=text),
    "answer": lambda snapshot, text: snapshot["record"][0].update(answer={"text": text, "role": "owner", "at": AT}),
}


def evidence(snapshot, kind):
    return next(row["payload"] for row in snapshot["evidence"] if row["type"] == kind)


@pytest.mark.parametrize("place", PLACES)
def test_a_megabyte_is_cut_says_so_and_is_in_the_evidence(place):
    snapshot = full("annex-iv")
    PLACES[place](snapshot, "y" * 1_000_000)
    plain, pictures = len(to_html(build(full("annex-iv")), full("annex-iv"), Pictures())), Pictures()
    html = to_html(build(snapshot), snapshot, pictures)
    assert len(html) < plain + 60_000
    assert sum(len(svg) for svg in pictures.files.values()) < 1_000_000
    assert re.search(r"\[cut here: the whole text, 1,000,\d{3} characters, is in evidence.json\]", html)
