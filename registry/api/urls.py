"""Addresses of the registry's API."""

from django.urls import path

from registry.api import (
    adoptions,
    alias_changes,
    check_ins,
    configurations,
    coverage,
    documents,
    evidence,
    production,
    recorded,
    signed,
    standing,
    trials,
    views,
    webhooks,
)

urlpatterns = [
    path("promotion-checks", trials.PromotionChecks.as_view(), name="api-promotion-checks"),
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
    path("registered-models/<str:name>/production", production.Production.as_view(), name="api-production"),
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
    path("evidence", evidence.EvidenceList.as_view(), name="api-evidence-list"),
    path("evidence/<uuid:evidence_id>", evidence.EvidenceDetail.as_view(), name="api-evidence"),
    path(
        "evidence/<uuid:evidence_id>/reproductions", evidence.Reproductions.as_view(), name="api-evidence-reproductions"
    ),
    path("evidence-jobs", evidence.EvidenceJobs.as_view(), name="api-evidence-jobs"),
    path("evidence-jobs/<uuid:job_id>", evidence.EvidenceJobDetail.as_view(), name="api-evidence-job"),
    path(
        "evidence-jobs/<uuid:job_id>/cancellations",
        evidence.Cancellations.as_view(),
        name="api-evidence-job-cancellations",
    ),
    path("evidence-jobs/<uuid:job_id>/retries", evidence.Retries.as_view(), name="api-evidence-job-retries"),
    path("adoptions", adoptions.Adoptions.as_view(), name="api-adoptions"),
    path("adoptions/<int:number>", adoptions.AdoptionDetail.as_view(), name="api-adoption"),
    path(
        "adoptions/<int:number>/withdrawals",
        adoptions.AdoptionWithdrawals.as_view(),
        name="api-adoption-withdrawals",
    ),
    path("recorded-versions", recorded.RecordedVersions.as_view(), name="api-recorded-versions"),
    path("evaluation-data", recorded.EvaluationData.as_view(), name="api-evaluation-data"),
    path("bases", recorded.Bases.as_view(), name="api-bases"),
    path("bases/<uuid:word_id>", recorded.BaseDetail.as_view(), name="api-base"),
    path("bases/<uuid:word_id>/withdrawals", recorded.BaseWithdrawals.as_view(), name="api-base-withdrawals"),
    path(
        "promotion-requests/<str:promotion>/use-statements",
        recorded.UseStatements.as_view(),
        name="api-use-statements",
    ),
    path("permits", views.Permits.as_view(), name="api-permits"),
    path("alias-changes", alias_changes.AliasChanges.as_view(), name="api-alias-changes"),
    path("alias-changes/<str:change>", alias_changes.AliasChangeDetail.as_view(), name="api-alias-change"),
    path(
        "registered-models/<str:name>/aliases/<str:alias>/rollbacks",
        alias_changes.Rollbacks.as_view(),
        name="api-rollbacks",
    ),
    path(
        "registered-models/<str:name>/aliases/<str:alias>/stops",
        alias_changes.Stops.as_view(),
        name="api-stops",
    ),
    path(
        "registered-models/<str:name>/aliases/<str:alias>/broken-glasses",
        alias_changes.BrokenGlasses.as_view(),
        name="api-broken-glasses",
    ),
    path(
        "registered-models/<str:name>/aliases/<str:alias>/standby-permits",
        alias_changes.StandbyPermits.as_view(),
        name="api-standby-permits",
    ),
    path("gate/configuration", configurations.GateConfigurationNow.as_view(), name="api-gate-configuration"),
    path("gate/configurations", configurations.GateConfigurations.as_view(), name="api-gate-configurations"),
    path("coverage", coverage.Coverage.as_view(), name="api-coverage"),
    path("change-population", coverage.ChangePopulation.as_view(), name="api-change-population"),
    path("gate/check-ins", check_ins.GateCheckIns.as_view(), name="api-gate-check-ins"),
    path("gate/webhooks", webhooks.GateWebhooks.as_view(), name="api-gate-webhooks"),
    path("permits/revocation-list", signed.RevocationLists.as_view(), name="api-revocation-list"),
    path("permits/<str:digest>/model-signature", signed.ModelSignatures.as_view(), name="api-model-signature"),
    path("gate/decisions", views.GateDecisions.as_view(), name="api-gate-decisions"),
]
