"""Who registered a version and who made a run, as MLflow's plugin told it."""

from django.db import models

from placet.uris import DEFAULT_WORKSPACE


class RegistrationNotice(models.Model):
    """Who registered a version, as MLflow's plugin authenticated them.

    It names the very version: somebody who registers the same source again must not take the first one's place.
    """

    id = models.BigAutoField(primary_key=True)
    workspace = models.CharField(max_length=120, default=DEFAULT_WORKSPACE)
    name = models.CharField(max_length=256)
    number = models.PositiveIntegerField()
    created_at_ms = models.BigIntegerField()
    username = models.CharField(max_length=255)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "name", "number"], name="notice_by_version")]


class RunNotice(models.Model):
    """Who made a run, as MLflow's plugin authenticated them. With who registered, the only source of ``trained_by``."""

    id = models.BigAutoField(primary_key=True)
    run_id = models.CharField(max_length=64, db_index=True)
    username = models.CharField(max_length=255)
    at = models.DateTimeField()
