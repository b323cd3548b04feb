"""Addresses of the registry's API."""

from django.urls import path

from registry.api import adoptions, documents, standing, views

urlpatterns = [
    path("promotion-requests", views.PromotionRequests.as_view(), name="api-promotion-requests"),
    path("promotion-requests/<str:promotion>", views.PromotionDetail.as_view(), name="api-promotion-request"),
    path(
        "promotion-requests/<str:promotion>/applications",
        views.Applications.as_view(),
        name="api-promotion-applications",
    ),
    path(
        "promotion-requests/<str:promotion>/resubmissions",
        views.Resubmissions.as_view(),
        name="api-promotion-resubmissions",
    ),
    path(
        "promotion-requests/<str:promotion>/withdrawals",
        views.Withdrawals.as_view(),
        name="api-promotion-withdrawals",
    ),
    path(
        "promotion-requests/<str:promotion>/renewals",
        views.Renewals.as_view(),
        name="api-promotion-renewals",
    ),
    path("registered-models/<str:name>", views.ModelDetail.as_view(), name="api-registered-model"),
    path("standing-approvals", standing.StandingApprovals.as_view(), name="api-standing-approvals"),
    path(
        "standing-approvals/<uuid:request_id>",
        standing.StandingApprovalDetail.as_view(),
        name="api-standing-approval",
    ),
    path(
        "standing-approvals/<uuid:request_id>/withdrawals",
        standing.StandingApprovalWithdrawals.as_view(),
        name="api-standing-approval-withdrawals",
    ),
    path("submitted-documents", documents.SubmittedDocuments.as_view(), name="api-submitted-documents"),
    path(
        "submitted-documents/<uuid:document_id>",
        documents.SubmittedDocumentDetail.as_view(),
        name="api-submitted-document",
    ),
    path(
        "submitted-documents/<uuid:document_id>/file",
        documents.SubmittedDocumentFile.as_view(),
        name="api-submitted-document-file",
    ),
    path("adoptions", adoptions.Adoptions.as_view(), name="api-adoptions"),
    path("adoptions/<int:number>", adoptions.AdoptionDetail.as_view(), name="api-adoption"),
    path(
        "adoptions/<int:number>/withdrawals",
        adoptions.AdoptionWithdrawals.as_view(),
        name="api-adoption-withdrawals",
    ),
    path("permits", views.Permits.as_view(), name="api-permits"),
    path("gate/decisions", views.GateDecisions.as_view(), name="api-gate-decisions"),
]
