"""When a version served behind a monitor's alias, by Placet's own acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from monitoring.models import Monitor
from registry.models import AliasHistory, ModelVersion


@dataclass(frozen=True)
class Span:
    """From when to when it served; ``upper`` is None while it does."""

    lower: datetime
    upper: datetime | None


def spans_of(monitor: Monitor, version: ModelVersion) -> list[Span]:
    """Return the spans in which a version served, the earliest first."""
    rows = AliasHistory.objects.filter(model=monitor.model_id, alias=monitor.alias, version=version)
    return [Span(during.lower, during.upper) for during in rows.order_by("during").values_list("during", flat=True)]


def throughout(spans: Sequence[Span], start: datetime, end: datetime) -> bool:
    """Return whether it served from the first moment of a window to its last."""
    return any(span.lower <= start and (span.upper is None or end <= span.upper) for span in spans)


def in_part(spans: Sequence[Span], start: datetime, end: datetime) -> bool:
    """Return whether it began or ended to serve within a window, so that what was sent in it says nothing of usual.

    A window outside all spans is no such part: its records were sent of what served before Placet knew of it.
    """
    return any(start < edge < end for span in spans for edge in (span.lower, span.upper) if edge is not None)
