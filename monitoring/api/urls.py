"""Addresses of monitoring's API."""

from django.urls import path

from monitoring.api import records, views

urlpatterns = [
    path("monitors", views.Monitors.as_view(), name="api-monitors"),
    path("monitors/<uuid:monitor_id>", views.MonitorDetail.as_view(), name="api-monitor"),
    path("monitors/<uuid:monitor_id>/records", records.Records.as_view(), name="api-monitor-records"),
    path(
        "monitors/<uuid:monitor_id>/records/<str:batch>/quarantine",
        records.PutAside.as_view(),
        name="api-monitor-quarantine",
    ),
    path("monitors/<uuid:monitor_id>/labels", records.Labels.as_view(), name="api-monitor-labels"),
    path("monitors/<uuid:monitor_id>/intake", records.Intake.as_view(), name="api-monitor-intake"),
    path("monitors/<uuid:monitor_id>/holds", records.Holds.as_view(), name="api-monitor-holds"),
    path("monitors/<uuid:monitor_id>/erasures", records.Erasures.as_view(), name="api-monitor-erasures"),
    path("monitors/<uuid:monitor_id>/drift-runs", views.DriftRuns.as_view(), name="api-drift-runs"),
    path("monitors/<uuid:monitor_id>/drift-runs/<uuid:run_id>", views.DriftRunDetail.as_view(), name="api-drift-run"),
    path("alerts/<uuid:alert_id>", views.AlertDetail.as_view(), name="api-alert"),
    path(
        "alerts/<uuid:alert_id>/acknowledgements", views.Acknowledgements.as_view(), name="api-alert-acknowledgements"
    ),
    path("alerts/<uuid:alert_id>/resolutions", views.Resolutions.as_view(), name="api-alert-resolutions"),
]
