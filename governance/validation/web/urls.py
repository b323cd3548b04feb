"""Addresses of validations."""

from django.urls import path

from governance.validation.web import views

urlpatterns = [
    path("validations", views.validation_list, name="validation-list"),
    path("validations/open", views.validation_open, name="validation-open"),
    path("validations/calendar", views.validation_calendar, name="validation-calendar"),
    path("validations/calendar.ics", views.validation_ics, name="validation-ics"),
    path("validations/<uuid:pk>", views.validation_detail, name="validation-detail"),
    path("validations/<uuid:pk>/plan", views.validation_plan, name="validation-plan"),
    path("validations/<uuid:pk>/independence", views.validation_independence, name="validation-independence"),
    path("validations/<uuid:pk>/begin", views.validation_begin, name="validation-begin"),
    path("validations/<uuid:pk>/tests", views.validation_test_add, name="validation-test-add"),
    path("validations/<uuid:pk>/tests/<uuid:test>/remove", views.validation_test_remove, name="validation-test-remove"),
    path("validations/<uuid:pk>/findings", views.validation_finding, name="validation-finding"),
    path("validations/<uuid:pk>/report", views.validation_report, name="validation-report"),
    path("validations/<uuid:pk>/file", views.validation_upload, name="validation-upload"),
    path("validations/<uuid:pk>/report.pdf", views.validation_file, name="validation-file"),
    path("validations/<uuid:pk>/signature", views.validation_sign, name="validation-sign"),
    path("validations/<uuid:pk>/abandonment", views.validation_abandon, name="validation-abandon"),
]
