"""Whether the statement of a draft can be made today: the Act asks for it, and the draft is whole and the newest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.common import clock
from governance.common.errors import InvalidInput
from governance.inventory import selectors as inventory
from governance.inventory.law import as_classified
from governance.inventory.models import AISystem
from governance.regulation.dates import standing
from governance.regulation.register import load
from reports import latest
from reports.documents.building import build
from reports.documents.freshness import What
from reports.documents.kinds import KINDS
from reports.documents.owing import owed
from reports.documents.snapshot import SnapshotInvalid
from reports.documents.wording import listed, words
from reports.errors import StatementNotReady
from reports.models import Document

NO_PERSONAL_DATA = "No"
"""The record's answer by which point 5 of Annex V asks for no statement."""
AGAIN = "build the declaration again, read it and sign that one."
_CHANGED: Mapping[What, str] = {
    "law": "the legal register",
    "version": "the model version",
    "classification": "the classification",
    "answer": "answers of the record",
}


def check_ready(draft: Document) -> None:
    """Check that what a draft is to state can be stated today.

    Raises:
        StatementNotReady: the Act asks for no such statement of the system, a newer draft is there, something changed
            since, or a point lacks what signing does not add. The message says what to do.
    """
    if draft.system is None:
        raise StatementNotReady("The document is about no AI system, so nobody can make a statement of one.")
    _check_asked_for(draft, draft.system)
    _check_newest(draft, draft.system)
    _check_whole(draft)


def _check_asked_for(draft: Document, ai_system: AISystem) -> None:
    signed = inventory.classification_that_counts(ai_system)
    if signed is None:
        raise StatementNotReady(
            f"{ai_system} has no signed classification, so nobody knows whether the Act asks for the declaration: have "
            f"it classified by two people, then {AGAIN}"
        )
    found = as_classified(signed, ai_system)
    if owed(KINDS[draft.kind], standing(found, load(), on=clock.now().date())).state == "not_owed":
        raise StatementNotReady(
            f"The Act asks for a declaration of conformity of high-risk systems, from their provider. {ai_system} is "
            f"classified as {ai_system.get_ai_act_class_display().lower()}, with the organisation as "
            f"{listed(map(words, found.roles), empty='none of its operators')}. If that is wrong, classify it again."
        )


def _check_newest(draft: Document, ai_system: AISystem) -> None:
    newest = latest.newest_documents([ai_system.pk]).get(kind=draft.kind)
    if newest.pk != draft.pk:
        raise StatementNotReady("This is not the newest version of the declaration: sign the newest.")
    if changes := latest.outdated(newest, latest.latest_of([ai_system.pk])[ai_system.pk]):
        changed = listed(_CHANGED.get(change.what, change.what) for change in changes)
        raise StatementNotReady(f"The draft is out of date: since it was made, {changed} changed. Now {AGAIN}")


def _check_whole(draft: Document) -> None:
    """Check that nothing is missing but what signing adds."""
    signatory = {"role": "owner", "at": draft.snapshot["document"]["created_at"]}
    try:
        gaps = build(draft.snapshot | {"signatory": signatory}).gaps
    except SnapshotInvalid:
        raise StatementNotReady(f"Another release of Placet made this draft: {AGAIN}") from None
    if gaps:
        said = " ".join(f"Point {gap.number}: {gap.what}" for gap in gaps)
        raise StatementNotReady(f"The draft lacks something. {said} Answer that in the record, {AGAIN}")


def personal_data_by_record(snapshot: Mapping[str, Any]) -> bool | None:
    """Return whether the system processes personal data, as its record answers; None where it does not answer."""
    rows = [row for row in snapshot.get("record") or () if row.get("id") == "personal-data"]
    text = ((rows[0].get("answer") or {}) if rows else {}).get("text")
    return text != NO_PERSONAL_DATA if text else None


def check_personal_data(snapshot: Mapping[str, Any], stated: bool) -> None:
    """Check that what is stated of personal data is what the record says.

    Raises:
        InvalidInput: it is the contrary.
    """
    recorded = personal_data_by_record(snapshot)
    if recorded is not None and recorded != stated:
        says = "processes personal data" if recorded else "processes no personal data"
        raise InvalidInput(
            f"The record says that the system {says}: state the same, or have the answer in the record corrected, "
            f"{AGAIN}"
        )
