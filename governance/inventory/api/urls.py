"""Addresses of the inventory's API."""

from django.urls import path

from governance.inventory.api import views

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
    path("systems/<str:system>/assignments", views.Assignments.as_view(), name="api-assignments"),
    path(
        "systems/<str:system>/assignments/<uuid:assignment_id>",
        views.AssignmentDetail.as_view(),
        name="api-assignment",
    ),
    path(
        "systems/<str:system>/assignments/<uuid:assignment_id>/signatures",
        views.AssignmentSignatures.as_view(),
        name="api-assignment-signatures",
    ),
    path(
        "systems/<str:system>/assignments/<uuid:assignment_id>/withdrawals",
        views.AssignmentWithdrawals.as_view(),
        name="api-assignment-withdrawals",
    ),
    path("systems/<str:system>/dataset-pins", views.DatasetPins.as_view(), name="api-dataset-pins"),
]
