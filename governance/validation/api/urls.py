"""Addresses of the validations' API."""

from django.urls import path

from governance.validation.api import views

urlpatterns = [
    path("validations", views.Validations.as_view(), name="api-validations"),
    path("validations/<uuid:validation_id>", views.ValidationDetail.as_view(), name="api-validation"),
]
