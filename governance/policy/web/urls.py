"""Addresses of the policies' pages."""

from django.urls import path

from governance.policy.web import views

urlpatterns = [
    path("policies", views.policy_list, name="policy-list"),
    path("policies/new", views.policy_draft, name="policy-draft"),
    path("policies/<uuid:pk>", views.policy_detail, name="policy-detail"),
    path("policies/<uuid:pk>/diff", views.policy_diff, name="policy-diff"),
    path("policies/<uuid:pk>/publish", views.policy_publish, name="policy-publish"),
]
