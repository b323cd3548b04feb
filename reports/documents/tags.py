"""The one tag of the documents' own templates: ``{% say "Words" %}`` prints a marked message in their language."""

from __future__ import annotations

from django import template

from reports.documents.translation import _

register = template.Library()


@register.simple_tag
def say(message: str, **values: object) -> str:
    """Return a message in the language of the document, escaped by the template as any value is.

    Args:
        values: of its placeholders; without any, braces stand for themselves.
    """
    return _(message).format(**values) if values else _(message)
