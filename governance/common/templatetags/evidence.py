"""Figures of evidence as they are, for tables in which every number of a payload stands."""

from __future__ import annotations

import math

from django import template
from django.utils.translation import gettext

register = template.Library()
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


@register.filter
def exact(value: object) -> str:
    """Write a figure with up to six significant digits and a real minus sign; None is a dash, other things themselves.

    Whole numbers are written in full: a count is never rounded.
    """
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, int):
        return f"{value:,}".replace("-", MINUS)
    if isinstance(value, float):
        return f"{value:.6g}".replace("-", MINUS) if math.isfinite(value) else DASH
    return str(value)
