"""Write HTML as one PDF that is PDF/A-3a and PDF/UA-1, from a closed set of resources.

Imports WeasyPrint and its native libraries: import this module inside a task, never at start. Times: a page takes
about 0.1 to 0.3 s.
"""

from __future__ import annotations

import logging
import os
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pydyf
import weasyprint
from cssselect2 import ElementWrapper
from pydyf import _to_bytes
from weasyprint import CSS, HTML, Attachment
from weasyprint.html import UA, UA_COUNTER_STYLE
from weasyprint.text.ffi import pango
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from reports.documents import shaping  # noqa: F401  # so that WeasyPrint shapes each text once

_NS = "http://www.aiim.org/pdfa/ns/"
# WeasyPrint writes one variant at a time: the identification of PDF/UA, and the PDF/A extension schema that declares
# it, are added.
_UA_ID = f"""<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="{_NS}extension/" xmlns:pdfaSchema="{_NS}schema#" \
xmlns:pdfaProperty="{_NS}property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource"><pdfaSchema:schema>PDF/UA
identification</pdfaSchema:schema> <pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>\
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource"><pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType><pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>PDF/UA part number</pdfaProperty:description></rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>"""

# A document is drawn with the fonts that come with it, and with none of the machine: the bytes are the same elsewhere.
# Fontconfig reads the name of its file each time it starts.
os.environ["FONTCONFIG_FILE"] = str(Path(__file__).with_name("fonts.conf"))
_LOG = logging.getLogger("weasyprint")
_CARRIAGE_RETURN = 0x0D
Blobs = Mapping[str, tuple[str, bytes]]


class ResourceRefused(ValueError):
    """The document asked for something outside its own bundle: a network address, a file, or an unknown name."""


@dataclass(frozen=True)
class Embedded:
    """A file carried inside the PDF. ``name`` is also its name in the bundle of resources."""

    name: str
    description: str


class WritingFailed(RuntimeError):
    """WeasyPrint reported an error, such as a chart it could not draw: a document with a hole is not handed out."""


class _Complaints(logging.Handler):
    """Collect what WeasyPrint only logs."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


class BundleFetcher(URLFetcher):  # type: ignore[misc]  # untyped base
    """Serve ``bundle:<name>`` from a mapping and refuse everything else.

    The refusal is fatal on purpose: WeasyPrint swallows ordinary errors and would drop the picture in silence.
    """

    def __init__(self, blobs: Blobs) -> None:
        super().__init__(allowed_protocols=("bundle",), allow_redirects=False)
        self.blobs = blobs
        self.refused: list[str] = []

    def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:
        """Return the named resource.

        Raises:
            FatalURLFetchingError: any other address; :func:`write` turns it into :class:`ResourceRefused`.
        """
        scheme, _, name = url.partition(":")
        found = self.blobs.get(name.lstrip("/")) if scheme == "bundle" else None
        if found is None:
            self.refused.append(url[:120])
            raise FatalURLFetchingError(f"resource not allowed: {url[:120]}")
        media_type, body = found
        return URLFetcherResponse(url, body, {"Content-Type": media_type})


class _Page(HTML):  # type: ignore[misc]  # untyped base
    """A page of well-formed XML, as ours are, read by a parser in C; WeasyPrint's own takes a twentieth of its time."""

    def __init__(self, html: str, fetcher: BundleFetcher) -> None:
        """Read the page.

        Raises:
            WritingFailed: the page isn't well-formed.
        """
        self.base_url, self.url_fetcher, self.media_type = "bundle:/", fetcher, "print"
        try:
            self.etree_element = ET.fromstring(html)  # noqa: S314 - our template's, and values are escaped in it
        except ET.ParseError as error:
            raise WritingFailed(f"The page is not well-formed: {error}") from error
        self.wrapper_element = ElementWrapper.from_html_root(self.etree_element)

    def _ua_stylesheets(self, forms: bool = False) -> list[CSS]:
        return [_plain()]


@cache
def _plain() -> CSS:
    """Return WeasyPrint's own style without its rules for parts of any element, such as markers and calls of notes.

    Our pages have neither, and each element would have six styles more, which take a sixth of the memory.
    """
    rules = [line for line in UA.splitlines() if not line.startswith("::")]
    return CSS(string="\n".join(rules), counter_style=UA_COUNTER_STYLE.copy())


def write(
    html: str, css: str, *, blobs: Blobs, identifier: bytes, when: datetime, attachment: Embedded | None = None
) -> bytes:
    """Return the PDF.

    Args:
        html, css: the document, as well-formed XML, and its print style; addresses in them are ``bundle:<name>``.
        blobs: name to (media type, content) of fonts, pictures and the attachment.
        identifier: at least 16 bytes that name this document; the same input and identifier give the same bytes, as
            long as WeasyPrint and its native libraries are the same (:func:`libraries`).
        when: creation time of the attachment, aware; the document's own stands in its HTML.
        attachment: a file of ``blobs`` to embed with relationship Data.

    Raises:
        ResourceRefused: the document asks for something that ``blobs`` does not hold.
        WritingFailed: the page isn't well-formed, or WeasyPrint reported an error.
    """
    fetcher = BundleFetcher(blobs)
    with warnings.catch_warnings(action="ignore"):  # that the machine has no fonts
        fonts = FontConfiguration()  # the same object twice: with two, @font-face is ignored without a word
    complaints = _Complaints(level=logging.ERROR)
    _LOG.addHandler(complaints)
    options: dict[str, Any] = {"pdf_variant": "pdf/a-3a", "pdf_tags": True, "pdf_identifier": identifier[:16]}
    try:
        if attachment is not None:
            options["attachments"] = [
                Attachment(
                    url=f"bundle:{attachment.name}",
                    url_fetcher=fetcher,
                    name=attachment.name,
                    description=attachment.description,
                    relationship="Data",
                    created=when,
                    modified=when,
                )
            ]
        sheet = CSS(string=css, font_config=fonts, url_fetcher=fetcher, base_url="bundle:/")
        source = _Page(html, fetcher)
        document = source.render(stylesheets=[sheet], font_config=fonts, **options)
        pdf: bytes = document.write_pdf(finisher=_finish, **options)
    except FatalURLFetchingError as refused:
        raise ResourceRefused(str(refused)) from refused
    finally:
        _LOG.removeHandler(complaints)
    if fetcher.refused:  # inside an SVG, WeasyPrint swallows even the fatal error and leaves a hole
        raise ResourceRefused(f"resource not allowed: {fetcher.refused[0]}")
    if complaints.messages:
        raise WritingFailed(complaints.messages[0])
    return pdf


def libraries() -> dict[str, str]:
    """Return the versions that decide the bytes of a PDF: store them in the snapshot, beside what they made."""
    number = int(pango.pango_version())
    return {
        "weasyprint": str(weasyprint.__version__),
        "pydyf": str(pydyf.__version__),
        "pango": f"{number // 10000}.{number // 100 % 100}.{number % 100}",
        "harfbuzz-subset": "present" if _has_subsetter() else "absent",
    }


def _has_subsetter() -> bool:
    from weasyprint.text import ffi

    return bool(getattr(ffi, "harfbuzz_subset", None))


def _finish(document: object, pdf: Any) -> None:
    """Add what PDF/UA-1 wants and WeasyPrint does not write beside PDF/A-3a: identification, scopes, window title."""
    by_number = {item.number: item for item in pdf.objects}

    def resolve(reference: object) -> Any:
        text = reference.decode() if isinstance(reference, bytes) else str(reference)
        return by_number[int(text.split()[0])]

    for item in pdf.objects:
        if getattr(item, "extra", {}).get("Type") == "/Metadata":
            item.compress = False  # readers of the identification must not need to inflate it
            head, mark, tail = item.stream[0].rpartition(b"</rdf:RDF>")
            item.stream[0] = head + _UA_ID.encode() + mark + tail
        elif isinstance(item, dict) and item.get("S") == "/TH" and isinstance(item.get("A"), dict):
            section = resolve(resolve(item["P"])["P"])
            item["A"].setdefault("Scope", "/Column" if section.get("S") == "/THead" else "/Row")
    pdf.catalog["ViewerPreferences"] = "<</DisplayDocTitle true>>"
    for item in pdf.objects:
        if isinstance(item, pydyf.Stream):
            item.written = _written(item)
            item.stream = []  # what it was made of, which takes more than what it became


def _written(stream: Any) -> bytes:
    """Return a stream as it stands in the file; written once it is final, since pydyf asks for it three times.

    It stays uncompressed if its compressed form ends in a carriage return. Before the line feed that ends a stream,
    that byte reads as part of the line end: validators find a byte too few, and the file is not PDF/A. It happens by
    chance to one stream in 256, also those of objects and of the index, which are made last. The last bytes of zlib
    data are a checksum of the content, so compressing harder or less does not help.
    """
    kept: bytes | None = stream.__dict__.get("written")
    if kept is not None:
        return kept
    content = b"\n".join(_to_bytes(item) for item in stream.stream)
    extra = pydyf.Dictionary(stream.extra.copy())
    if stream.compress and zlib.adler32(content) & 0xFF != _CARRIAGE_RETURN:
        extra["Filter"] = "/FlateDecode"
        content = zlib.compress(content, 6)  # 9 takes four times as long and saves 4 %
    extra["Length"] = len(content)
    return b"\n".join((extra.data, b"stream", content, b"endstream"))


def _page_references(pdf: Any) -> tuple[bytes, ...]:
    """Return how objects name each page; made once per number of pages, since each tagged element asks for all."""
    kept: tuple[bytes, ...] = pdf.__dict__.get("named", ())
    if len(kept) != pdf.pages["Count"]:
        pdf.named = kept = tuple(f"{number} 0 R".encode("ascii") for number in pdf.pages["Kids"][::3])
    return kept


pydyf.Stream.data = property(_written)
pydyf.PDF.page_references = property(_page_references)
