"""The report that a validator uploads: checked, kept by its digest, and given back as a file and nothing else."""

from io import BytesIO

from django.http import HttpResponse

from governance.evidence import pdf, storage
from governance.validation.errors import ReportRefused

LARGEST = 10 * 1024 * 1024


def keep_report(content: bytes) -> str:
    """Keep an uploaded PDF and return its digest.

    Raises:
        ReportRefused: it is no whole PDF, something else besides, or larger than 10 MB.
    """
    if len(content) > LARGEST:
        raise ReportRefused(f"The file has {len(content):,} bytes; {LARGEST:,} are taken.")
    if why := pdf.problem(BytesIO(content)):
        raise ReportRefused(why)
    return storage.put(content)


def report_response(digest: str, name: str) -> HttpResponse:
    """Return a kept report as a download that no browser runs or draws as a page of ours.

    Raises:
        Unknown: it is not there, or its bytes are not the ones that were kept.
    """
    response = HttpResponse(storage.get(digest), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
