"""What people say about a request without deciding on it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from governance.accounts.models import User
from governance.approvals.models.requests import ApprovalRequest
from governance.audit.governed import Governed


class Comment(Governed):
    """One remark on a request. It decides nothing; its text lies in the log's payload, so that it can be erased."""

    immutable = True

    request = models.ForeignKey(ApprovalRequest, on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="comments")
    author_was = models.CharField(
        max_length=200, blank=True, help_text="What the author was to the request then: requester, risk_officer."
    )
    mentions = ArrayField(models.UUIDField(), default=list, help_text="Whom it names, all of whom may read it.")
    written_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["request", "written_at"], name="comment_by_request")]

    def __str__(self) -> str:
        return f"comment {self.pk}"
