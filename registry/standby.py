"""Permits for the day when Placet is away: to go back, and to stop. MLflow's plugin verifies them offline.

Each works from one state only (the alias points to the version that it replaces), for the people who may do it now, and
for a limited time; so it lies ready beside the model, and reading it gives nobody anything.
"""

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from governance.accounts.roles import Role
from governance.accounts.selectors import identities_in_force, people_with
from governance.approvals.models import ApprovalRequest, State
from governance.audit.events import Event
from governance.audit.notary import Notary
from governance.common import clock
from placet.derivation import LogDisagrees
from registry import interventions, permits, selectors
from registry.models import AliasChange, AliasHistory, ModelVersion, Permit

log = logging.getLogger(__name__)
LIFE = timedelta(days=30)
RENEWED_BEFORE = timedelta(days=10)
LOOKED_EVERY_S = 15
DONE = frozenset({Event.PROMOTION_APPLIED, Event.ALIAS_CHANGE_DONE})


@dataclass(frozen=True)
class Standby:
    """One permit that should lie ready. ``approval`` is what the version to go back to rests on."""

    kind: Permit.Kind
    span: AliasHistory
    change: AliasChange
    version: ModelVersion
    approval: ApprovalRequest | None
    holders: tuple[str, ...]


class Duty:
    """Signs what is missing, near its end, or names other people than may act now. A duty of the notary.

    Looked at only every few seconds: the notary's rounds are short, and nothing waits for these.
    """

    def __init__(self) -> None:
        self._again_at = 0.0

    def __call__(self, notary: Notary) -> None:
        if time.monotonic() < self._again_at:
            return
        self._again_at = time.monotonic() + LOOKED_EVERY_S
        issue_due(notary)


def issue_due(notary: Notary) -> None:
    """Sign every permit that should lie ready and does not."""
    for span in selectors.all_live_in_mlflow().select_related(
        "opened_by__model", "opened_by__version", "version__model__system"
    ):
        for wanted in wanted_for(span):
            if _in_place(wanted):
                continue
            try:
                issue(wanted, notary)
            except LogDisagrees as disagreement:
                log.warning("no %s permit for %s: %s", wanted.kind, span.version, disagreement)


def wanted_for(span: AliasHistory) -> list[Standby]:
    """Return the permits that should lie ready for what is live; none where nobody could use them."""
    if span.opened_by is None:
        return []
    wanted = []
    system_id = span.version.model.system_id
    stoppers, backers = (_names_of(roles, system_id) for roles in (interventions.AT_ONCE, interventions.GOING_BACK))
    if stoppers:
        approval = span.promotion.approval if span.promotion else None
        wanted.append(Standby(Permit.Kind.STOP, span, span.opened_by, span.version, approval, stoppers))
    back, refusal = interventions.back_from(span.version.model, span.alias)
    if backers and back and back.promotion and not refusal:
        wanted.append(
            Standby(Permit.Kind.ROLLBACK, span, span.opened_by, back.version, back.promotion.approval, backers)
        )
    return wanted


def issue(wanted: Standby, notary: Notary) -> Permit | None:
    """Sign one, None while what it rests on is not integrated yet.

    Raises:
        LogDisagrees: the log does not show that the alias was put there, or that the version to go back to is approved.
    """
    put = permits.shown(wanted.change, DONE)
    if put is None:
        return None
    index, size, _ = put
    until, words = clock.now() + LIFE, _NOTHING
    if wanted.kind == Permit.Kind.ROLLBACK and wanted.approval:
        derived = permits.derive(wanted.approval)
        if derived is None:
            return None
        until, words = min(until, derived.until), permits.words_of(derived.approved)
    live = wanted.span.version
    return permits.signed(
        notary,
        wanted.version,
        kind=wanted.kind,
        alias=wanted.span.alias,
        approval=wanted.approval,
        change=wanted.change,
        index=index,
        size=size,
        until=until,
        replaces={"version": str(live.number), "created_at_ms": live.mlflow_created_at_ms},
        holders=wanted.holders,
        **words,
    )


_NOTHING: dict[str, Any] = {"use_restrictions": [], "policy": {}, "evidence_manifest": None}


def ready(span: AliasHistory, kind: Permit.Kind) -> Permit | None:
    """Return the newest permit that lies ready for what is live; to what lost its approval none leads back."""
    rows = Permit.objects.filter(change=span.opened_by_id, kind=kind, expires_at__gt=clock.now())
    if kind == Permit.Kind.ROLLBACK:
        rows = rows.filter(approval__state=State.APPROVED)
    return rows.order_by("-issued_at").first() if span.opened_by_id else None


def withdrawn() -> list[str]:
    """Return the digests of the permits that lead back to what lost its approval since; whoever copied one has it."""
    rows = Permit.objects.filter(kind=Permit.Kind.ROLLBACK, expires_at__gt=clock.now())
    return list(rows.exclude(approval__state=State.APPROVED).order_by("digest").values_list("digest", flat=True))


def _in_place(wanted: Standby) -> bool:
    held = ready(wanted.span, wanted.kind)
    if held is None or held.approval_id != (wanted.approval.pk if wanted.approval else None):
        return False
    said = permits.statement_of(held)["predicate"]
    soon = held.expires_at - clock.now() < min(RENEWED_BEFORE, (held.expires_at - held.issued_at) / 3)
    return tuple(said.get("holders", ())) == wanted.holders and not soon


def _names_of(roles: tuple[Role, ...], system_id: uuid.UUID | None) -> tuple[str, ...]:
    """Return under which names MLflow knows the people who hold one of the roles."""
    people = people_with(roles, system_id=system_id)
    rows = identities_in_force().filter(provider="mlflow", person__in=people)
    return tuple(sorted(rows.values_list("subject", flat=True)))
