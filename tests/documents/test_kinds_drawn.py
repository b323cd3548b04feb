"""Every kind as a PDF: the same bytes twice, valid, signed so that others say valid, and every point on its pages."""

import io
import re
import subprocess
from itertools import pairwise

import page
import pypdf
import pytest

from reports.documents import signing
from reports.documents.building import leaves
from reports.documents.kinds import KINDS
from reports.documents.press import Press
from tests.documents.sample_kinds import CASES
from tests.documents.signature_checks import flipped, pdfsig, pyhanko
from tests.documents.test_kinds import in_force
from tests.proving import PROVE, some

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]
# Each kind with a time-stamp, what else its cases say without one; `make prove` signs everything both ways.
SIGNED = [(case, level) for case in CASES for level in ("B-B", "B-LT") if PROVE or (case in KINDS) == (level == "B-LT")]


def text_of(pdf):
    return " ".join(" ".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(pdf)).pages).split())


def assert_valid(path):
    """The file passes as PDF/A-3a and as PDF/UA-1."""
    for profile in ("3a", "ua1"):
        report = page.validate_pdf(str(path), profile=profile)
        assert [failure.message for failure in report.failures] == []
        assert report.rules.passed == report.rules.total


@pytest.mark.parametrize("case", CASES)
def test_the_file_passes_validation(case, drawn, tmp_path):
    path = tmp_path / "document.pdf"
    path.write_bytes(drawn(case)[2])
    assert_valid(path)


@pytest.fixture(scope="module")
def identities(signers):
    with signers.serving() as stamping:
        yield {"B-B": signers.identity(), "B-LT": stamping}


@pytest.mark.parametrize(("case", "level"), SIGNED)
def test_signed_it_passes_too_and_others_say_valid_until_a_byte_is_flipped(
    case, level, drawn, signers, identities, tmp_path
):
    pages = drawn(case)[2]
    signed = signing.sign(pages, identities[level])
    assert bool(signed.time_stamp_ends_at) == (level == "B-LT")
    path = tmp_path / "signed.pdf"
    path.write_bytes(signed.pdf)
    assert_valid(path)
    assert "No syntax or stream encoding errors" in said_of(path, "qpdf", "--check")
    fonts = said_of(path, "pdffonts").splitlines()[2:]
    assert fonts
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in fonts), fonts
    assert "Signature is Valid." in pdfsig(signed.pdf, tmp_path)
    status = pyhanko(signed.pdf, signers, level=level)
    assert status.bottom_line
    assert bool(status.timestamp_validity and status.timestamp_validity.trusted) == (level == "B-LT")
    spoilt = flipped(signed.pdf, len(pages) // 2)
    assert "Digest Mismatch" in pdfsig(spoilt, tmp_path)
    assert not pyhanko(spoilt, signers, level=level).bottom_line


def said_of(path, *command):
    """What another program prints of a file."""
    return subprocess.run([*command, path], capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def another_press():
    """A second child, as another worker has: one for all cases, since each needs seconds to start."""
    made = Press()
    yield made
    made.close()


@pytest.mark.parametrize(
    "case", some([case for case in CASES if PROVE or case != "annex-iv"], 4)
)  # test_render.py draws it again
def test_two_processes_draw_the_same_bytes(case, drawn, another_press):
    snapshot, content, pdf = drawn(case)
    assert another_press.render(content, snapshot) == pdf


def slices(content, text):
    """What is printed under each section, in reading order, from its heading to the next one."""
    headings = [*(f"{section.number} {section.title}" for section in content.sections), "G Gaps and who owes them"]
    place = text.index("M Methods and reproduction")  # the last line of the contents
    starts = []
    for heading in headings:
        place = text.find(f"{heading} ", place)
        assert place >= 0, f"{heading} is not on the pages, or not in its place"
        starts.append(place)
        place += len(heading)
    return [text[begin:end] for begin, end in pairwise(starts)]


@pytest.mark.parametrize("kind", [kind.id for kind in KINDS.values() if kind.groups])
def test_every_point_in_force_is_on_the_pages_with_what_stands_behind_it(kind, drawn):
    printed, points = set(), in_force(KINDS[kind])
    for case in (case for case in CASES if case.split()[0] == kind):
        _, content, pdf = drawn(case)
        for section, part in zip(content.sections, slices(content, text_of(pdf)), strict=True):
            if section.point:
                printed.add(section.point)
                assert f"{section.point} " in part.replace("\u00a0", " "), section.point
                assert section.paragraphs or section.point not in leaves(points), f"nothing is said of {section.point}"
            place = 0
            for paragraph in section.paragraphs:
                begins = re.escape(" ".join(paragraph.text.split())[:40])
                found = re.compile(rf"{paragraph.state.upper()}.{{1,700}}?{begins}").search(part, place)
                assert found, f"{section.number}: {paragraph.state}: {paragraph.text[:60]}"
                place = found.end()
    assert set(in_force(KINDS[kind])) <= printed


@pytest.mark.parametrize("case", CASES)
def test_no_page_says_compliant_and_only_a_signatory_says_in_conformity(case, drawn):
    text = text_of(drawn(case)[2])
    assert re.search(r"\bcompliant\b", text, re.IGNORECASE) is None
    assert ("in conformity with" in text) == (case == "annex-v signed")
