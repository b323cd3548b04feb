"""Addresses of the policies' API."""

from django.urls import path

from governance.policy.api import views

urlpatterns = [
    path("policies", views.Policies.as_view(), name="api-policies"),
    path("policies/<uuid:version_id>", views.PolicyDetail.as_view(), name="api-policy"),
    path("policies/<uuid:version_id>/publications", views.PolicyPublications.as_view(), name="api-policy-publications"),
]
