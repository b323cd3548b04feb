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
    path("systems/<str:system>/dataset-pins", views.DatasetPins.as_view(), name="api-dataset-pins"),
]
