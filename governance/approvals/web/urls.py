"""Addresses of the inbox and of findings."""

from django.urls import path

from governance.approvals.web import views

urlpatterns = [
    path("", views.inbox_list, name="inbox"),
    path("findings/<uuid:pk>/close", views.close_finding, name="finding-close"),
]
