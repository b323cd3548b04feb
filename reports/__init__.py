"""Evidence producers and documents: they push evidence down, nothing below imports them."""
