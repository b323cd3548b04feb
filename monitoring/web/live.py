"""What came in a moment ago, for the strip on a monitor's page that keeps itself up to date: one query."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import reverse

from governance.common import clock
from monitoring.record_reading import incoming


def live_strip(monitor_id: uuid.UUID) -> dict[str, Any]:
    """Return the context of monitoring/_live.html: figures of today (UTC), the last batch, and where they come from."""
    found = incoming(monitor_id)
    last = found["last_at"]
    return {
        **found,
        "pk": monitor_id,
        "url": reverse("monitor-live", args=[monitor_id]),
        "as_of": clock.now(),
        "age": clock.now() - last if last else None,
    }
