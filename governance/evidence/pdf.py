"""Whether a file is a PDF and nothing else besides, told from its bytes without running a parser on them.

What strangers send is never opened here: it is looked at in three places and handed out as an attachment only.
"""

from __future__ import annotations

import re
import zipfile
from typing import BinaryIO

HEAD = re.compile(rb"%PDF-(1\.[0-7]|2\.0)[\r\n \t]")
END = re.compile(rb"startxref\s+([0-9]{1,12})\s+%%EOF\s*\Z")
TABLE = re.compile(rb"\s{0,4}(xref\s|[0-9]{1,10}\s+[0-9]{1,5}\s+obj\b)")
TAIL = 65_557  # as far from its end as a ZIP can have its directory
SMALLEST = 64


def problem(file: BinaryIO) -> str:
    """Return in one sentence why ``file`` is refused, empty when it is taken; it is left at its beginning.

    The header must be the very first bytes, so that no script or archive stands before it; the last bytes must be the
    end mark with the place of the cross-reference table, and the table must be there, so that the file is whole and
    nothing was added behind it; and no ZIP directory may lie where programs look for one.
    """
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(16)
    file.seek(max(0, size - TAIL))
    tail = file.read(TAIL)
    try:
        if size < SMALLEST or not HEAD.match(head):
            return "The file is no PDF: it must begin with the header of one."
        if b"PK\x05\x06" in tail or zipfile.is_zipfile(file):
            return "The file is a ZIP archive as well; send a PDF that is nothing else besides."
        end = END.search(tail[-1024:])
        if end is None:
            return "The file does not end as a PDF does: it was cut off, or something was added to it."
        place = int(end.group(1))
        file.seek(min(place, size))
        if place >= size or not TABLE.match(file.read(32)):
            return "The table of contents of the PDF is not where the file says; it is damaged."
        return ""
    finally:
        file.seek(0)
