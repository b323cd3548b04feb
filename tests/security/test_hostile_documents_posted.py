"""Hostile words posted through the forms are words in the documents that print them: nothing is fetched or linked."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import docx
import pypdf
import pytest
from django.test import Client
from django.urls import reverse

from governance.accounts.models import User
from governance.inventory.models import Correspondence
from monitoring.incidents.models import Incident
from reports import services
from reports.documents import pdf
from reports.documents.building import build
from reports.documents.render import render
from reports.models import Document
from tests.documents import hostile
from tests.documents.hostile import Markup, redirecting_server, strings, whole
from tests.documents.test_hostile_documents import assert_inert, printed, stands
from tests.factories import PASSWORD, accept, record_applied
from tests.reports.factories import Bank
from tests.security.bodies import days
from tests.security.sending import alive

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]
ANSWERED = {"description": ("product-part",), "development": ("standards",), "risk": ("risk-process",)}
PAGES = ("annex-iv", "risk-file", "incident", "answer-86")


class Posted:
    """A bank's forms, filled in with hostile words, and their numbers by what they say: ``risk: hazard``."""

    def __init__(self, bank: Bank, server: str) -> None:
        self.bank, self.server = bank, server
        self.numbers: dict[str, str] = {}
        self.words: dict[str, str] = {}

    def text(self, what: str, *, most: int = 1_000) -> str:
        """Return hostile words that are not in use yet: all kinds of them, or one where few characters are taken."""
        number = str(len(self.words) + 1)
        kinds = hostile.kinds_of_words(self.server)
        self.numbers[what] = number
        self.words[number] = "".join(kinds) if most > 500 else kinds[int(number) % len(kinds)]
        return f"[h{number}]{what} {self.words[number]}[/h{number}]"

    def post(self, person: User, name: str, *args: Any, **values: Any) -> None:
        """Send a form as somebody; it must be taken."""
        client = Client()
        client.force_login(person)
        answer = client.post(reverse(name, args=args), values)
        assert answer.status_code == 302, (name, answer.content.decode()[-3_000:])

    def everything(self) -> None:
        """Fill in every form of the system whose words a document prints, and the decisions, of which none does."""
        bank, text, day = self.bank, self.text, days()
        system = bank.system.pk
        for section, questions in ANSWERED.items():
            said = {f"answer-{name}": text(f"answer: {name}") for name in questions}
            self.post(bank.owner, "system-record-answer", system, section, **said)
        risk = {"kind": "financial", "likelihood": 3, "severity": 2, "review_on": day["$soon"]}
        said = {name: text(f"risk: {name}") for name in ("hazard", "affected", "measures", "tests")}
        title = text("risk: title", most=200)
        residual = {"residual_likelihood": 1, "residual_severity": 1}
        self.post(bank.owner, "risk-new", system, title=title, **said, **risk, **residual)
        self.post(bank.owner, "modification-new", system, kind="facts", what=text("modification: what"))
        finding = {"title": text("finding: title", most=300), "description": text("finding: description")}
        self.post(bank.validator, "finding-raise", system=system, severity="medium", source="validation", **finding)
        self._incident(str(system), day["$past"])
        letter = {"kind": "explanation-86", "reference": "CASE-9", "received_on": day["$today"]}
        letter |= {"due_on": day["$soon"], "due_basis": text("letter: basis of its day", most=200)}
        letter |= {"decision": text("letter: decision", most=200), "text": text("letter: question")}
        self.post(bank.owner, "correspondence-new", system, **letter)
        row = Correspondence.objects.get()
        self.post(bank.owner, "correspondence-answer", system, row.pk, answer=text("letter: answer"))

    def _incident(self, system: str, past: str) -> None:
        said = {"title": self.text("incident: title", most=300), "what_happened": self.text("incident: what happened")}
        said |= {"persons": self.text("incident: persons"), "harms": "rights", "aware_at": past}
        self.post(self.bank.owner, "incident-new", system=system, **said)
        row = Incident.objects.get()
        report = {"authority": self.text("report: authority", most=200), "reference": "MSA-1", "sent_at": past}
        self.post(self.bank.owner, "incident-report", row.pk, remarks=self.text("report: remarks"), **report)

    def approved(self) -> None:
        """Put a version into production whose approvers gave hostile reasons."""
        bank = self.bank
        made = bank.reviewed(number=1)
        accept(made.approval, bank.validator)
        for person in (bank.validator, bank.officer):
            said = {"verdict": "approve", "change_class": "non-substantial", "no_conflict": "on", "password": PASSWORD}
            rationale = self.text(f"decision: {person.name}")
            self.post(person, "review-decide", made.approval.pk, rationale=rationale, **said)
        record_applied(made.pk)


@pytest.fixture
def bank(db: None, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Bank:
    """The bank; documents are drawn in this process, where no filter of the child would stop a request."""
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: render(content, snapshot))
    return Bank()


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    with redirecting_server() as (url, asked):
        yield url, asked


def drawn(bank: Bank, kind: str) -> Document:
    about = {"incident": Incident, "answer-86": Correspondence}.get(kind)
    row = str(about.objects.get().pk) if about else ""
    job = services.request_document(kind=kind, ai_system=bank.system, requester=bank.owner, about=row)
    made = services.build_document(job.pk).document
    assert made
    return made


def test_what_was_posted_stands_in_the_documents_as_words(
    bank: Bank, server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
):
    url, asked = server
    posted, fetched = Posted(bank, url), []
    posted.approved()
    posted.everything()
    fetch = pdf.BundleFetcher.fetch
    monkeypatch.setattr(
        pdf.BundleFetcher, "fetch", lambda self, at, *more: fetched.append(at) or fetch(self, at, *more)
    )
    reader = Client()
    reader.force_login(bank.auditor)
    found: set[str] = set()
    for kind in PAGES:
        made = drawn(bank, kind)
        numbers = printed(build(made.snapshot)) & posted.words.keys()
        found |= numbers
        files = {
            form: b"".join(reader.get(reverse("document-download", args=[made.pk]), {"format": form}))
            for form in ("html", "json", "docx", "pdf")
        }
        page = Markup(files["html"].decode())
        assert numbers <= set(whole(page.text)), kind
        assert alive(page, url) == []
        assert [at for at in page.addresses if not at.startswith(("data:image/svg+xml;base64,", "#"))] == []
        assert numbers <= {number for text in strings(json.loads(files["json"])) for number in whole(text)}, kind
        assert numbers <= set(whole(text_of(docx.Document(io.BytesIO(files["docx"]))))), kind
        sheets = [hostile.flat(sheet.extract_text()) for sheet in pypdf.PdfReader(io.BytesIO(files["pdf"])).pages]
        assert sorted(number for number in numbers if not stands(number, posted.words[number], sheets)) == [], kind
        assert "root:" not in "".join(sheets)
        path = tmp_path / f"{kind}.pdf"
        path.write_bytes(files["pdf"])
        assert_inert(path)
    assert asked == []
    assert fetched
    assert [at for at in fetched if not at.startswith("bundle:")] == []
    unprinted = {what for what, number in posted.numbers.items() if number not in found}
    decisions = {f"decision: {person.name}" for person in (bank.validator, bank.officer)}
    assert unprinted == {"finding: description", "modification: what", *decisions}, "no document prints these"


def text_of(made: Any) -> str:
    cells = [cell.text for table in made.tables for row in table.rows for cell in row.cells]
    return "\n".join([paragraph.text for paragraph in made.paragraphs] + cells)
