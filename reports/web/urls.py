"""Addresses of the documents and of the AI systems."""

from django.urls import path

from reports.web import bundles, centre, checks, coverage, overview, records, retention, search, signing, systems, views

urlpatterns = [
    path("overview", overview.overview, name="overview"),
    path("search", search.search, name="search"),
    path("systems", systems.system_list, name="system-list"),
    path("systems/<uuid:pk>", systems.system_detail, name="system-detail"),
    path(
        "systems/<uuid:pk>/classifications/<uuid:classification>/sign",
        systems.classification_sign,
        name="classification-sign",
    ),
    path(
        "systems/<uuid:pk>/classifications/<uuid:classification>/withdraw",
        systems.classification_withdraw,
        name="classification-withdraw",
    ),
    path("systems/<uuid:pk>/assignments/<uuid:assignment>/sign", systems.assignment_sign, name="assignment-sign"),
    path(
        "systems/<uuid:pk>/assignments/<uuid:assignment>/withdraw",
        systems.assignment_withdraw,
        name="assignment-withdraw",
    ),
    path("systems/<uuid:pk>/criteria/<uuid:criteria>/sign", systems.criteria_sign, name="criteria-sign"),
    path("systems/<uuid:pk>/criteria/<uuid:criteria>/withdraw", systems.criteria_withdraw, name="criteria-withdraw"),
    path("models/<uuid:pk>/versions/<int:number>/explain", records.record_explain, name="record-explain"),
    path("models/<uuid:pk>/versions/<int:number>/explain/look", records.record_look, name="record-look"),
    path("bundles", bundles.bundle_list, name="bundle-list"),
    path("bundles/ask", bundles.bundle_ask, name="bundle-ask"),
    path("bundles/making", bundles.bundle_making, name="bundle-making"),
    path("bundles/<uuid:pk>/file", bundles.bundle_download, name="bundle-download"),
    path("retention", retention.retention_table, name="retention"),
    path("retention/holds", retention.hold_set, name="hold-set"),
    path("retention/holds/<uuid:pk>/lift", retention.hold_lift, name="hold-lift"),
    path("systems/<uuid:pk>/retention", retention.system_retention, name="system-retention"),
    path("systems/<uuid:pk>/retention/dispose", retention.system_dispose, name="system-dispose"),
    path("systems/<uuid:pk>/documents", centre.system_documents, name="system-documents"),
    path("systems/<uuid:pk>/coverage", coverage.system_coverage, name="system-coverage"),
    path("systems/<uuid:pk>/coverage.csv", coverage.system_coverage_csv, name="system-coverage-csv"),
    path("coverage", coverage.coverage_map, name="coverage"),
    path("coverage.csv", coverage.coverage_map_csv, name="coverage-csv"),
    path("documents", views.document_list, name="document-list"),
    path("documents/check", checks.document_check, name="document-check"),
    path("documents/build", views.document_build, name="document-build"),
    path("documents/making", views.document_making, name="document-making"),
    path("documents/<uuid:pk>", centre.document_detail, name="document-detail"),
    path("documents/<uuid:pk>/changes", centre.document_changes, name="document-changes"),
    path("documents/<uuid:pk>/sign", signing.document_sign, name="document-sign"),
    path("documents/<uuid:pk>/pdf", views.document_download, name="document-download"),
]
