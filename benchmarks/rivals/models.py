"""One business row as Placet's registered model has it, under each log."""

import uuid

import pghistory
from auditlog.registry import auditlog
from django.db import models


class Row(models.Model):
    """The columns of a registered model, with its constraint and its index: PostgreSQL does the same for each row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    log_entry = models.UUIDField()
    workspace = models.CharField(max_length=120, default="default")
    name = models.CharField(max_length=256)
    system_id = models.UUIDField(null=True, db_index=True)
    mirrored_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="%(class)s_is_one")]


class Bare(Row):
    """No log."""


class Signalled(Row):
    """django-auditlog: an ORM row from a signal."""


@pghistory.track()  # type: ignore[untyped-decorator]
class Triggered(Row):
    """django-pghistory: a row from a trigger, without hashes."""


auditlog.register(Signalled)
