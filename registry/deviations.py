"""Where MLflow shows something else behind a protected alias, or in its stage Production, than Placet put there."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from governance.approvals.findings import settle_findings
from governance.approvals.models import ApprovalRequest, State
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from placet.mlflow_plugin.protection import fold
from registry import mlflow, reverting, selectors, watches
from registry.findings import RECONCILER, find_open, report
from registry.mirror import model_row
from registry.models import AliasChange, AliasHistory, ObservedAlias, RegisteredModel

SOURCE = "reconciler:aliases"
"""The watch whose beats say when the aliases were last looked at."""
ENDED = (State.REVOKED, State.LAPSED)

STAGE = "stage:production"
"""Stands for MLflow's stage Production where an alias would stand: Placet never grants it, but consumers load by it."""


@dataclass(frozen=True)
class Deviation:
    """What one pass saw.

    Attributes:
        model: what it is called.
        alias: folded; ``STAGE`` for the stage.
        number: what MLflow shows there, None where nothing is behind the alias any more.
        code: the finding's.
    """

    model: str
    alias: str
    number: int | None
    created_at_ms: int | None
    code: str
    title: str
    severity: str = "critical"
    request: ApprovalRequest | None = None


def of_pointer(version: mlflow.Version, alias: str, span: AliasHistory | None) -> Deviation | None:
    """Compare the version behind an alias, as written in MLflow, with the span that was open for it."""
    if is_same(span, version):
        return None
    row = model_row(version.model)
    if _is_on_its_way(row, fold(alias), version, span):
        return None
    if span and span.version.number == version.number:
        what = f"another version {version.number}, made after the approved one was deleted"
    else:
        what = f"version {version.number} there, Placet approved another or none"
    if version.is_prompt:
        whose = " (it is a prompt, which Placet does not promote; take the alias off)"
    else:
        whose = "" if row.system else " (the model belongs to no AI system)"
    return Deviation(
        model=version.model,
        alias=fold(alias),
        number=version.number,
        created_at_ms=version.created_at_ms,
        code="unapproved-alias",
        title=f"Unapproved {alias}: MLflow has {version.model} {what}{whose}",
    )


def is_same(span: AliasHistory | None, version: mlflow.Version) -> bool:
    """Return whether a span is about the very version that MLflow shows, and not another of the same number."""
    return (
        span is not None
        and span.version.number == version.number
        and span.version.mlflow_created_at_ms == version.created_at_ms
    )


def _is_on_its_way(row: RegisteredModel, alias: str, version: mlflow.Version, span: AliasHistory | None) -> bool:
    """Return whether Placet itself moved the alias while the pass read one side and then the other.

    Who applies a promotion calls MLflow first, and writes history and state in one go then. So it is either still
    applying, or the history is another by now; asked in this order, one of the two shows. What MLflow shows by now
    says nothing: whoever moves an alias back and forth would hide behind it.
    """
    if AliasChange.objects.filter(
        model=row,
        alias=alias,
        version__number=version.number,
        version__mlflow_created_at_ms=version.created_at_ms,
        state=AliasChange.State.ASKED,
    ).exists():
        return True
    now = selectors.live(row, alias)
    return (now and now.pk) != (span and span.pk)


def of_missing(client: mlflow.Client, span: AliasHistory) -> Deviation | None:
    """Say that what Placet put behind an alias is gone, once MLflow says so itself and the history has not moved."""
    model, version = span.version.model, span.version
    client = client.within(model.workspace)
    number = client.alias(model.name, span.alias)
    now = selectors.live(model, span.alias)
    if now is None or now.pk != span.pk or _is_taken_off(span):
        return None
    if number is not None:  # on a page that moved while it was read, or hidden from MLflow's searches
        return of_pointer(client.version(model.name, number), span.alias, span)
    before = f"{span.adoption} found it on" if span.adoption else "Placet put it on"
    return Deviation(
        model=str(model),
        alias=span.alias,
        number=None,
        created_at_ms=None,
        code="alias-removed",
        title=f"{span.alias} is gone from {model} in MLflow; {before} version {version.number} "
        "and nobody took it off here",
        severity="high",
        request=span.promotion.approval if span.promotion else None,
    )


def _is_taken_off(span: AliasHistory) -> bool:
    """Return whether Placet itself is taking the alias off, or about to note that it has."""
    asked = AliasChange.objects.filter(model=span.model_id, alias=span.alias, state=AliasChange.State.ASKED)
    return asked.filter(version__isnull=True).exists()


def of_stage(version: mlflow.Version) -> Deviation:
    """Say that a version is in a protected stage."""
    return Deviation(
        model=version.model,
        alias=STAGE,
        number=version.number,
        created_at_ms=version.created_at_ms,
        code="unapproved-stage",
        title=f"Unapproved stage: MLflow has {version.model} version {version.number} in {version.stage}",
    )


def of_approval(span: AliasHistory) -> list[str]:
    """Report what still serves though its approval has lapsed or was revoked; loaders that verify refuse it."""
    approval = span.promotion.approval if span.promotion else None
    if approval is None or approval.state not in ENDED:
        return []
    return report(
        code="approval-ended",
        title=f"{span.version} still serves as {span.alias}; its approval is {approval.get_state_display().lower()}",
        severity="critical" if approval.state == State.REVOKED else "high",
        system=approval.system,
        request=approval,
    )


def against_rows(found: Iterable[Deviation], *, is_unsure: Callable[[str], bool]) -> Iterator[tuple[Deviation, bool]]:
    """Yield each deviation of a pass, and whether it is known; end the rows of those that the pass no longer saw.

    Args:
        is_unsure: tells whether the pass could not check a model; what was open for it stays so.
    """
    standing = {
        (str(row.model), row.alias, row.number, row.mlflow_created_at_ms): row
        for row in ObservedAlias.objects.select_related("model").filter(last_seen_at__isnull=True)
    }
    for deviation in found:
        key = (deviation.model, deviation.alias, deviation.number, deviation.created_at_ms)
        yield deviation, standing.pop(key, None) is not None
    for (name, *_), row in standing.items():
        if not is_unsure(name):
            _end(row)


@transaction.atomic
def announce(found: Deviation, *, known: bool) -> list[str]:
    """Open the finding of a deviation unless it has an open one, and its row unless it is known.

    Returns: the finding's title, in a list, if it is new.
    """
    model = model_row(found.model)
    severity = reverting.severity(model, found.alias, found.severity)
    titles = report(code=found.code, title=found.title, severity=severity, system=model.system, request=found.request)
    same = {"number": found.number, "mlflow_created_at_ms": found.created_at_ms}
    if known or ObservedAlias.objects.filter(model=model, alias=found.alias, last_seen_at=None, **same).exists():
        return titles
    finding = find_open(code=found.code, title=found.title, system=model.system)
    row = ObservedAlias(model=model, alias=found.alias, first_seen_at=clock.now(), finding=finding, **same)
    audit.append(
        event=Event.DEVIATION_OBSERVED,
        actor=RECONCILER,
        subjects=[row],
        data={
            "model": str(model),
            "alias": found.alias,
            "version": found.number,
            "created_at_ms": found.created_at_ms,
            "code": found.code,
            "finding": finding.pk if finding else None,
        },
    )
    reverting.ask(model, found.alias, found.code)
    return titles


def unexplained() -> QuerySet[ObservedAlias]:
    """Return what passes saw, without what the history of the alias has come to explain: it was there by then.

    What MLflow's plugin did on a permit, Placet hears once it can be asked again; a pass may have seen it before.
    """
    put = AliasHistory.objects.filter(
        model=OuterRef("model"), alias=OuterRef("alias"), during__contains=OuterRef("first_seen_at")
    )
    same = put.filter(
        version__number=OuterRef("number"), version__mlflow_created_at_ms=OuterRef("mlflow_created_at_ms")
    )
    return ObservedAlias.objects.exclude(Exists(same)).exclude(~Exists(put), number=None)


def _settle(row: ObservedAlias) -> None:
    """Close the finding of what the history has come to explain, unless it stands for something else as well."""
    if row.finding and not unexplained().filter(finding=row.finding).exists():
        how = "The history of the alias has it: Placet was told of it afterwards."
        settle_findings([row.finding], actor=RECONCILER, how=how)


@transaction.atomic
def _end(row: ObservedAlias) -> None:
    last = watches.last_beat(SOURCE)
    row.last_seen_at = max(last, row.first_seen_at) if last else row.first_seen_at
    audit.append(
        event=Event.DEVIATION_ENDED,
        actor=RECONCILER,
        subjects=[row],
        data={
            "model": str(row.model),
            "alias": row.alias,
            "version": row.number,
            "first_seen_at": row.first_seen_at,
            "last_seen_at": row.last_seen_at,
        },
    )
    _settle(row)
