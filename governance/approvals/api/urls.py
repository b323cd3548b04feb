"""Addresses of the approvals' API."""

from django.urls import path

from governance.approvals.api import comments, replays, views

urlpatterns = [
    path("policy-replays", replays.PolicyReplays.as_view(), name="api-policy-replays"),
    path("policy-replays/<uuid:replay_id>", replays.PolicyReplayDetail.as_view(), name="api-policy-replay"),
    path("approval-requests/<uuid:request_id>", views.ApprovalRequestDetail.as_view(), name="api-approval-request"),
    path("approval-requests/<uuid:request_id>/revocations", views.Revocations.as_view(), name="api-revocations"),
    path("approval-requests/<uuid:request_id>/comments", comments.Comments.as_view(), name="api-comments"),
]
