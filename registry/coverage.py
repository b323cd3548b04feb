"""What was watched in a period, by whom, with which gaps; what was found; and what nobody can know.

Everything here follows from rows. Two people who ask for the same period read the same once it is over and what began
in it has ended: until then a span's end, its beats and a deviation's end are those so far.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Min, Q

from governance.common import clock
from placet.uris import DEFAULT_WORKSPACE, OUTSIDE
from registry import deviations, watches
from registry.models import AliasChange, AliasHistory, ApplyGrant, RegisteredModel, WatchSpan, WebhookDelivery

Kind, State = AliasChange.Kind, AliasChange.State
PLUGIN, ALIASES = "plugin:", "reconciler:aliases"
PASSES = (ALIASES, "reconciler:live-bytes", "reconciler:new-versions")


@dataclass(frozen=True)
class Stretch:
    """A time from one moment to another."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


def statement(start: datetime, end: datetime) -> dict[str, Any]:
    """Return the coverage statement of a period, as ``GET /api/v1/coverage`` gives it.

    A period that is not over is stated until now. Times are UTC, lengths in seconds.
    """
    period = Stretch(start, max(start, min(end, clock.now())))
    plugin = _watch(period, PLUGIN)
    passes = {source.removeprefix("reconciler:"): _watch(period, source) for source in PASSES}
    workspaces = _workspaces(period)
    found = _deviations(period)
    grants = _grants(period)
    first = WatchSpan.objects.aggregate(first=Min("started_at"))["first"]
    return {
        "from": period.start,
        "to": period.end,
        "first_watch_at": first,
        "plugin": plugin,
        "reconciler": passes,
        "workspaces": workspaces,
        "blind_window_s": _blind_window(period),
        "webhooks": WebhookDelivery.objects.filter(received_at__gte=period.start, received_at__lt=period.end).count(),
        "deviations": found,
        "unexplained_changes": len(found) + len(grants["without_a_change"]),
        "grants": grants,
        "unknown": unknown(period, first, plugin, passes["aliases"], workspaces),
    }


def _watch(period: Stretch, source: str) -> dict[str, Any]:
    """Return when somebody of a source watched within a period, and when nobody did."""
    spans = watches.spans_between(period.start, period.end, source=source)
    gaps = gaps_between(period, spans)
    return {
        "active_s": period.seconds - sum(gap.seconds for gap in gaps),
        "spans": [
            {
                "source": span.source,
                "from": span.started_at,
                "to": ended(span),
                "beats": span.beats or span.pulse.beats,
                "longest_gap_s": span.pulse.longest_gap_s if span.longest_gap_s is None else span.longest_gap_s,
                "details": span.details,
            }
            for span in spans
        ],
        "gaps": [{"from": gap.start, "to": gap.end, "seconds": gap.seconds} for gap in gaps],
    }


def ended(span: WatchSpan) -> datetime:
    """Return the last moment at which a span is known to have watched."""
    return span.ended_at or span.pulse.last_at


def gaps_between(period: Stretch, spans: Iterable[WatchSpan]) -> list[Stretch]:
    """Return the times of a period in which no span watched.

    Between two spans, and before the end, a pause of up to four expected intervals is none: that is how far apart two
    beats of one span may be.
    """
    found, covered, patience = [], period.start, timedelta(0)
    for span in sorted(spans, key=lambda span: span.started_at):
        if span.started_at > covered + patience:
            found.append(Stretch(covered, span.started_at))
        reached, pause = ended(span), timedelta(seconds=watches.PATIENCE * span.expected_every_s)
        if reached >= covered:
            covered, patience = reached, pause
    if period.end > covered + patience:
        found.append(Stretch(covered, period.end))
    return found


def _blind_window(period: Stretch) -> float:
    """Return the longest time between two passes over the aliases: what came and went within it, nobody saw.

    The longest gap of a span that reaches out of the period counts wholly, since its place is not kept.
    """
    spans = watches.spans_between(period.start, period.end, source=ALIASES)
    inner = [span.pulse.longest_gap_s if span.longest_gap_s is None else span.longest_gap_s for span in spans]
    edges = [max(span.started_at, period.start) for span in spans] + [period.end]
    reached = [period.start] + [min(ended(span), period.end) for span in spans]
    between = [(edge - last).total_seconds() for last, edge in zip(reached, edges, strict=True)]
    return max([*inner, *between, 0.0])


def _workspaces(period: Stretch) -> list[dict[str, Any]]:
    """Return MLflow's workspaces, since when the aliases of each are looked at, and when in the period nobody did."""
    mirrored = RegisteredModel.objects.filter(mirrored_at__lt=period.end).exclude(workspace=OUTSIDE)
    known = mirrored.order_by().values_list("workspace", flat=True).distinct()
    spans: dict[str, list[WatchSpan]] = {}
    for span in watches.spans_between(datetime.min.replace(tzinfo=UTC), period.end, source=ALIASES):
        for name in read_in(span):
            spans.setdefault(name, []).append(span)
    return [_workspace(period, name, spans.get(name, ())) for name in sorted({*known, *spans})]


def read_in(span: WatchSpan) -> list[str]:
    """Return the workspaces that a pass over the aliases read to the end."""
    found: list[str] = span.details.get("workspaces", [DEFAULT_WORKSPACE])
    return found


def _workspace(period: Stretch, name: str, spans: Sequence[WatchSpan]) -> dict[str, Any]:
    first = spans[0].started_at if spans else None
    since = min(max(period.start, first or period.end), period.end)
    gaps = gaps_between(Stretch(since, period.end), [span for span in spans if ended(span) >= period.start])
    return {
        "workspace": name,
        "first_read_at": first,
        "active_s": (period.end - since).total_seconds() - sum(gap.seconds for gap in gaps),
        "gaps": [{"from": gap.start, "to": gap.end, "seconds": gap.seconds} for gap in gaps],
    }


def _unread(period: Stretch, workspaces: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Say which workspaces the statement is not about, or not for all of the period."""
    for row in workspaces:
        name, first = row["workspace"], row["first_read_at"]
        if name == DEFAULT_WORKSPACE:
            continue  # of which the statement as a whole speaks
        if first is None:
            yield f"Workspace {name} was never read: nothing is known of it."
        elif first > period.start:
            yield f"Workspace {name} was first read at {clock.rfc3339(first)}: of it before that nothing is known."
        if row["gaps"]:
            yield f"What came and went in workspace {name} within a gap of its own was seen by nobody."


def _deviations(period: Stretch) -> list[dict[str, Any]]:
    rows = deviations.unexplained().select_related("model").filter(first_seen_at__lt=period.end)
    rows = rows.filter(Q(last_seen_at__isnull=True) | Q(last_seen_at__gte=period.start))
    return [
        {
            "model": str(row.model),
            "alias": row.alias,
            "version": row.number,
            "first_seen_at": row.first_seen_at,
            "last_seen_at": row.last_seen_at,
            "seconds": Stretch(
                max(row.first_seen_at, period.start), min(row.last_seen_at or period.end, period.end)
            ).seconds,
            "finding": row.finding_id,
        }
        for row in rows.order_by("first_seen_at", "pk")
    ]


def _grants(period: Stretch) -> dict[str, Any]:
    """Hold each write of an alias in a period against the grants that wrote: exactly one each.

    A renewal writes history without a call to MLflow, so it has none; what MLflow's plugin did on a permit while Placet
    was away has that permit instead. What was adopted was there before, and nothing was written. What people stated of
    models that no MLflow holds wrote nothing either, and is only counted.
    """
    rows = AliasChange.objects.select_related("model", "version", "promotion__approval").filter(
        state=State.DONE, done_at__gte=period.start, done_at__lt=period.end
    )
    done = list(rows.exclude(model__workspace=OUTSIDE).order_by("done_at"))
    wrote: Counter[uuid.UUID | None] = Counter(
        ApplyGrant.objects.filter(change__in=done, written_at__isnull=False).values_list("change", flat=True)
    )
    applied = [row for row in done if row.kind == Kind.PROMOTION and row.promotion]
    renewals = [row for row in applied if row.promotion and row.promotion.approval.renews_id]
    offline = [row for row in done if row.journal_id]
    expected = [row for row in done if row not in renewals and row not in offline]
    unwritten = ApplyGrant.objects.select_related("change").filter(used_at__gte=period.start, used_at__lt=period.end)
    begun = AliasHistory.objects.select_related("model", "version", "promotion", "adoption").filter(
        during__startswith__gte=period.start, during__startswith__lt=period.end
    )
    return {
        "alias_writes": len(done),
        "with_one_grant": sum(wrote[row.pk] == 1 for row in expected),
        "renewals": len(renewals),
        "stated_outside_mlflow": rows.filter(model__workspace=OUTSIDE).count(),
        "by_a_permit_while_away": [str(row) for row in offline],
        "without_a_grant": [_change(row) for row in expected if wrote[row.pk] == 0],
        "used_without_a_write": [
            str(row.change) for row in unwritten.filter(written_at__isnull=True).order_by("used_at")
        ],
        "broken_glasses": [_change(row) for row in rows.filter(kind=Kind.BREAK_GLASS).order_by("done_at")],
        "adopted": dict(sorted(Counter(str(row.adoption) for row in begun.filter(adoption__isnull=False)).items())),
        "without_a_change": [
            _span(row) for row in begun.filter(opened_by__isnull=True, adoption__isnull=True).order_by("during")
        ],
    }


def _change(row: AliasChange) -> dict[str, Any]:
    version = row.version.number if row.version else None
    return {"change": str(row), "model": str(row.model), "alias": row.alias, "version": version, "at": row.done_at}


def _span(row: AliasHistory) -> dict[str, Any]:
    return {
        "model": str(row.model),
        "alias": row.alias,
        "version": row.version.number,
        "at": row.during.lower,
        "promotion": str(row.promotion) if row.promotion else None,
    }


def unknown(
    period: Stretch,
    first: datetime | None,
    plugin: Mapping[str, Any],
    aliases: Mapping[str, Any],
    workspaces: Iterable[Mapping[str, Any]],
) -> list[str]:
    """Say what a statement about these workspaces can't know."""
    said = []
    if first is None:
        said.append("Nobody has ever watched: of the whole period nothing is known.")
    elif first > period.start:
        said.append(f"Watching began at {clock.rfc3339(first)}: of the time before that nothing is known.")
    if not plugin["spans"]:
        said.append("No governed MLflow server checked in: nothing was refused there, changes were only detected.")
    else:
        said.append("Whether another MLflow server, without the plugin, ran on the same database is not known.")
        said.append("What was refused while Placet did not answer stands in MLflow's own log alone.")
    if aliases["gaps"]:
        said.append("What came and went within a gap of the reconciler was seen by nobody.")
    said.append("What was put back between two passes of the reconciler was not seen; blind_window_s bounds it.")
    return [*said, *_unread(period, workspaces)]
