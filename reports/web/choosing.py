"""Which model versions a document can be about: what the form offers, and which system a chosen one belongs to."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from governance.accounts.access import readable
from governance.accounts.models import User
from governance.inventory.models import AISystem
from registry.models import ModelVersion
from reports.models import ABOUT_A_VERSION

MOST = 200


def version_choices(systems: Iterable[uuid.UUID]) -> dict[str, Any] | None:
    """Return ``kinds`` and, by system, the newest versions of these systems; None where there is none. One query.

    ``cut`` says that there are older ones, which are asked for over the API.
    """
    rows = ModelVersion.objects.filter(model__system__in=list(systems)).select_related("model__system")
    found = list(rows.order_by("-mlflow_created_at_ms")[: MOST + 1])
    newest = sorted(
        found[:MOST],
        key=lambda row: (str(row.model.system), str(row.model), -row.number),
    )
    groups = [
        {"name": name, "versions": [{"pk": str(row.pk), "label": f"{row.model} v{row.number}"} for row in versions]}
        for name, versions in groupby(newest, key=lambda row: str(row.model.system))
    ]
    kinds = [{"value": kind.value, "label": kind.label} for kind in ABOUT_A_VERSION]
    return {"kinds": kinds, "systems": groups, "cut": len(found) > MOST} if groups else None


def system_of_version(viewer: User, about: str) -> AISystem | None:
    """Return the system that a version serves; None for what is no version that the person may read."""
    try:
        wanted = uuid.UUID(about)
    except ValueError:
        return None
    rows = readable(ModelVersion.objects.filter(pk=wanted), viewer, system="model__system")
    found = rows.select_related("model__system__owner").first()
    return found.model.system if found else None
