"""`manage.py restamp_documents`: time-stamp again the documents whose last time-stamp is about to end."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.common.errors import DomainError
from governance.evidence import storage
from reports import time_stamps
from reports.models import Document


class Command(BaseCommand):
    help = (
        "Have the time-stamp authority stamp every document whose last time-stamp ends soon, or that has none. "
        "The files stay as they are; each stamp covers the file and all earlier stamps. Run it once a month."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--within-days", type=int, default=180, help="How soon a time-stamp ends (180).")
        parser.add_argument("--dry-run", action="store_true", help="Only list the documents.")
        parser.add_argument("--export", metavar="FOLDER", help="Write one document's file and stamps into a folder.")
        parser.add_argument("--document", help="Id of the document to export.")

    def handle(self, *args: Any, **options: Any) -> None:
        from reports.documents.signing import SigningFailed  # loads pyHanko

        if options["export"]:
            self._export(options["document"] or "", Path(options["export"]))
            return
        failed = 0
        for document in time_stamps.due(timedelta(days=options["within_days"])):
            if options["dry_run"]:
                self.stdout.write(f"{document.pk} {document.subject_name}")
                continue
            try:
                row = time_stamps.time_stamp(document.pk)
            except (SigningFailed, DomainError) as error:
                failed += 1
                self.stderr.write(f"{document.pk}: {error}")
            else:
                self.stdout.write(f"{document.pk}: stamp {row.number}, good until {row.ends_at:%Y-%m-%d}")
        if failed:
            raise CommandError(f"{failed} documents got no time-stamp; run it again.")

    def _export(self, pk: str, folder: Path) -> None:
        document = Document.objects.filter(pk=pk).first() if pk else None
        if document is None:
            raise CommandError("Name the document with --document and its id.")
        folder.mkdir(parents=True, exist_ok=True)
        covered = storage.get(document.pdf_digest)
        (folder / "document.pdf").write_bytes(covered)
        for row in document.time_stamps.order_by("number"):
            # What openssl holds a token against: the file with the earlier tokens after it.
            (folder / f"{row.number}.covered").write_bytes(covered)
            token = storage.get(row.token_digest)
            (folder / f"{row.number}.tst").write_bytes(token)
            covered += token
        self.stdout.write(f"{folder}: check each with openssl ts -verify -token_in -in N.tst -data N.covered -CAfile …")
