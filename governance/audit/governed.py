"""What a governed model is: a row that no transaction may change without a log entry that names it."""

import uuid
from typing import ClassVar

from django.db import models


def digest_function(table: str) -> str:
    """Return the name of the database function that gives the digest of a row of ``table`` by its key."""
    return f"audit_digest_of_{table}"


class Governed(models.Model):
    """Abstract base: a UUID key and the id of the newest log entry that names the row.

    Rows are written by ``audit.append`` alone, which saves them and names them in one go. The database keeps the rule:
    the table's migration holds ``Govern("<table>")``, a deferred trigger that refuses the commit of any other change.
    ``immutable`` tables refuse UPDATE and DELETE as well.

    Where people call a row by a number, ``number_prefix`` is what stands before it, as in PR-12. By that the log finds
    what was written of the row, and of the rows to which the columns in ``told_with`` lead.
    """

    immutable: ClassVar[bool] = False
    number_prefix: ClassVar[str] = ""
    told_with: ClassVar[tuple[str, ...]] = ()

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    log_entry = models.UUIDField(editable=False, help_text="Newest log entry that names this row.")

    class Meta:
        abstract = True
