"""Addresses of the log's API."""

from django.urls import path

from governance.audit.api import views

urlpatterns = [
    path("log/checkpoint", views.LatestCheckpoint.as_view(), name="api-log-checkpoint"),
    path("log/tile/<path:tile>", views.LogTile.as_view(), name="api-log-tile"),
    path("log/entries/<int:index>", views.EntryDetail.as_view(), name="api-log-entry"),
    path("bundles/latest", views.LatestBundle.as_view(), name="api-bundle"),
]
