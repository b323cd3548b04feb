"""Addresses of the monitor pages."""

from django.urls import path

from monitoring.web import views

urlpatterns = [
    path("monitors", views.monitor_list, name="monitor-list"),
    path("monitors/<uuid:pk>", views.monitor_detail, name="monitor-detail"),
    path(
        "monitors/<uuid:pk>/drift-runs/<uuid:run_id>/evidently.html", views.evidently_report, name="monitor-evidently"
    ),
]
