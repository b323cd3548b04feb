"""Addresses of the approvals' API."""

from django.urls import path

from governance.approvals.api import views

urlpatterns = [
    path("approval-requests/<uuid:request_id>", views.ApprovalRequestDetail.as_view(), name="api-approval-request"),
    path("approval-requests/<uuid:request_id>/revocations", views.Revocations.as_view(), name="api-revocations"),
]
