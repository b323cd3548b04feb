"""A QR code as one SVG path, which a page draws inline: no script, no style, nothing fetched."""

QUIET = 4
"""Modules of light margin, as ISO/IEC 18004 wants them."""


def qr_path(text: str) -> tuple[int, str]:
    """Return the side of the drawing, in modules, and the path of its dark modules."""
    import qrcode  # type: ignore[import-untyped] # here: only the one page that draws needs it

    code = qrcode.QRCode(border=QUIET)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return len(rows), path
