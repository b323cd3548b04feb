"""Addresses of the policies' API."""

from django.urls import path

from governance.policy.api import views

urlpatterns = [
    path("policy-schema", views.PolicySchema.as_view(), name="api-policy-schema"),
    path("policy-checks", views.PolicyChecks.as_view(), name="api-policy-checks"),
    path("policies", views.Policies.as_view(), name="api-policies"),
    path("policies/<uuid:version_id>", views.PolicyDetail.as_view(), name="api-policy"),
    path("policies/<uuid:version_id>/diff", views.PolicyDiff.as_view(), name="api-policy-diff"),
    path("policies/<uuid:version_id>/publications", views.PolicyPublications.as_view(), name="api-policy-publications"),
]
