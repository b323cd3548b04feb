"""A document speaks the language of its snapshot from its first word to its last; what it quotes stays as it is."""

import hashlib
import io
import re
from dataclasses import fields, is_dataclass
from functools import cache
from html import unescape

import docx
import pytest

from governance.accounts.roles import Role
from governance.approvals.models.findings import Finding
from governance.approvals.models.requests import ChangeClass, Decision, State
from governance.evidence.models import Evidence
from governance.inventory.models import AISystem, Declaration, Risk
from governance.policy.duties import ADDABLE, FLOOR
from governance.policy.evaluate import Ruling
from governance.validation import models as validation
from monitoring.incidents.models import Incident
from monitoring.models import Alert, DriftRun
from registry.models import Permit
from reports.documents import press_child, translation
from reports.documents.building import build
from reports.documents.comparing import NotComparable, compare
from reports.documents.exports import export
from reports.documents.kinds import KINDS
from reports.documents.render import Pictures, laid_out, sections_shown
from reports.documents.snapshot import SnapshotInvalid, canonical
from reports.documents.translation import CatalogueInvalid, UnknownLanguage, _, counted, speaking
from reports.documents.vocabulary import WORDS
from reports.documents.wording import spelled, words
from reports.facts_documents import name_language
from scripts import messages
from tests.documents import hostile, pseudo
from tests.documents.sample_kinds import CASES, bare, everything, full

PDF = "sha256:" + "a" * 64
SAMPLES = {case: lambda case=case: everything(case) for case in CASES}
SAMPLES |= {f"{kind} bare": lambda kind=kind: bare(kind) for kind in KINDS}
# Of a document's content, what is printed in no words of its own or through ``words``: ids, tones, roles, charts.
UNPRINTED = {"svg", "kind", "tone", "state", "owner", "role", "anchor", "page_starts", "language", "origin"}
# Names that are nobody's words: products, types of data, beginnings of the types of evidence, keys of records.
NAMES = re.compile(
    r"Placet|Python|weasyprint|placet\.example/log|string|long|double|\w+\.(suspended|applied)|portfoli\S*|system/\w+"
    r"|performance|fairness|explanation|human"
)
NUMBER = re.compile(r"([A-Z]|\d+)(\.\d+|\((\d+|[a-z]+)\))*")


@cache
def pseudo_messages():
    """The pseudo language's catalogue, read from the code once."""
    return pseudo.bracketed(messages.messages())


@pytest.fixture
def spoken(tmp_path, monkeypatch):
    """The pseudo language is there, and no other than English; texts of the law and the record count as quoted."""
    monkeypatch.setattr(translation, "LOCALE", tmp_path)
    monkeypatch.setattr(hostile, "OURS", frozenset({"owners", "law.version"}))
    monkeypatch.setattr(hostile, "NAMED", hostile.NAMED | {"method", "settings"})
    monkeypatch.setattr(hostile, "CHOICES", hostile.CHOICES | {"route", "change"})
    pseudo.write(tmp_path, pseudo.LANGUAGE, pseudo_messages())
    return tmp_path


def in_pseudo(snapshot):
    """The snapshot in the pseudo language."""
    return snapshot | {"document": snapshot["document"] | {"language": pseudo.LANGUAGE}}


def quoted(snapshot):
    """The same with marks around all that somebody wrote."""
    return in_pseudo(hostile.spoiled(snapshot, ""))


def printed(value):
    """Yield each text that a document's content prints, those of its charts among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from printed(part)
    elif is_dataclass(value):
        for field in fields(value):
            if field.name == "svg":
                yield from re.findall(r">([^<]+)<", value.svg)
            elif field.name not in UNPRINTED:
                yield from printed(getattr(value, field.name))


def english(texts):
    """The texts that hold words which nobody translated and nobody quoted."""
    left = {text: pseudo.words_in(text) for text in texts if not (text.startswith("[h") and text.endswith("…"))}
    chosen = [row for row in hostile.CHOSEN if len(row) > 3]
    return {
        text: rest
        for text, rest in left.items()
        if rest and not (NAMES.fullmatch(rest) or NUMBER.fullmatch(rest) or any(row in rest for row in chosen))
    }


ATTRIBUTES = re.compile(
    r' (?:alt|data-status|data-title|data-running)="([^"]*)"|name="(?:description|keywords)"\s+content="([^"]*)"'
)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_word_of_a_document_is_left_in_english(name, spoken):
    snapshot = quoted(SAMPLES[name]())
    content = build(snapshot)
    assert content.language == pseudo.LANGUAGE
    assert english(printed(content)) == {}
    html = export("html", snapshot, PDF).decode()
    said = [unescape("".join(found)) for found in ATTRIBUTES.findall(html)]
    assert english([*hostile.Markup(html).texts, *said]) == {}


@pytest.mark.parametrize("name", ["fria", "registration-49 bare"])
def test_the_draft_to_edit_speaks_it_too(name, spoken):
    made = docx.Document(io.BytesIO(export("docx", quoted(SAMPLES[name]()), PDF)))
    cells = [cell.text for table in made.tables for row in table.rows for cell in row.cells]
    assert english([paragraph.text for paragraph in made.paragraphs] + cells) == {}


def test_another_language_is_other_words_and_nothing_else(spoken):
    before, after = build(full("annex-v")), build(in_pseudo(full("annex-v")))
    for one, other in zip(before.sections, after.sections, strict=True):
        assert (one.anchor, one.number, one.level, one.point) == (other.anchor, other.number, other.level, other.point)
        assert [row.state for row in one.paragraphs] == [row.state for row in other.paragraphs]
    assert "⟦Two dates of application⟧" in [block.caption for block in after.appendices]
    assert (before.language, after.language) == ("en", pseudo.LANGUAGE)
    assert build(full("annex-v")) == before, "what is made after it is in English again"


def test_the_page_the_paper_and_the_child_that_draws_speak_it_too(spoken, monkeypatch):
    snapshot = in_pseudo(full("fria"))
    content = build(snapshot)
    rows = [row for section in sections_shown(content, Pictures()) for row in section["paragraphs"]]
    assert {row["label"] for row in rows} == {"⟦Measured⟧", "⟦Declared⟧", "⟦Missing⟧"}
    sheet = laid_out(content, snapshot)
    assert 'content: "⟦Page " counter(page) " of " counter(pages) "⟧";' in sheet.css
    assert 'content: "⟦Document " string(id) "\\A Snapshot " string(digest) "⟧";' in sheet.css
    assert "var(--" not in sheet.css
    assert sheet.attached.startswith("⟦Snapshot behind this document")
    drawn = []
    monkeypatch.setattr(press_child.render, "render", lambda content, snapshot: drawn.append(content) or b"")
    press_child.answer(b'{"do":"render","snapshot":' + canonical(snapshot) + b"}")
    assert drawn == [content]


@pytest.mark.parametrize("form", ["html", "json"])
def test_what_is_spoken_around_it_changes_no_document(form, spoken):
    plain = export(form, full("fria"), PDF)
    with speaking(pseudo.LANGUAGE):
        assert export(form, full("fria"), PDF) == plain
        assert _("Contents") == "⟦Contents⟧"
    assert _("Contents") == "Contents"


def test_a_document_without_a_language_and_one_in_english_say_the_same(spoken):
    named = full("fria")
    named["document"]["language"] = "en"
    assert build(named).sections == build(full("fria")).sections
    assert build(full("fria")).language == "en"


def test_a_language_without_a_catalogue_is_refused_with_those_that_there_are(spoken):
    snapshot = full("fria")
    for language in ("de", "../qps", "locale"):
        snapshot["document"]["language"] = language
        with pytest.raises(SnapshotInvalid, match=f"'{re.escape(language)}'; this release has words in en, qps"):
            build(snapshot)
        with pytest.raises(UnknownLanguage, match="there is en, qps"), speaking(language):
            pass


@pytest.mark.parametrize(
    ("translated", "problem"),
    [
        ("Vom {day} an", r"differ in {day}, {said}"),
        ("", ""),
        ("gilt ab {said} bis {end}", r"differ in {end}"),
        ("gilt", r"differ in {said}"),
        ("gilt ab {said.__class__}", "no bare name"),
        ("gilt ab {said!r}", "no bare name"),
        ("gilt ab {said:>9}", "no bare name"),
        ("gilt ab {}", "no bare name"),
        ("gilt ab {said", "cannot be filled in"),
    ],
)
def test_a_translation_that_cannot_be_filled_in_spoils_its_catalogue(translated, problem, tmp_path, monkeypatch):
    monkeypatch.setattr(translation, "LOCALE", tmp_path)
    pseudo.write(tmp_path, "de", {"applies from {said}": translated or "gilt ab {said}"})
    snapshot = full("fria")
    snapshot["document"]["language"] = "de"
    if not problem:
        assert "gilt ab" in build(snapshot).sections[0].duty
        return
    with pytest.raises(CatalogueInvalid, match=problem):
        build(snapshot)


def test_what_is_no_catalogue_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(translation, "LOCALE", tmp_path)
    pseudo.write(tmp_path, "de", {})
    next(tmp_path.rglob("*.mo")).write_text('msgid "Contents"\nmsgstr "Inhalt"\n')
    with pytest.raises(CatalogueInvalid, match="de can't be read: compile it"), speaking("de"):
        pass


def test_a_number_of_things_has_the_forms_of_the_language(tmp_path, monkeypatch):
    monkeypatch.setattr(translation, "LOCALE", tmp_path)
    head = pseudo.HEAD.replace("nplurals=1; plural=0", "nplurals=2; plural=(n != 1)")
    pseudo.write(tmp_path, "de", {"": head, "{n} rows\0{n} rows": "{n} Zeile\0{n} Zeilen"})
    with speaking("de"):
        assert [counted("{n} rows", n).format(n=n) for n in (0, 1, 2)] == ["0 Zeilen", "1 Zeile", "2 Zeilen"]
        assert counted("{n} rows", None) == "{n} Zeilen"
    assert counted("{n} rows", 1) == "{n} rows"


def test_documents_are_compared_in_one_language(spoken):
    older, newer = full("fria"), in_pseudo(full("fria"))
    newer["document"] |= {"id": older["document"]["id"][::-1], "created_at": "2026-12-01T00:00:00.000000Z"}
    for row in newer["evidence"]:
        row["log_index"] += 1
    with pytest.raises(NotComparable, match="'en' is not compared with one in 'qps'"):
        compare(build(older), build(newer))
    assert compare(build(older, language=pseudo.LANGUAGE), build(newer)).is_empty


def test_words_of_our_own_lists_are_translated_and_those_of_others_are_not(spoken):
    with speaking(pseudo.LANGUAGE):
        assert words("risk_officer") == "⟦risk officer⟧"
        assert words("owner, risk_officer") == "⟦owner⟧, ⟦risk officer⟧"
        assert words("housing_type") == "housing type"
        assert spelled("risk_officer") == "risk officer"


LISTS = [
    Role,
    State,
    ChangeClass,
    Decision.Verdict,
    Finding.Severity,
    Evidence.Origin,
    AISystem.State,
    Declaration.Verdict,
    Risk.Kind,
    Risk.State,
    Incident.State,
    Alert.State,
    Alert.Severity,
    DriftRun.Outcome,
    Permit.Kind,
    validation.State,
    validation.Opinion,
    validation.Validation.Occasion,
    validation.ValidationTest.Kind,
    validation.ValidationTest.Outcome,
]


def test_the_vocabulary_holds_every_word_of_the_lists_that_documents_print():
    values = {str(value) for choices in LISTS for value in choices.values}
    assert {value for value in (*values, *FLOOR, *ADDABLE, *Ruling) if spelled(value) not in WORDS} == set()


def test_the_template_for_translators_holds_what_documents_say_now():
    assert messages.POT.read_text(encoding="utf-8") == messages.pot(), "run make messages"


@pytest.mark.parametrize("source", ['_(f"{n} rows")', '_("a" + b)', "N_(text)", "counted(text, n)"])
def test_a_text_that_is_built_inside_its_mark_is_refused(source):
    with pytest.raises(messages.NotAText, match="line 1: mark a whole text"):
        list(messages.in_code(source, "some.py"))


def test_a_new_snapshot_names_its_language_and_catalogue_and_english_names_neither(spoken):
    english_one = {"document": {"id": "1"}, "environment": {"weasyprint": "70.0"}}
    name_language(english_one, "en")
    assert english_one == {"document": {"id": "1"}, "environment": {"weasyprint": "70.0"}}
    made = {"document": {"id": "1"}, "environment": {"weasyprint": "70.0"}}
    name_language(made, pseudo.LANGUAGE)
    digest = hashlib.sha256(next(spoken.rglob("*.mo")).read_bytes()).hexdigest()
    assert made["document"]["language"] == pseudo.LANGUAGE
    assert made["environment"] == {"weasyprint": "70.0", "catalogue qps": f"sha256:{digest}"}
    name_language(made, "en")
    assert made["document"]["language"] == pseudo.LANGUAGE, "of a signed document it is that of its draft"
    with pytest.raises(UnknownLanguage, match="'de'"):
        name_language({"document": {}}, "de")
