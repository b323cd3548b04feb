"""Addresses of the inbox, of findings and of delegations."""

from django.urls import path

from governance.approvals.web import delegations, views

urlpatterns = [
    path("", views.inbox_list, name="inbox"),
    path("findings/<uuid:pk>/close", views.close_finding, name="finding-close"),
    path("delegations", delegations.delegation_list, name="delegation-list"),
    path("delegations/make", delegations.delegation_make, name="delegation-make"),
    path("delegations/<uuid:pk>/confirm", delegations.delegation_confirm, name="delegation-confirm"),
    path("delegations/<uuid:pk>/end", delegations.delegation_end, name="delegation-end"),
]
