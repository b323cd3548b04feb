"""Sample contexts of the pages of a system's record."""

from __future__ import annotations

from typing import Any

from governance.inventory.models import Declaration
from governance.inventory.settled import Settled
from governance.inventory.system_record import Answered, by_section
from governance.inventory.web.record_pages import FILTERS, point_map, progress
from governance.regulation import record
from tests.common.samples import NOW, OWNER, SYSTEM, UID, VALIDATOR, ago

LONG = "The score orders applications by the expected chance of arrears.\nA credit officer confirms every refusal. " * 6
STATES = ("open", "given", "accepted", "returned", "measured")
SETTLED = Settled("MLflow measured the machine of the training run of credit-risk v2.", "/models/credit-risk")


def _rows() -> list[Answered]:
    """Every question, in all states by turns."""
    verdicts = {"given": "", "accepted": "accepted", "returned": "returned"}
    return [
        Answered(
            question,
            Declaration(text="Said.", verdict=verdicts[state]) if state in verdicts else None,
            SETTLED if state == "measured" else None,
        )
        for place, question in enumerate(record.load().questions.values())
        for state in (STATES[place % 5],)
    ]


def _answer(state: str) -> dict[str, Any]:
    reviewed = state in {"accepted", "returned"}
    return {
        "pk": UID,
        "number": 2,
        "text": LONG,
        "by": OWNER,
        "at": ago(days=3),
        "taken_from": "Mail sorting",
        "verdict": state if reviewed else "",
        "note": "Say what an error costs whom." if reviewed else "",
        "reviewed_by": VALIDATOR if reviewed else None,
        "reviewed_at": NOW if reviewed else None,
    }


def _question(row: Answered, *, may_review: bool, conflict: bool) -> dict[str, Any]:
    question, state = row.question, row.state
    return {
        "id": question.id,
        "title": question.title,
        "ask": question.ask,
        "help": question.help.replace("None", "No one"),
        "kind": question.kind,
        "choices": question.choices,
        "longest": 20_000,
        "points": question.points,
        "owed_by": "Model owner",
        "mine": question.owed_by == "owner",
        "state": state,
        "settled": {"text": row.settled.text, "url": row.settled.url} if row.settled else None,
        "answer": _answer(state) if row.declaration else None,
        "field": {"value": "<b>typed</b>", "seen": 2, "open": conflict, "meanwhile": conflict and state == "given"},
        "review": {"refusal": "" if may_review else "Model owner gave this answer; someone else reviews it."}
        | ({"note": "typed", "error": "Say in at least 10 characters what the answer lacks."} if may_review else {})
        if state == "given"
        else None,
    }


def page(*, may_answer: bool = True, may_review: bool = False, conflict: bool = False) -> dict[str, Any]:
    """The whole record."""
    rows = _rows()
    keys = {title: key for key, title in record.load().sections.items()}
    return {
        "system": SYSTEM,
        "progress": progress(rows),
        "filters": [(key, label, 12) for key, label in FILTERS.items()],
        "show": "all",
        "may_answer": may_answer,
        "sections": [
            {
                "key": keys[title],
                "title": title,
                "progress": progress(some),
                "error": "Engineer answered “Hardware” meanwhile." if conflict and keys[title] == "description" else "",
                "questions": [_question(row, may_review=may_review, conflict=conflict) for row in some],
            }
            for title, some in by_section(rows).items()
        ],
        "map": point_map(rows),
    }


def question(**more: Any) -> dict[str, Any]:
    """The history of one question."""
    asked = record.load().question("hardware")
    rows = [_answer("given") | {"number": 3, "text": ""}, _answer("returned"), _answer("accepted") | {"number": 1}]
    shown = {"id": asked.id, "title": asked.title, "ask": asked.ask, "points": asked.points}
    return {"system": SYSTEM, "question": shown, "answers": rows} | more


def reuse(**more: Any) -> dict[str, Any]:
    """Answers of another system, beside those here."""
    base = {"id": "hardware", "title": "Hardware it runs on", "state": "accepted", "there": LONG, "here": "A server."}
    rows = [
        base | {"same": False, "ticked": True},
        base | {"id": "standards", "here": LONG, "same": True, "ticked": False},
        base | {"id": "provider-name", "here": "", "same": False, "ticked": False, "state": "given"},
    ]
    other = {"pk": UID, "name": "Mail sorting"}
    return {"system": SYSTEM, "systems": [other], "source": other, "answers": rows} | more


SYSTEM_RECORD: dict[str, tuple[str, Any]] = {
    "system-record": ("inventory/record.html", page),
    "system-record-conflict": ("inventory/record.html", lambda: page(may_review=True, conflict=True)),
    "system-record-read": ("inventory/record.html", lambda: page(may_answer=False)),
    "system-record-done": ("inventory/record.html", lambda: page() | {"sections": [], "show": "mine"}),
    "system-record-question": ("inventory/record_question.html", question),
    "system-record-question-none": ("inventory/record_question.html", lambda: question(answers=[])),
    "system-record-reuse": ("inventory/record_reuse.html", reuse),
    "system-record-reuse-choose": ("inventory/record_reuse.html", lambda: reuse(source=None)),
    "system-record-reuse-none": ("inventory/record_reuse.html", lambda: reuse(systems=[], answers=[])),
}
