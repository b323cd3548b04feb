"""Addresses of the inbox and of findings."""

from django.urls import path

from governance.approvals.web import replays, views

urlpatterns = [
    path("", views.inbox_list, name="inbox"),
    path("findings/<uuid:pk>/close", views.close_finding, name="finding-close"),
    path("policy-replays", replays.replay_list, name="policy-replays"),
    path("policy-replays/ask", replays.replay_ask, name="policy-replay-ask"),
    path("policy-replays/<uuid:pk>", replays.replay_detail, name="policy-replay"),
    path("policy-replays/<uuid:pk>/progress", replays.replay_progress, name="policy-replay-progress"),
]
