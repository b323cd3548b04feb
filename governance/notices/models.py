"""The outbox: what people are told, how it goes out, and how each of them wants it.

None of it is governed: it follows from the log, opens nothing, and is deleted after a while.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q

from governance.accounts.models import User
from governance.notices.kinds import MANDATORY, Kind


class NoticeSettings(models.Model):
    """How one person wants to be told. Who has no row is told of everything, at once, by e-mail."""

    person = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="notice_settings")
    by_mail = models.BooleanField(default=True)
    off = ArrayField(models.CharField(max_length=16), default=list, help_text="Kinds that the person turned off.")
    digest = models.BooleanField(default=False, help_text="Once a day instead of at once.")
    digest_hour = models.PositiveSmallIntegerField(default=8, validators=[MaxValueValidator(23)])
    time_zone = models.CharField(max_length=64, default="UTC")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(off__overlap=sorted(str(kind) for kind in MANDATORY)),
                name="nobody_turns_off_what_is_asked_of_them",
            ),
            models.CheckConstraint(condition=Q(digest_hour__lte=23), name="digest_at_an_hour_of_the_day"),
        ]

    def __str__(self) -> str:
        return f"settings of {self.person_id}"


class Channel(models.Model):
    """An Apprise address of a person. The address holds secrets: it is sealed, and gone once the channel is removed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notice_channels")
    label = models.CharField(max_length=60)
    shown = models.CharField(max_length=120, help_text="What may be shown of the address: slack://…")
    sealed = models.TextField(blank=True)
    made_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(removed_at__isnull=True) & ~Q(sealed="") | Q(removed_at__isnull=False, sealed=""),
                name="address_gone_iff_channel_removed",
            ),
            models.CheckConstraint(condition=~Q(sealed__contains=":"), name="no_address_in_the_clear"),
            models.UniqueConstraint(
                fields=["person", "label"], condition=Q(removed_at__isnull=True), name="one_channel_per_label"
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Notice(models.Model):
    """One thing that one person is told. Made from a log entry, or by the clock; never changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=16, choices=Kind)
    occasion = models.CharField(max_length=200, help_text="The log entry, or the name of what happened by the clock.")
    entry = models.UUIDField(null=True, help_text="The log entry that it was made from.")
    words = models.CharField(max_length=200, help_text="Names nothing.")
    detail = models.CharField(max_length=400, help_text="Names the subject and the verdict.")
    path = models.CharField(max_length=300)
    about_kind = models.CharField(max_length=16, default="own", help_text="What must be readable for it to go out.")
    about_id = models.UUIDField(null=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "occasion"], name="one_notice_per_person_and_occasion"),
            models.CheckConstraint(
                condition=Q(path__startswith="/") & ~Q(path__startswith="//"), name="notice_lands_on_this_site"
            ),
        ]
        indexes = [models.Index(fields=["person", "-made_at"], name="notice_newest_first")]

    def __str__(self) -> str:
        return self.words


class Delivery(models.Model):
    """One notice on its way to one place. The row is the truth; a message in the broker is a hint.

    A worker claims it with a lease. Several that go out as one message share a ``batch``, which never changes once it
    is given: a message that is sent again after a crash is the same one, under the same Message-ID.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Given up"
        DROPPED = "dropped", "Not sent"

    id = models.BigAutoField(primary_key=True)
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(
        Channel, null=True, on_delete=models.CASCADE, related_name="deliveries", help_text="Empty: e-mail."
    )
    digest = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    due_at = models.DateTimeField()
    batch = models.UUIDField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=400, blank=True, help_text="Why the last attempt failed, or why none is made.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "channel"], nulls_distinct=False, name="one_delivery_per_notice_and_channel"
            ),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False, batch__isnull=False)
                | ~Q(state="sent") & Q(sent_at__isnull=True),
                name="sent_at_iff_sent",
            ),
            models.CheckConstraint(
                condition=Q(lease_until__isnull=True) | Q(state="waiting", batch__isnull=False, attempts__gt=0),
                name="only_a_claimed_delivery_is_leased",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="delivery_by_due"),
            models.Index(fields=["batch"], condition=Q(batch__isnull=False), name="delivery_by_batch"),
        ]

    def __str__(self) -> str:
        return f"delivery of {self.notice_id}"


class Cursor(models.Model):
    """How far the log has been read: one row, which only moves on. ``position`` is that of the last entry read."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(help_text="As the notary placed the entries, without gaps.")
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_cursor")]

    def __str__(self) -> str:
        return str(self.position)


class Unread(models.Model):
    """An entry that the cursor passed because making its notices failed. It is tried again until it works."""

    entry = models.UUIDField(primary_key=True)
    attempts = models.PositiveSmallIntegerField(default=1)
    next_at = models.DateTimeField()
    error = models.CharField(max_length=400)

    class Meta:
        indexes = [models.Index(F("next_at"), name="unread_by_next")]

    def __str__(self) -> str:
        return str(self.entry)
