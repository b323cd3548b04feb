"""Addresses of the audit log's pages."""

from django.urls import path

from governance.audit.web import exports, views

urlpatterns = [
    path("log", views.log, name="audit-log"),
    path("log/health", views.health, name="audit-health"),
    path("log/<int:index>", views.entry, name="audit-entry"),
    path("log/entries/<uuid:entry_id>/receipt", views.receipt_by_id, name="audit-receipt-by-id"),
    path("log/<int:index>/receipt", views.receipt, name="audit-receipt"),
    path("log/<int:index>/erasure-requests", views.request_erasure, name="audit-request-erasure"),
    path("log/search-result.<slug:form>", exports.search_result, name="audit-search-result"),
    path("log/bundle", views.bundle, name="audit-bundle"),
]
