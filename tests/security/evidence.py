"""Who may do what with evidence, its jobs and submitted documents: a part of the table."""

from __future__ import annotations

from governance.evidence.documents import REVIEWERS, SUBMITTERS
from tests.security.route import Outcome, Route
from tests.security.who import ANYBODY, READER, Who, part, role

E, ER = "evidence:write", "evidence:read"
MODEL = "credit-risk"
_HIDDEN = (ANYBODY, "404")


def _act(*lines: tuple[Who, Outcome]) -> tuple[tuple[Who, Outcome], ...]:
    """Who may, then who only reads it, then those for whom it does not exist."""
    return (*lines, (READER, "403"), _HIDDEN)


RULES: dict[str, tuple[tuple[Who, Outcome], ...]] = {
    "submit a document": _act((role(*SUBMITTERS), "422")),
    "review a document": _act((part("submitter", "who submitted it"), "403"), (role(*REVIEWERS), "302+")),
    "push evidence": _act((role(*SUBMITTERS), "422")),
    "explain a record": ((READER, "422"), _HIDDEN),  # no explanation of that version is there to use
    "have evidence made again": ((READER, "302"), _HIDDEN),
    "have evidence made again over the API": ((READER, "202"), _HIDDEN),
    "cancel a job": _act((role("engineer", "owner"), "302+")),
    "cancel a job over the API": _act((role("engineer", "owner"), "200+")),
    "try a job again": _act((role("engineer", "owner"), "302+")),
    "try a job again over the API": _act((role("engineer", "owner"), "202+")),
}

ROUTES: dict[str, Route] = {
    "GET document-making": Route("list", shows="Consumer credit scoring"),
    "GET system-documents": Route("read", "system"),
    "GET document-detail": Route("read", "document"),
    "GET document-changes": Route("read", "document"),
    "GET api-document-changes": Route("read", "document"),
    "GET system-coverage": Route("read", "system"),
    "GET system-coverage-csv": Route("read", "system"),
    "GET search": Route("list requests", shows="Consumer credit scoring", query="?q=consumer"),
    "GET coverage": Route("list", shows="Consumer credit scoring", query="?when=all"),
    "GET coverage-csv": Route("list", shows="Consumer credit scoring"),
    "GET api-system-coverage": Route("read", "system"),
    "GET api-coverage-map": Route("list", shows="Consumer credit scoring", query="?when=all"),
    "GET document-sign": Route("read", "document"),
    "POST document-sign": Route("sign a declaration", "document", "declaration of conformity"),
    "GET api-document-copy": Route("read", "document"),
    "GET submitted-document-list": Route("read", "system"),
    "POST submitted-document-submit": Route("submit a document", "system"),
    "GET submitted-document": Route("read", "submitted document"),
    "POST submitted-document-review": Route("review a document", "submitted document", "document review"),
    "GET submitted-document-file": Route("read", "submitted document"),
    "GET api-submitted-documents": Route("list", scope=E, shows="pen_test"),
    "POST api-submitted-documents": Route("submit a document", body="submission", scope=E),
    "GET api-submitted-document": Route("read", "submitted document", scope=E),
    "GET api-submitted-document-file": Route("read", "submitted document", scope=E),
    "GET evidence": Route("read", "evidence"),
    "POST evidence-reproduce": Route("have evidence made again", "evidence"),
    "GET evidence-json": Route("read", "evidence"),
    "GET evidence-parquet": Route("read", "evidence"),
    "GET evidence-chart": Route("read", "chart of evidence"),
    "GET evidence-file": Route("read", "file of evidence"),
    "GET version-evidence": Route("read", "evidence of a version"),
    "GET record-explain": Route("read", "model"),
    "POST record-explain": Route("explain a record", "model", "record"),
    "GET record-look": Route("read", "model"),
    "POST evidence-job-cancel": Route("cancel a job", "open evidence job", "reason"),
    "POST evidence-job-retry": Route("try a job again", "failed evidence job"),
    "GET api-evidence-list": Route("list", scope=ER, shows=MODEL),
    "POST api-evidence-list": Route("push evidence", body="push", scope=E),
    "GET api-evidence": Route("read", "evidence", scope=ER),
    "POST api-evidence-reproductions": Route("have evidence made again over the API", "evidence", scope=E),
    "GET api-evidence-jobs": Route("list", scope=ER, shows=MODEL),
    "GET api-evidence-job": Route("read", "failed evidence job", scope=ER),
    "POST api-evidence-job-cancellations": Route("cancel a job over the API", "open evidence job", "reason", scope=E),
    "POST api-evidence-job-retries": Route("try a job again over the API", "failed evidence job", scope=E),
}
