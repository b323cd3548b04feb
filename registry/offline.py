"""What MLflow's plugin did on a permit while Placet was away, written down when it tells."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from governance.accounts.models import User
from governance.audit import services as audit
from governance.audit.actors import Actor, System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import InvalidInput
from placet.mlflow_plugin.protection import fold
from placet.uris import DEFAULT_WORKSPACE, qualified
from registry import alias_changes, interventions, selectors
from registry.findings import report
from registry.models import AliasChange, Permit

MLFLOW = System("mlflow")
DONE, FAILED = "done", "failed"
HOW = "By a permit, while Placet was away."
LONGEST_REASON = 1000


@transaction.atomic
def record_use(
    *, subject: Mapping[str, Any], detail: Mapping[str, Any], person: User | None, username: object = None
) -> None:
    """Write down a rollback or stop that a permit allowed offline. Safe twice: the journal's own id counts once.

    A stop is reviewed afterwards by somebody else, as one that Placet carried out.

    The moment is the plugin's, held to the time since the permit was signed. What does not fit what Placet knows is a
    finding and no history: then the reconciler says what is really there.

    Raises:
        InvalidInput: it names no journal entry.
    """
    try:
        journal_id = uuid.UUID(str(detail.get("journal_id")))
    except ValueError:
        raise InvalidInput("A used permit comes with its journal_id, a UUID.") from None
    if AliasChange.objects.filter(journal_id=journal_id).exists():
        return
    permit = Permit.objects.select_related("change__model__system", "approval").filter(
        digest=str(detail.get("permit_digest"))
    )
    found = permit.first()
    _note(subject, detail, person, username)
    if found is None or found.change is None or found.kind == Permit.Kind.SERVE:
        _unexplained(subject, detail, "no permit of that digest was signed for it")
        return
    if detail.get("outcome") == FAILED:
        return
    if detail.get("outcome") != DONE:
        _unexplained(subject, detail, "whether it was done before MLflow stopped is not known")
        return
    model, alias = found.change.model, fold(str(detail.get("alias")))
    now_live = selectors.live(model, alias)
    if alias != found.change.alias or now_live is None or now_live.opened_by_id != found.change_id:
        _unexplained(subject, detail, "something else was behind the alias by then")
        return
    back = selectors.promotion_of(found.approval) if found.kind == Permit.Kind.ROLLBACK and found.approval else None
    actor: Actor = person or MLFLOW
    change = alias_changes.ask(
        kind=AliasChange.Kind.ROLLBACK if back else AliasChange.Kind.STOP,
        model=model,
        alias=alias,
        version=back.version if back else None,
        promotion=back,
        asked_by=person,
        actor=actor,
        reason=_reason(detail),
        journal_id=journal_id,
    )
    if change.kind == AliasChange.Kind.STOP:
        interventions.review_afterwards(change, person, now_live)
    alias_changes.record(change.pk, at=_moment(detail, found), actor=actor)


def _reason(detail: Mapping[str, Any]) -> str:
    """Return why it was done, in the words that came with the permit, and how."""
    said = detail.get("reason")
    words = "".join(filter(str.isprintable, said)).strip() if isinstance(said, str) else ""
    return f"{words[: LONGEST_REASON - len(HOW) - 1]} {HOW}".strip()


def _note(subject: Mapping[str, Any], detail: Mapping[str, Any], person: User | None, username: object) -> None:
    """Write into the log that a permit was used and by whom, whatever becomes of it: also what failed was tried."""
    said = {"version": str(subject["version"])} if subject.get("version") is not None else {}
    audit.append(
        event=Event.GATE_ALLOWED,
        actor=person or MLFLOW,
        data={
            "action": "permit.used",
            "model": _model(subject),
            **said,
            "alias": str(detail.get("alias"))[:255],
            "permit": str(detail.get("permit_digest"))[:80],
            "outcome": str(detail.get("outcome"))[:20],
        },
        payload={"username": str(username)[:255]} if username and person is None else None,
    )


def _moment(detail: Mapping[str, Any], permit: Permit) -> datetime:
    now = clock.now()
    try:
        said = parse_datetime(str(detail.get("used_at")))
    except ValueError:
        said = None
    if said is None or said.tzinfo is None:
        return now
    return min(max(said, permit.issued_at), now)


def _model(subject: Mapping[str, Any]) -> str:
    return qualified(str(subject.get("workspace") or DEFAULT_WORKSPACE)[:63], str(subject.get("name"))[:120])


def _unexplained(subject: Mapping[str, Any], detail: Mapping[str, Any], why: str) -> None:
    alias = str(detail.get("alias"))[:60]
    report(
        code="permit-misused",
        title=f"MLflow changed {alias} of {_model(subject)} on a permit while Placet was away, and {why}",
        severity="critical",
    )
