"""Export the log as a bundle that a stranger verifies offline."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.http import FileResponse

from governance.audit import selectors
from governance.audit.errors import NotIntegrated
from governance.audit.governed import Governed
from governance.audit.models import Anchor
from governance.common import clock
from placet.bundle import GovernedRow, write_bundle
from placet.bundle import Payload as BundlePayload


def governed_models() -> list[type[Governed]]:
    """Return every governed model, by its table: the one list of what the log must speak for."""
    return sorted((m for m in apps.get_models() if issubclass(m, Governed)), key=lambda model: model._meta.db_table)


def governed_tables() -> list[str]:
    """Return the tables of every governed model."""
    return [model._meta.db_table for model in governed_models()]


def export_bundle(path: Path) -> Path:
    """Write a bundle of everything that is in the tree now, from one consistent view of the database.

    Raises:
        NotIntegrated: the log holds no signed checkpoint yet, or entries wait that name rows of this view.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        checkpoint = selectors.newest_checkpoint()
        if checkpoint is None:
            raise NotIntegrated("The log has no signed checkpoint yet; start the notary and try again.")
        if selectors.pending_count() or selectors.size() != checkpoint.size:
            raise NotIntegrated("The notary is behind by some entries; try again in a second.")
        anchored = Anchor.objects.filter(checkpoint__position__gte=selectors.base()).select_related("checkpoint")
        return write_bundle(
            path,
            origin=settings.LOG_ORIGIN,
            checkpoint_note=bytes(checkpoint.note),
            anchored=[bytes(row.checkpoint.note) for row in anchored],
            entries=(body for _, body in selectors.integrated_bodies()),
            payloads=_payloads(),
            governed=_governed_rows(),
            pending=0,
            created_at=clock.rfc3339(clock.now()),
        )


def _payloads() -> Iterator[BundlePayload]:
    for index, salt, payload in selectors.payloads():
        yield BundlePayload(index, salt, payload.decode())


def _governed_rows() -> Iterator[GovernedRow]:
    for table in governed_tables():
        with connection.cursor() as cursor:
            cursor.execute(
                f'SELECT id::text, log_entry::text, audit_row_digest(%s, id::text) FROM "{table}" ORDER BY id::text',  # noqa: S608
                [table],
            )
            for key, entry, digest in cursor.fetchall():
                yield GovernedRow(table, key, entry, digest)


def bundle_response() -> FileResponse:
    """Return a fresh bundle as a download; its file is gone once it is sent."""
    with tempfile.TemporaryDirectory(prefix="placet-bundle-") as folder:
        path = export_bundle(Path(folder) / f"placet-{uuid.uuid4().hex[:8]}.zip")
        file = path.open("rb")  # the open file outlives its folder; FileResponse closes it
    return FileResponse(file, as_attachment=True, filename="placet-audit-bundle.zip", content_type="application/zip")
