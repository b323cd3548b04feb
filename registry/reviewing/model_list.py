"""The list of registered models, with what is live of each."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Count, Max, Q

from governance.accounts.models import User
from governance.common.paging import page_of
from registry import protected, selectors
from registry.models import AliasHistory, ModelVersion, RegisteredModel
from registry.reviewing.model_pages import CHAMPION, state_of

A_PAGE = 50


def models_page(viewer: User, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the context of registry/model_list.html; ``q`` narrows it by the model's name and its system's."""
    models = selectors.models_for(viewer)
    for word in asked.get("q", "").split():
        models = models.filter(Q(name__icontains=word) | Q(workspace__icontains=word) | Q(system__name__icontains=word))
    rows, pager = page_of(models, asked, A_PAGE)
    return {"models": model_rows(rows), "pager": pager, "filters": {"q": asked.get("q", "")}}


def model_rows(models: Sequence[RegisteredModel]) -> list[dict[str, Any]]:
    """Return some registered models with what is live; three queries, whatever their number."""
    ids = [row.pk for row in models]
    versions = ModelVersion.objects.filter(model__in=ids)
    counted = versions.order_by().values_list("model").annotate(count=Count("pk"), newest=Max("number"))
    counts = {pk: (count, newest) for pk, count, newest in counted}
    open_spans = AliasHistory.objects.filter(
        model__in=ids, alias__in=[CHAMPION, protected.IN_USE], during__endswith__isnull=True
    ).select_related("version", "promotion__approval")
    live = {row.model_id: row for row in open_spans}
    problems = dict(versions.exclude(problem="").order_by("number").values_list("model_id", "problem"))
    return [
        {
            "pk": row.pk,
            "name": str(row),
            "system": {"pk": row.system.pk, "name": row.system.name} if row.system else None,
            "ai_act": _class_and_tier(row),
            "champion": f"v{live[row.pk].version.number}" if row.pk in live else None,
            "champion_state": state_of(live[row.pk]) if row.pk in live else "",
            "versions": counts[row.pk][0] if row.pk in counts else 0,
            "latest": f"v{counts[row.pk][1]}" if row.pk in counts else "",
            "mirrored_at": row.mirrored_at,
            "outside": row.is_recorded,
            "problem": problems.get(row.pk, ""),
        }
        for row in models
    ]


def _class_and_tier(row: RegisteredModel) -> str:
    if row.system is None or not row.system.ai_act_class:
        return "not classified" if row.system else ""
    return f"{row.system.get_ai_act_class_display()} · tier {row.system.model_tier}"
