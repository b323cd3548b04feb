"""Every kind as a PDF: the same bytes twice, valid, every point on its pages, and hostile words as words."""

import io
import re
import subprocess
from functools import cache
from itertools import pairwise

import page
import pypdf
import pytest

from governance.regulation import record
from reports.documents import signing
from reports.documents.building import build
from reports.documents.kinds import KINDS
from reports.documents.press import Press
from reports.documents.render import Pictures, to_html
from tests.documents import sample_kinds as samples
from tests.documents.sample_letters import LETTERS
from tests.documents.sample_version import CRITERIA, VALIDATION
from tests.documents.signing_authority import Signers
from tests.documents.test_kinds import in_force

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]
CASES = {kind: (lambda kind=kind: samples.full(kind)) for kind in KINDS}
CASES |= {"annex-v signed": samples.signed, "annex-viii exempt": samples.exempt}
OTHERS = sorted(set(CASES) - {"annex-iv"})  # test_render.py looks at Annex IV
HOSTILE = (
    "<script>alert(1)</script> </p><h1>Title</h1> <img src=file:///etc/passwd onerror=x> "
    "<style>p{background:url(http://169.254.169.254/)}</style> <svg onload=alert(1)><image href='file:///etc/shadow'/>"
    "</svg> {% load x %}{{ snapshot }} \u202egnp.exe\u202c שלום مرحبا 🙂👩‍⚖️ 信用评分 한국어"
)


@pytest.fixture(scope="module")
def drawn():
    """Draw each document once, in the child that a worker draws in."""
    press = Press()

    @cache
    def draw(case):
        snapshot = CASES[case]()
        content = build(snapshot)
        return snapshot, content, press.render(content, snapshot)

    draw.press = press
    yield draw
    press.close()


def text_of(pdf):
    return " ".join(" ".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(pdf)).pages).split())


@pytest.mark.parametrize("profile", ["3a", "ua1"])
@pytest.mark.parametrize("case", OTHERS)
def test_the_file_passes_validation(case, profile, drawn, tmp_path):
    path = tmp_path / "document.pdf"
    path.write_bytes(drawn(case)[2])
    report = page.validate_pdf(str(path), profile=profile)
    assert [failure.message for failure in report.failures] == []
    assert report.rules.passed == report.rules.total


@pytest.fixture(scope="module")
def signers(tmp_path_factory):
    return Signers.made_in(tmp_path_factory.mktemp("pki") / "good")


@pytest.mark.parametrize("case", OTHERS)
def test_signed_it_passes_too_and_other_programs_find_nothing_wrong(case, drawn, signers, tmp_path):
    path = tmp_path / "signed.pdf"
    path.write_bytes(signing.sign(drawn(case)[2], signers.identity()).pdf)
    reports = [page.validate_pdf(str(path), profile=profile) for profile in ("3a", "ua1")]
    assert [failure.message for report in reports for failure in report.failures] == []
    assert "Signature is Valid." in said_of(path, "pdfsig", "-nocert")
    assert "No syntax or stream encoding errors" in said_of(path, "qpdf", "--check")
    fonts = said_of(path, "pdffonts").splitlines()[2:]
    assert fonts
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in fonts), fonts


def said_of(path, *command):
    """What another program prints of a file."""
    return subprocess.run([*command, path], capture_output=True, text=True).stdout


@pytest.mark.parametrize("case", OTHERS)
def test_two_processes_draw_the_same_bytes(case, drawn):
    snapshot, content, pdf = drawn(case)
    drawn.press.close()
    assert drawn.press.render(content, snapshot) == pdf


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
    printed = set()
    for case in (case for case in CASES if case.split()[0] == kind):
        _, content, pdf = drawn(case)
        for section, part in zip(content.sections, slices(content, text_of(pdf)), strict=True):
            if section.point:
                printed.add(section.point)
                assert f"{section.point} " in part.replace("\u00a0", " "), section.point
            place = 0
            for paragraph in section.paragraphs:
                begins = re.escape(" ".join(paragraph.text.split())[:40])
                found = re.compile(rf"{paragraph.state.upper()}.{{1,700}}?{begins}").search(part, place)
                assert found, f"{section.number}: {paragraph.state}: {paragraph.text[:60]}"
                place = found.end()
    assert set(in_force(KINDS[kind])) <= printed


@pytest.mark.parametrize("case", OTHERS)
def test_no_page_says_compliant_and_only_a_signatory_says_in_conformity(case, drawn):
    text = text_of(drawn(case)[2])
    assert re.search(r"\bcompliant\b", text, re.IGNORECASE) is None
    assert ("in conformity with" in text) == (case == "annex-v signed")


def hostile(kind):
    """A snapshot in which everything that people write is hostile."""
    snapshot = samples.full(kind)
    said = {"text": HOSTILE, "role": "owner", "at": samples.AT, "log_index": 62}
    for row in snapshot.get("record", []):
        row["answer"] = said
    snapshot["system"] |= {"name": HOSTILE, "purpose": HOSTILE}
    if kind == "incident":
        snapshot["incident"] |= {"title": HOSTILE}
    if kind == "model-risk":
        first, *rest = samples.PORTFOLIO["systems"]
        snapshot["portfolio"] = samples.PORTFOLIO | {"systems": [first | {"name": HOSTILE}, *rest]}
    if kind in LETTERS:
        words = dict.fromkeys(("text", "answer", "reference", "decision", "due_basis"), HOSTILE)
        snapshot["letter"] = LETTERS[kind] | words
    if kind in {"model-card", "validation-report"}:
        words = {"scope": HOSTILE, "methods": HOSTILE, "out_of_scope": HOSTILE, "at": samples.AT, "log_index": 62}
        made = [row | {"name": HOSTILE, "done": HOSTILE, "measure": HOSTILE} for row in VALIDATION["tests"]]
        snapshot["validation"] = VALIDATION | {"plan": words, "tests": made}
        snapshot["criteria"] = CRITERIA | {"criteria": [{"id": "a", "title": HOSTILE, "expr": HOSTILE}]}
    if kind == "annex-v":
        snapshot["signatory"] = samples.SIGNATORY | {"name": HOSTILE, "place": HOSTILE}
    return snapshot


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_hostile_words_are_words(kind, drawn):
    snapshot = hostile(kind)
    content = build(snapshot)
    html = to_html(content, snapshot, Pictures())
    for markup in ("<script", "<img src=file", "<style>p", "<svg onload", "<h1>Title"):
        assert markup not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "{{ snapshot }}" in html
    text = text_of(drawn.press.render(content, snapshot))
    assert "<script>alert(1)</script>" in text
    assert "信用评分" in text


def test_a_text_of_a_megabyte_is_cut_and_says_so(drawn):
    snapshot = samples.full("fria")
    for row in snapshot["record"]:
        row["answer"] = {"text": "word " * 200_000, "role": "owner", "at": samples.AT, "log_index": 62}
    content = build(snapshot)
    questions = sum(bool(set(row.points) & set(in_force(KINDS["fria"]))) for row in record.load().questions.values())
    assert len(to_html(content, snapshot, Pictures())) < questions * 25_000 + 500_000
