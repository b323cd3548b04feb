"""Input and output of the endpoints that take records in and erase them."""

from typing import Any

from rest_framework import serializers

from governance.common.clock import rfc3339
from monitoring.erasure import WHAT_STAYS, Erased
from monitoring.models import LabelBatch, RecordBatch, RecordErasure


class BatchRow(serializers.Serializer[Any]):
    """One batch of records, and what became of its rows."""

    batch = serializers.CharField()
    rows = serializers.IntegerField(help_text="Taken in.")
    quarantined = serializers.IntegerField(help_text="Did not fit and were put aside.")
    duplicates = serializers.IntegerField(
        allow_null=True, help_text="Rows whose prediction_id an earlier batch has, too; null until they are counted."
    )
    erased = serializers.IntegerField(help_text="Of the rows, erased since.")
    expired = serializers.IntegerField(help_text="Of the rows, deleted since because their time had passed.")
    digest = serializers.CharField(help_text="Of the body, unpacked.")
    version = serializers.IntegerField()
    start = serializers.CharField(help_text="First event time.")
    end = serializers.CharField(help_text="Last event time.")
    received_at = serializers.CharField()


class BatchOutput(BatchRow):
    """What became of a batch."""

    created = serializers.BooleanField(help_text="False: it had been taken in before; nothing changed.")


class LabelBatchRow(serializers.Serializer[Any]):
    """A batch of labels, and how many of its rows were put aside."""

    batch = serializers.CharField()
    rows = serializers.IntegerField()
    quarantined = serializers.IntegerField()
    digest = serializers.CharField()
    received_at = serializers.CharField()


class LabelBatchOutput(LabelBatchRow):
    """What became of a batch of labels."""

    created = serializers.BooleanField(help_text="False: it had been taken in before; nothing changed.")


class IntakeInput(serializers.Serializer[Any]):
    """What a monitor takes in from now on. What is absent gets its default, but for the retention."""

    kpis = serializers.ListField(child=serializers.CharField(), required=False, help_text="Columns of numbers.")
    sensitive = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Columns of the reference data that are no features."
    )
    keep_out = serializers.ListField(child=serializers.CharField(), required=False, help_text="Dropped at the door.")
    hash = serializers.ListField(child=serializers.CharField(), required=False, help_text="Kept as HMAC-SHA256 alone.")
    quarantine = serializers.BooleanField(required=False, help_text="Put rows that do not fit aside.")
    retention_days = serializers.IntegerField(
        required=False,
        help_text="184 or more; 365 at first, and absent it stays. Fewer than now a person sets, never a token.",
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Take unknown names on, so that the settings refuse them by name."""
        known: dict[str, Any] = super().to_internal_value(data)
        return {**{name: data[name] for name in data if name not in self.fields}, **known}


class ErasureInput(serializers.Serializer[Any]):
    """Whose records, why, and the officer's password."""

    subject = serializers.CharField(
        max_length=1000, required=False, default="", trim_whitespace=False, help_text="A subject_id, as sent."
    )
    prediction_id = serializers.CharField(
        max_length=1000, required=False, default="", trim_whitespace=False, help_text="Instead of it."
    )
    reason = serializers.CharField(max_length=2000, help_text="Kept in the log, erasable.")
    password = serializers.CharField(write_only=True)


class ErasureRow(serializers.Serializer[Any]):
    """One erasure: how much, on whose word; whose records they were is kept nowhere."""

    id = serializers.UUIDField()
    by = serializers.CharField(help_text="subject_id or prediction_id.")
    commitment = serializers.CharField(help_text="Salted sha256 of the value.")
    officer = serializers.UUIDField()
    records = serializers.IntegerField()
    labels = serializers.IntegerField()
    quarantined = serializers.IntegerField()
    files_digest = serializers.CharField(help_text="Over the list of files that were written anew, before and after.")
    made_at = serializers.CharField()


class ListedErasure(ErasureRow):
    """One erasure, and how far its files are."""

    waiting = serializers.IntegerField(help_text="Files whose new ones are not in place yet.")
    lost = serializers.IntegerField(help_text="Files that hold the rows still, since the new ones were lost.")


class ErasureOutput(ErasureRow):
    """What was erased, and what still counts it."""

    profiles = serializers.IntegerField(help_text="Kept sums of days that are counted anew.")
    note = serializers.CharField()


def batch_row(batch: RecordBatch) -> dict[str, Any]:
    """Return the plain form that :class:`BatchRow` describes."""
    return {
        "batch": batch.batch_id,
        "rows": batch.rows,
        "quarantined": batch.quarantined,
        "duplicates": batch.duplicates,
        "erased": batch.erased,
        "expired": batch.expired,
        "digest": batch.digest,
        "version": batch.version.number,
        "start": rfc3339(batch.start),
        "end": rfc3339(batch.end),
        "received_at": rfc3339(batch.received_at),
    }


def label_row(batch: LabelBatch) -> dict[str, Any]:
    """Return the plain form that :class:`LabelBatchRow` describes."""
    return {
        "batch": batch.batch_id,
        "rows": batch.rows,
        "quarantined": batch.quarantined,
        "digest": batch.digest,
        "received_at": rfc3339(batch.received_at),
    }


def erasure_row(erasure: RecordErasure) -> dict[str, Any]:
    """Return the plain form that :class:`ErasureRow` describes."""
    return {
        "id": erasure.pk,
        "by": erasure.column,
        "commitment": erasure.commitment,
        "officer": erasure.officer_id,
        "records": erasure.records,
        "labels": erasure.labels,
        "quarantined": erasure.quarantined,
        "files_digest": erasure.files_digest,
        "made_at": rfc3339(erasure.made_at),
    }


def listed_erasure(erasure: Any) -> dict[str, Any]:
    """Return the plain form that :class:`ListedErasure` describes."""
    return {**erasure_row(erasure), "waiting": erasure.waiting, "lost": erasure.lost}


def erased(done: Erased) -> dict[str, Any]:
    """Return the plain form that :class:`ErasureOutput` describes.

    Without the salt: an answer to a call with an ``Idempotency-Key`` is kept, and the salt is not to be.
    """
    return {**erasure_row(done.erasure), "profiles": done.profiles, "note": WHAT_STAYS}
