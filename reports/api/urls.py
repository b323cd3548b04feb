"""Addresses of the documents' API."""

from django.urls import path

from reports.api import views

urlpatterns = [
    path("documents", views.Documents.as_view(), name="api-documents"),
    path("documents/<uuid:job_id>", views.DocumentJobDetail.as_view(), name="api-document-job"),
    path("documents/<uuid:document_id>/pdf", views.DocumentPdf.as_view(), name="api-document-pdf"),
    path("documents/<uuid:document_id>/<slug:form>", views.DocumentCopy.as_view(), name="api-document-copy"),
]
