"""Addresses of the inbox and of findings."""

from django.urls import path

from governance.approvals.web import views

urlpatterns = [
    path("", views.inbox_list, name="inbox"),
    path("inbox/views", views.save_view, name="view-save"),
    path("inbox/views/<uuid:pk>/delete", views.delete_view, name="view-delete"),
    path("findings/<uuid:pk>/close", views.close_finding, name="finding-close"),
]
