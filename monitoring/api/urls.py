"""Addresses of monitoring's API."""

from django.urls import path

from monitoring.api import incidents, records, views

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
    path(
        "monitors/<uuid:monitor_id>/labels/<str:batch>/quarantine",
        records.LabelsPutAside.as_view(),
        name="api-monitor-label-quarantine",
    ),
    path("monitors/<uuid:monitor_id>/intake", records.Intake.as_view(), name="api-monitor-intake"),
    path("monitors/<uuid:monitor_id>/erasures", records.Erasures.as_view(), name="api-monitor-erasures"),
    path("monitors/<uuid:monitor_id>/drift-runs", views.DriftRuns.as_view(), name="api-drift-runs"),
    path("monitors/<uuid:monitor_id>/drift-runs/<uuid:run_id>", views.DriftRunDetail.as_view(), name="api-drift-run"),
    path("alerts/<uuid:alert_id>", views.AlertDetail.as_view(), name="api-alert"),
    path(
        "alerts/<uuid:alert_id>/acknowledgements", views.Acknowledgements.as_view(), name="api-alert-acknowledgements"
    ),
    path("alerts/<uuid:alert_id>/mutes", views.Mutes.as_view(), name="api-alert-mutes"),
    path("alerts/<uuid:alert_id>/resolutions", views.Resolutions.as_view(), name="api-alert-resolutions"),
    path("incidents", incidents.Incidents.as_view(), name="api-incidents"),
    path("incidents/<uuid:incident_id>", incidents.IncidentDetail.as_view(), name="api-incident"),
    path("incidents/<uuid:incident_id>/draft", incidents.IncidentDraft.as_view(), name="api-incident-draft"),
    path("incidents/<uuid:incident_id>/facts", incidents.IncidentFacts.as_view(), name="api-incident-facts"),
    path("incidents/<uuid:incident_id>/times", incidents.IncidentTimes.as_view(), name="api-incident-times"),
    path("incidents/<uuid:incident_id>/notes", incidents.IncidentNotes.as_view(), name="api-incident-notes"),
    path("incidents/<uuid:incident_id>/tasks", incidents.IncidentTasks.as_view(), name="api-incident-tasks"),
    path(
        "incidents/<uuid:incident_id>/tasks/<uuid:task_id>/completions",
        incidents.IncidentTaskDone.as_view(),
        name="api-incident-task-completions",
    ),
    path("incidents/<uuid:incident_id>/reports", incidents.IncidentReports.as_view(), name="api-incident-reports"),
    path(
        "incidents/<uuid:incident_id>/hand-overs", incidents.IncidentHandOvers.as_view(), name="api-incident-hand-overs"
    ),
    path("incidents/<uuid:incident_id>/closures", incidents.IncidentClosures.as_view(), name="api-incident-closures"),
]
