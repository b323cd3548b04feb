"""The two letters to persons: the notice that a system is used (Art. 26(11)), the answer to who asks why (Art. 86).

Plain words, since people read them who know nothing of models; what nobody wrote or measured is missing here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reports.documents import model_blocks, record_blocks
from reports.documents import record_answers as answers
from reports.documents.asks import Ask
from reports.documents.content import Cell, Column, Declarant, Facts, Paragraph, Source, Table
from reports.documents.kind import Kind
from reports.documents.outline import Part, Wanted, questions_of, sections
from reports.documents.snapshot import Record, Snapshot, evidence_source, record_source
from reports.documents.translation import N_, _
from reports.documents.wording import DASH, day, decimal, spelled

NO_LETTER = N_("No notice or request is named.")


def _letter(snapshot: Snapshot) -> Record:
    return snapshot.part("letter")


def recorded(snapshot: Snapshot, text: str, *blocks: Facts) -> list[Paragraph]:
    """Return one paragraph that rests on the record of the correspondence; none where none is named."""
    letter = _letter(snapshot)
    if not letter.get("id"):
        return []
    source = record_source(letter, _("correspondence"), _("Notice or request"), at_key="recorded_at")
    return [Paragraph("measured", text, tuple(blocks), (source,))]


def written(name: str, label: str, *, by: str) -> Callable[[Snapshot], list[Paragraph]]:
    """Return an answer with what a person wrote of the correspondence.

    Args:
        name: of the text in the snapshot.
        by: whose words they are: ``recorded`` or ``answered``.
    """

    def answer(snapshot: Snapshot) -> list[Paragraph]:
        letter = _letter(snapshot)
        text, at = letter.get(name), letter.get(f"{by}_at")
        if not text or not at:
            return []
        who = Declarant(str(letter.get(f"{by}_by_role") or "person"), str(at)[:10], letter.get("log_index"))
        return [Paragraph("declared", f"{_(label)}: {text}" if label else str(text), declared_by=who)]

    return answer


def about(snapshot: Snapshot) -> list[Paragraph]:
    """Which letter it is, by number, reference and days."""
    letter = _letter(snapshot)
    facts = {
        _("Your reference"): str(letter.get("reference") or DASH),
        _("Our number"): str(letter.get("number") or DASH),
        _("Your request came on"): day(letter.get("received_on")),
        _("To be answered by"): _due(letter),
        _("Sent on"): day(letter.get("sent_on")),
    }
    shown = {label: value for label, value in facts.items() if value != DASH}
    return recorded(snapshot, _("This letter is recorded as follows."), record_blocks.values(_("This letter"), shown))


def _due(letter: Record) -> str:
    return f"{day(letter['due_on'])} ({letter.get('due_basis')})" if letter.get("due_on") else DASH


def system_named(snapshot: Snapshot) -> list[Paragraph]:
    """The name of the system; its purpose follows."""
    system = snapshot.part("system")
    if not _letter(snapshot).get("id") or not system.get("id"):
        return []
    text = _("We use an AI system called “{name}”.").format(name=system["name"])
    return [answers.measured(text, system, _("system record"), at_key="recorded_at")]


def right_to_explanation(snapshot: Snapshot) -> list[Paragraph]:
    """That the Act knows a right to an explanation, and for whom; it rests on the register of the law."""
    if not _letter(snapshot).get("id"):
        return []
    law = snapshot.part("law")
    digest = str(law["version"]).rpartition("sha256:")[2]
    source = Source(
        str(law["version"]).partition("+")[0], _("legal register"), _("Register of the AI Act"),
        f"sha256:{digest}" if digest else None, origin="recorded",
    )  # fmt: skip
    text = _(
        "If a decision that rests on this system affects you badly, you may have a right to an explanation "
        "of the part that the system played and of the main reasons for the decision (Article 86 of the AI "
        "Act)."
    )
    return [Paragraph("measured", text, sources=(source,))]


def decision(snapshot: Snapshot) -> list[Paragraph]:
    """Which decision was asked about, and when the system gave its result."""
    letter = _letter(snapshot)
    if not letter.get("decision"):
        return []
    logged = (letter.get("explained") or {}).get("logged") or {}
    at = " " + _("The system gave its result on {at}.").format(at=day(logged["at"])) if logged.get("at") else ""
    return recorded(
        snapshot,
        _("You asked about the decision with the number {decision}.{at}").format(decision=letter["decision"], at=at),
    )


def explained(snapshot: Snapshot) -> list[Paragraph]:
    """What made up the system's result for this one decision; missing, with the reason, where nobody can say."""
    letter = _letter(snapshot)
    found, row = letter.get("explained"), snapshot.evidence("explanation/v1")
    if not found or row is None:
        why = str(letter.get("unexplained") or _("no explanation of this version is on record"))
        if not letter.get("id"):
            return []
        text = _("How the system came to its result for this decision can't be shown: {why}").format(why=why)
        return [Paragraph("missing", text, owner=snapshot.owner("result", "engineer"))]
    sources = (
        evidence_source(row),
        record_source(letter, _("correspondence"), _("Notice or request"), at_key="recorded_at"),
    )
    paragraphs = [Paragraph("measured", _result(found), (_reasons(found),), sources)]
    if said := _now_and_then(found.get("logged") or {}):
        paragraphs.append(Paragraph("measured", said, sources=sources))
    return paragraphs


def _result(found: Record) -> str:
    said = decimal(found.get("said"))
    if found.get("label"):
        outcome = _("the probability {said} of “{label}”").format(said=said, label=found["label"])
    else:
        outcome = _("the value {said}").format(said=said)
    return _(
        "For your case the system gave {outcome}. Below are the pieces of information that counted most, "
        "and whether each made this number higher or lower than it is on average. The information itself "
        "is not printed here."
    ).format(outcome=outcome)


def _reasons(found: Record) -> Table:
    return Table(
        _("What counted most in the result"),
        (Column(_("Information"), width=50), Column(_("It made the number")), Column(_("By how much"), numeric=True)),
        tuple(
            (
                Cell(spelled(str(row.get("feature")))),
                Cell(_("higher") if row["phi"] > 0 else _("lower") if row["phi"] < 0 else _("no different")),
                Cell(decimal(row["phi"], signed=True)),
            )
            for row in found.get("contributions") or ()
        ),
        note=_(
            "In {output}, from {base} on average to {score} for this case ({explainer}). It describes how the "
            "system came to its number; it says nothing about you."
        ).format(
            output=model_blocks.output_of(found, _("the unit of the model")),
            base=decimal(found.get("base")),
            score=decimal(found.get("score")),
            explainer=found.get("explainer"),
        ),
    )


def _now_and_then(logged: Record) -> str:
    if not logged.get("differs"):
        return ""
    turned = (
        " " + _("With the number of today the system would point to another decision.") if logged.get("turned") else ""
    )
    return _(
        "When the decision was taken the system had given {logged}. Asked again today it gives another "
        "number, and the table explains that of today.{turned}"
    ).format(logged=decimal(logged.get("logged")), turned=turned)


def in_general(snapshot: Snapshot) -> list[Paragraph]:
    """What counts in the system's results on the whole."""
    row = snapshot.evidence("explanation/v1")
    if row is None or not _letter(snapshot).get("id"):
        return []
    text = _("Over all cases that were examined, these pieces of information count most in the results of the system.")
    return [answers.from_evidence(text, row, model_blocks.explanation(row["payload"]))]


def state(snapshot: Snapshot) -> list[Paragraph]:
    """Where the notice or the request stands, by its record."""
    letter = _letter(snapshot)
    number = letter.get("number")
    if letter.get("state") == "sent":
        return recorded(
            snapshot,
            _("{number} was sent on {sent_on}, as recorded.").format(number=number, sent_on=day(letter.get("sent_on"))),
        )
    return recorded(snapshot, _("{number} is recorded and not sent yet: this is a draft.").format(number=number))


ABOUT = Part("letter", N_("About this letter"), "", (Wanted(about, NO_LETTER, "owner"),))
PURPOSE = Wanted(answers.purpose, N_("What the system is for is not recorded."), "owner")
NOTICE = (
    ABOUT,
    Part(
        "system",
        N_("Which system is used"),
        "",
        (Wanted(system_named, NO_LETTER, "owner"), PURPOSE),
        ("deployer-details", "processes", "period-and-frequency"),
    ),
    Part(
        "message",
        N_("What we want to tell you"),
        "",
        (Wanted(written("text", "", by="recorded"), N_("What the notice is to say is not written down."), "owner"),),
    ),
    Part("people", N_("Who decides"), "", (), ("oversight-measures", "oversight-implementation")),
    Part(
        "rights",
        N_("What you can do"),
        "",
        (Wanted(right_to_explanation, NO_LETTER, "owner"),),
        ("response-measures",),
    ),
)
ANSWER = (
    ABOUT,
    Part(
        "request",
        N_("What you asked"),
        "",
        (
            Wanted(decision, N_("The decision that was asked about is not named."), "owner"),
            Wanted(written("text", N_("You asked"), by="recorded"), N_("What was asked is not written down."), "owner"),
        ),
    ),
    Part(
        "answer",
        N_("Our answer"),
        "",
        (Wanted(written("answer", "", by="answered"), N_("The answer is not written yet."), "owner"),),
    ),
    Part(
        "role",
        N_("What the system does, and who decides"),
        "",
        (Wanted(system_named, NO_LETTER, "owner"), PURPOSE),
        ("processes", "oversight-implementation"),
    ),
    Part(
        "result",
        N_("How the system came to its result"),
        "",
        (
            Wanted(explained, N_("The decision is not explained."), "engineer"),
            Wanted(in_general, N_("What counts in the system's results is not measured."), "engineer"),
        ),
    ),
    Part("steps", N_("What you can do"), "", (), ("deployer-details", "response-measures")),
)
DRAFT = N_("A draft for the organisation's own letter; nothing was sent by drawing it.")
LEAD = N_(
    "Each paragraph says whether it was measured, whether somebody declared it, or whether it is missing. "
    "Where something is missing, the letter is not finished."
)
NOTICE_KIND = Kind(
    id="notice-26-11",
    title=N_("Notice that an AI system is used"),
    subtitle=N_("Supports Article 26(11) of Regulation (EU) 2024/1689"),
    outline=N_("Article 26(11)"),
    duty="deployer",
    groups=("Art 26.11",),
    stem="Art ",
    asks=(Ask("Art 26.11", state, NO_LETTER, "owner"),),
    caveat=DRAFT,
    lead=LEAD,
    before=sections(NOTICE),
    counted=False,
)
ANSWER_KIND = Kind(
    id="answer-86",
    title=N_("Answer to your request for an explanation"),
    subtitle=N_("Supports Article 86 of Regulation (EU) 2024/1689"),
    outline=N_("Article 86"),
    duty="deployer",
    groups=("Art 86.1",),
    stem="Art ",
    asks=(Ask("Art 86.1", state, NO_LETTER, "owner"),),
    caveat=DRAFT,
    lead=LEAD,
    before=sections(ANSWER),
    counted=False,
)
QUESTIONS: Mapping[str, frozenset[str]] = {
    NOTICE_KIND.id: questions_of(NOTICE) | {"information-to-people"},
    ANSWER_KIND.id: questions_of(ANSWER),
}
"""The questions of the record whose answers each letter may print."""
