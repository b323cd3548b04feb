"""Addresses of the monitor pages."""

from django.urls import path

from monitoring.web import alerts, views

urlpatterns = [
    path("monitors", views.monitor_list, name="monitor-list"),
    path("monitors/<uuid:pk>", views.monitor_detail, name="monitor-detail"),
    path(
        "monitors/<uuid:pk>/drift-runs/<uuid:run_id>/evidently.html", views.evidently_report, name="monitor-evidently"
    ),
    path("alerts/<uuid:pk>", alerts.alert_detail, name="alert-detail"),
    path("alerts/<uuid:pk>/acknowledgement", alerts.alert_acknowledge, name="alert-acknowledge"),
    path("alerts/<uuid:pk>/mute", alerts.alert_mute, name="alert-mute"),
    path("alerts/<uuid:pk>/resolution", alerts.alert_resolve, name="alert-resolve"),
]
