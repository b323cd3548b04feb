"""Addresses of the documents' API."""

from django.urls import path

from reports.api import bundles, changes, coverage, retention, views

urlpatterns = [
    path("bundles", bundles.Bundles.as_view(), name="api-bundles"),
    path("bundles/<uuid:bundle_id>", bundles.BundleDetail.as_view(), name="api-bundle-job"),
    path("bundles/<uuid:bundle_id>/file", bundles.BundleFile.as_view(), name="api-bundle-file"),
    path("systems/<str:system>/coverage", coverage.SystemCoverage.as_view(), name="api-system-coverage"),
    path("system-coverage", coverage.CoverageMap.as_view(), name="api-coverage-map"),
    path("retention", retention.Retention.as_view(), name="api-retention"),
    path("systems/<str:system>/retention", retention.SystemRetention.as_view(), name="api-system-retention"),
    path("systems/<str:system>/disposals", retention.SystemDisposals.as_view(), name="api-system-disposals"),
    path("legal-holds", retention.LegalHolds.as_view(), name="api-legal-holds"),
    path("legal-holds/<uuid:hold_id>", retention.LegalHoldDetail.as_view(), name="api-legal-hold"),
    path("legal-holds/<uuid:hold_id>/lifts", retention.LegalHoldLifts.as_view(), name="api-legal-hold-lifts"),
    path("documents", views.Documents.as_view(), name="api-documents"),
    path("documents/<uuid:job_id>", views.DocumentJobDetail.as_view(), name="api-document-job"),
    path("documents/<uuid:document_id>/changes", changes.DocumentChanges.as_view(), name="api-document-changes"),
    path("documents/<uuid:document_id>/pdf", views.DocumentPdf.as_view(), name="api-document-pdf"),
    path("documents/<uuid:document_id>/<slug:form>", views.DocumentCopy.as_view(), name="api-document-copy"),
]
