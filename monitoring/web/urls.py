"""Addresses of the monitor pages."""

from django.urls import path

from monitoring.web import alerts, incidents, records, views

urlpatterns = [
    path("monitors", views.monitor_list, name="monitor-list"),
    path("monitors/<uuid:pk>", views.monitor_detail, name="monitor-detail"),
    path(
        "monitors/<uuid:pk>/drift-runs/<uuid:run_id>/evidently.html", views.evidently_report, name="monitor-evidently"
    ),
    path("monitors/<uuid:pk>/live", views.monitor_live, name="monitor-live"),
    path("monitors/<uuid:pk>/records", records.monitor_records, name="monitor-records"),
    path("monitors/<uuid:pk>/records/<str:batch>", records.monitor_batch, name="monitor-batch"),
    path(
        "monitors/<uuid:pk>/records/<str:batch>/quarantine.json",
        records.monitor_quarantine_json,
        name="monitor-quarantine-json",
    ),
    path(
        "monitors/<uuid:pk>/records/<str:batch>/quarantine.csv",
        records.monitor_quarantine_csv,
        name="monitor-quarantine-csv",
    ),
    path("alerts/<uuid:pk>", alerts.alert_detail, name="alert-detail"),
    path("alerts/<uuid:pk>/acknowledgement", alerts.alert_acknowledge, name="alert-acknowledge"),
    path("alerts/<uuid:pk>/mute", alerts.alert_mute, name="alert-mute"),
    path("alerts/<uuid:pk>/resolution", alerts.alert_resolve, name="alert-resolve"),
    path("incidents", incidents.incident_list, name="incident-list"),
    path("incidents/new", incidents.incident_new, name="incident-new"),
    path("incidents/<uuid:pk>", incidents.incident_detail, name="incident-detail"),
    path("incidents/<uuid:pk>/draft.md", incidents.incident_markdown, name="incident-draft"),
    path("incidents/<uuid:pk>/draft.json", incidents.incident_json, name="incident-draft-json"),
    path("incidents/<uuid:pk>/facts", incidents.incident_facts, name="incident-facts"),
    path("incidents/<uuid:pk>/times", incidents.incident_times, name="incident-times"),
    path("incidents/<uuid:pk>/notes", incidents.incident_note, name="incident-note"),
    path("incidents/<uuid:pk>/tasks", incidents.incident_task, name="incident-task"),
    path("incidents/<uuid:pk>/tasks/<uuid:task>/done", incidents.incident_task_done, name="incident-task-done"),
    path("incidents/<uuid:pk>/reports", incidents.incident_report, name="incident-report"),
    path("incidents/<uuid:pk>/owner", incidents.incident_owner, name="incident-owner"),
    path("incidents/<uuid:pk>/close", incidents.incident_close, name="incident-close"),
]
