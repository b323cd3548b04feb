"""What lists of requests are made from; nothing here is a record of its own."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from governance.accounts.models import User
from governance.approvals.models.requests import ApprovalRequest, State
from governance.inventory.models import AISystem


class RequestIndex(models.Model):
    """What lists find a request by: one row a request, which the database keeps by itself.

    Everything here follows from the request and its decisions, and triggers (``migrations/0002_guards.py``) compute it
    whenever one of them is written, by whatever path: a service, a later feature or SQL by hand can't forget it, and
    only the owner's role may write it. It is no part of the request, because each change of that is named in the log
    with its digest, and what merely speeds up a page should make no entries.
    """

    request = models.OneToOneField(ApprovalRequest, primary_key=True, on_delete=models.DO_NOTHING, related_name="index")
    state = models.CharField(max_length=20, choices=State)
    system = models.ForeignKey(AISystem, on_delete=models.DO_NOTHING, related_name="+")
    requester = models.ForeignKey(User, on_delete=models.DO_NOTHING, related_name="+")
    outcome = models.CharField(max_length=20, blank=True, help_text="Of the newest evaluation: ALLOW, HOLD, BLOCK.")
    open_stage = models.CharField(max_length=40, blank=True, help_text="Empty when the request is not in review.")
    open_roles = ArrayField(models.CharField(max_length=32), help_text="Whose signature the open stage asks for.")
    open_to = ArrayField(
        models.UUIDField(),
        help_text="Who may sign now: listed in the open stage, not excluded, has not signed in this round.",
    )
    words = models.TextField(help_text="What a search finds it by, in small letters.")
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, help_text="When a request in review expires undecided.")
    settled_at = models.DateTimeField(null=True)
    decided_in = models.DurationField(null=True, help_text="From review to settlement, where people decided.")

    class Meta:
        indexes = [
            GinIndex(fields=["open_to"], name="request_open_to"),
            models.Index(fields=["due_at", "request"], condition=Q(due_at__isnull=False), name="request_by_due"),
            models.Index(
                fields=["opened_at", "request"],
                condition=Q(state__in=["collecting", "in_review", "changes_requested"]),
                name="open_request_by_opening",
            ),
            models.Index(
                fields=["-settled_at", "-request"], condition=Q(settled_at__isnull=False), name="request_by_settlement"
            ),
        ]

    def __str__(self) -> str:
        return str(self.request_id)


class SavedView(models.Model):
    """A person's own name for what they often ask the inbox for."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, help_text="The inbox's query string: waiting=open&verdict=HOLD.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "name"], name="one_view_per_name")]

    def __str__(self) -> str:
        return self.name
