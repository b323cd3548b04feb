"""By whose terms a version is watched: those of the policy that it was let through by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from governance.approvals.models import ApprovalRequest
from governance.policy.selectors import document_of, governing
from governance.policy.watching import UNSAID, Monitoring
from monitoring.models import DriftRun, Monitor
from registry.models import AliasHistory, ModelVersion

KPI_BEFORE = 26


@dataclass(frozen=True)
class Terms:
    """What a policy says of watching a version; ``policy`` is its name and number, empty where none governs it."""

    monitoring: Monitoring
    policy: str = ""
    approval: ApprovalRequest | None = None


def terms_of(monitor: Monitor, version: ModelVersion) -> Terms:
    """Return by what a version behind a monitor's alias is watched.

    That is the policy of its newest approval for the alias. What came there without one (it was adopted, or somebody
    broke the glass) is watched by the policy that governs the alias now, and without any by what holds unsaid.
    """
    spans = AliasHistory.objects.filter(model=monitor.model_id, alias=monitor.alias, version=version)
    span = spans.exclude(promotion=None).select_related("promotion__approval__policy_version").order_by("-during")
    if (newest := span.first()) and newest.promotion:
        approval: ApprovalRequest = newest.promotion.approval
        return Terms(document_of(approval.policy_version).monitoring, str(approval.policy_version), approval)
    system = monitor.model.system
    policy = governing(system, monitor.alias) if system else None
    return Terms(document_of(policy).monitoring, str(policy)) if policy else Terms(UNSAID)


def kpis_before(
    monitor: Monitor, version: ModelVersion, start: datetime, end: datetime, *, names: Sequence[str], same_weekday: bool
) -> dict[str, list[float]]:
    """Return the mean of each KPI in the windows before one, newest first, as far as their evidence has it."""
    found: dict[str, list[float]] = {name: [] for name in names}
    if not names:
        return found
    for run in islice(_runs_before(monitor, version, start, end, same_weekday=same_weekday), KPI_BEFORE):
        for row in run.evidence.payload["signals"]:
            if row["signal"] == "kpi" and row["column"] in found and row.get("current"):
                found[row["column"]].append(row["current"]["value"])
    return found


def _runs_before(
    monitor: Monitor, version: ModelVersion, start: datetime, end: datetime, *, same_weekday: bool
) -> Iterator[DriftRun]:
    """Yield the newest run of each window of the same length before one, newest window first."""
    rows = DriftRun.objects.filter(monitor=monitor, version=version, window_end__lte=start)
    seen: set[datetime] = set()
    zone = ZoneInfo(monitor.time_zone)
    for run in rows.select_related("evidence").order_by("-window_end", "-made_at")[: 200 if same_weekday else 50]:
        alike = abs((run.window_end - run.window_start) - (end - start)) < timedelta(minutes=61)  # the clocks change
        day_fits = not same_weekday or _weekday(run.window_start, zone) == _weekday(start, zone)
        if alike and day_fits and run.window_start not in seen:
            seen.add(run.window_start)
            yield run


def _weekday(moment: datetime, zone: ZoneInfo) -> int:
    return moment.astimezone(zone).weekday()
