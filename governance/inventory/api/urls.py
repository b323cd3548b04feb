"""Addresses of the inventory's API."""

from django.urls import path

from governance.inventory.api import (
    assignments,
    correspondence,
    criteria,
    duties,
    modifications,
    record,
    retiring,
    risks,
    views,
)

urlpatterns = [
    path("systems", views.Systems.as_view(), name="api-systems"),
    path("systems/<str:system>", views.SystemDetail.as_view(), name="api-system"),
    path("systems/<str:system>/classifications", views.Classifications.as_view(), name="api-classifications"),
    path(
        "systems/<str:system>/classifications/<uuid:classification_id>",
        views.ClassificationDetail.as_view(),
        name="api-classification",
    ),
    path(
        "systems/<str:system>/classifications/<uuid:classification_id>/signatures",
        views.ClassificationSignatures.as_view(),
        name="api-classification-signatures",
    ),
    path(
        "systems/<str:system>/classifications/<uuid:classification_id>/withdrawals",
        views.ClassificationWithdrawals.as_view(),
        name="api-classification-withdrawals",
    ),
    path("systems/<str:system>/modifications", modifications.Modifications.as_view(), name="api-modifications"),
    path(
        "systems/<str:system>/modifications/<uuid:modification_id>",
        modifications.ModificationDetail.as_view(),
        name="api-modification",
    ),
    path("systems/<str:system>/assignments", assignments.Assignments.as_view(), name="api-assignments"),
    path(
        "systems/<str:system>/assignments/<uuid:assignment_id>",
        assignments.AssignmentDetail.as_view(),
        name="api-assignment",
    ),
    path(
        "systems/<str:system>/assignments/<uuid:assignment_id>/signatures",
        assignments.AssignmentSignatures.as_view(),
        name="api-assignment-signatures",
    ),
    path(
        "systems/<str:system>/assignments/<uuid:assignment_id>/withdrawals",
        assignments.AssignmentWithdrawals.as_view(),
        name="api-assignment-withdrawals",
    ),
    path("systems/<str:system>/success-criteria", criteria.CriteriaList.as_view(), name="api-criteria"),
    path(
        "systems/<str:system>/success-criteria/<uuid:criteria_id>",
        criteria.CriteriaDetail.as_view(),
        name="api-criteria-detail",
    ),
    path(
        "systems/<str:system>/success-criteria/<uuid:criteria_id>/signatures",
        criteria.CriteriaSignatures.as_view(),
        name="api-criteria-signatures",
    ),
    path(
        "systems/<str:system>/success-criteria/<uuid:criteria_id>/withdrawals",
        criteria.CriteriaWithdrawals.as_view(),
        name="api-criteria-withdrawals",
    ),
    path("systems/<str:system>/record", record.Record.as_view(), name="api-record"),
    path("systems/<str:system>/declarations", record.Declarations.as_view(), name="api-declarations"),
    path("systems/<str:system>/declarations/reuses", record.Reuses.as_view(), name="api-declaration-reuses"),
    path(
        "systems/<str:system>/declarations/<uuid:declaration_id>",
        record.DeclarationDetail.as_view(),
        name="api-declaration",
    ),
    path(
        "systems/<str:system>/declarations/<uuid:declaration_id>/reviews",
        record.DeclarationReviews.as_view(),
        name="api-declaration-reviews",
    ),
    path("systems/<str:system>/retirements", retiring.SystemRetirements.as_view(), name="api-system-retirements"),
    path("systems/<str:system>/duties", duties.Duties.as_view(), name="api-system-duties"),
    path("systems/<str:system>/risks", risks.Risks.as_view(), name="api-risks"),
    path("systems/<str:system>/risks/<uuid:risk_id>", risks.RiskDetail.as_view(), name="api-risk"),
    path("systems/<str:system>/risks/<uuid:risk_id>/changes", risks.RiskChanges.as_view(), name="api-risk-changes"),
    path(
        "systems/<str:system>/risks/<uuid:risk_id>/acceptances",
        risks.RiskAcceptances.as_view(),
        name="api-risk-acceptances",
    ),
    path("systems/<str:system>/risks/<uuid:risk_id>/closings", risks.RiskClosings.as_view(), name="api-risk-closings"),
    path("systems/<str:system>/correspondence", correspondence.CorrespondenceList.as_view(), name="api-correspondence"),
    path(
        "systems/<str:system>/correspondence/<uuid:correspondence_id>",
        correspondence.CorrespondenceDetail.as_view(),
        name="api-correspondence-detail",
    ),
    path(
        "systems/<str:system>/correspondence/<uuid:correspondence_id>/answers",
        correspondence.CorrespondenceAnswers.as_view(),
        name="api-correspondence-answers",
    ),
    path(
        "systems/<str:system>/correspondence/<uuid:correspondence_id>/dispatches",
        correspondence.CorrespondenceDispatches.as_view(),
        name="api-correspondence-dispatches",
    ),
    path(
        "systems/<str:system>/correspondence/<uuid:correspondence_id>/withdrawals",
        correspondence.CorrespondenceWithdrawals.as_view(),
        name="api-correspondence-withdrawals",
    ),
    path(
        "systems/<str:system>/correspondence/<uuid:correspondence_id>/erasures",
        correspondence.CorrespondenceErasures.as_view(),
        name="api-correspondence-erasures",
    ),
    path("systems/<str:system>/dataset-pins", views.DatasetPins.as_view(), name="api-dataset-pins"),
]
