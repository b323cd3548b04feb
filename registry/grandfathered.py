"""What was adopted and serves without an approval: until when, and what became of it since."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from governance.approvals.findings import open_finding, settle_findings
from governance.approvals.models import Finding
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from registry.findings import RECONCILER
from registry.mlflow import Version
from registry.models import AdoptedAlias, AliasHistory

T = TypeVar("T")
State = AdoptedAlias.State
ROWS_PER_ENTRY = 50


def unapproved(staged: Sequence[Version], *, is_unsure: Callable[[str], bool]) -> list[Version]:
    """Return which versions in stage Production nobody adopted, and note which adopted ones have left it.

    Args:
        staged: every version that a pass saw in that stage.
        is_unsure: tells whether the pass could not check a model; what of it was adopted stays so.
    """
    held = _with_all(AdoptedAlias.objects.filter(state=State.ADOPTED, left_at__isnull=True, alias=""))
    adopted = {(str(row.model), row.version.number, row.version.mlflow_created_at_ms): row for row in held}
    there = {(version.model, version.number, version.created_at_ms): version for version in staged}
    _leave([row for key, row in adopted.items() if key not in there and not is_unsure(key[0])])
    return [version for key, version in there.items() if key not in adopted]


def settle() -> list[str]:
    """Note what serves on an approval now or not at all, close the findings that this ends, report what is overdue.

    Returns: the titles of new findings.
    """
    waiting = AdoptedAlias.objects.filter(state=State.ADOPTED, left_at__isnull=True)
    if not waiting.exists():
        return []
    serving = AliasHistory.objects.filter(
        adoption=OuterRef("adoption"), model=OuterRef("model"), alias=OuterRef("alias"), during__endswith__isnull=True
    )
    _leave(list(_with_all(waiting.exclude(alias="").filter(~Exists(serving)))))
    late = Finding.objects.filter(code="grandfathered", due_on__lt=clock.now().date(), adopted__left_at__isnull=True)
    return [title for finding in late.select_related("system", "owner").distinct() for title in _overdue(finding)]


def _overdue(finding: Finding) -> list[str]:
    title = f"{_group(finding)}: models still serve without the approval that was due on " + (
        finding.due_on.isoformat()
    )
    opened = open_finding(
        system=finding.system,
        code="grandfathered-overdue",
        title=title,
        severity=Finding.Severity.CRITICAL,
        source="adoption",
        actor=RECONCILER,
        owner=finding.owner,
    )
    return [title] if opened else []


@transaction.atomic
def _leave(gone: Sequence[AdoptedAlias]) -> None:
    """Note that these do not serve without an approval any more, and close the findings of which they were the last."""
    for some in parted(gone):
        for row in some:
            row.left_at = clock.now()
        data = {"rows": [{"adoption": row.adoption.number, **said_of(row)} for row in some]}
        audit.append(event=Event.ADOPTION_LEFT, actor=RECONCILER, subjects=list(some), data=data)
    own = Finding.objects.filter(pk__in={row.finding_id for row in gone})
    over = [finding for finding in own if not finding.adopted.filter(left_at__isnull=True).exists()]
    groups = {_group(finding) for finding in over}
    late = Finding.objects.filter(code="grandfathered-overdue", closed_at__isnull=True)
    over += [finding for finding in late if _group(finding) in groups]
    settle_findings(over, actor=RECONCILER, how="None of them serves without an approval any more.")


def _group(finding: Finding) -> str:
    """Return which part of which adoption a finding is about: ``AD-3.2``."""
    return finding.title.partition(":")[0]


def said_of(row: AdoptedAlias) -> dict[str, object]:
    """What everybody may know of a row."""
    return {
        "model": str(row.model),
        **({"alias": row.alias} if row.alias else {"stage": row.stage}),
        "version": row.version.number,
        "digest": row.digest or None,
    }


def parted(rows: Sequence[T]) -> list[Sequence[T]]:
    """Return rows in parts, each of as many as an entry of the log can name: it holds 64 kB."""
    return [rows[start : start + ROWS_PER_ENTRY] for start in range(0, len(rows), ROWS_PER_ENTRY)]


def _with_all(rows: QuerySet[AdoptedAlias]) -> QuerySet[AdoptedAlias]:
    return rows.select_related("adoption", "model", "version")
