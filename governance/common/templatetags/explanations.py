"""Charts of explanations as template tags: each takes the payload that the view already has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from governance.common import charts, contributions
from governance.common.templatetags.placet import field

register = template.Library()


@register.filter
def space(output: object) -> str:
    """Say in which space SHAP values add up."""
    names = {
        "probability": gettext("probability"),
        "margin": gettext("margin (log-odds)"),
        "value": gettext("the model's own unit"),
    }
    return names.get(str(output), str(output or ""))


@register.simple_tag
def dependence_chart(row: object, output: object) -> SafeString:
    """Draw how the SHAP values of one feature depend on the feature's own value."""
    name = str(field(row, "feature"))
    return SafeString(
        contributions.dependence(
            field(row, "bins") or [],
            uid=charts.dom_id("dependence", name),
            title=gettext("SHAP value of {feature} by its own value").format(feature=name),
            unit=space(output),
        )
    )


@register.simple_tag
def deletion_chart(curves: Mapping[str, Any], output: object) -> SafeString:
    """Draw the deletion curves."""
    title = gettext("How far the score moves as features are deleted")
    return SafeString(contributions.deletion(curves, uid="deletion", title=title, unit=space(output)))


@register.simple_tag
def waterfall_chart(rows: Sequence[Mapping[str, Any]], base: float, score: float, output: object) -> SafeString:
    """Draw how one record's score comes about."""
    title = gettext("From the base value to the score of this record")
    return SafeString(
        contributions.waterfall(rows, base=base, score=score, uid="waterfall", title=title, unit=space(output))
    )
