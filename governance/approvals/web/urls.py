"""Addresses of the inbox, of findings and of delegations."""

from django.urls import path

from governance.approvals.web import delegations, findings, views

urlpatterns = [
    path("", views.inbox_list, name="inbox"),
    path("findings", findings.finding_list, name="finding-list"),
    path("findings.csv", findings.finding_csv, name="finding-csv"),
    path("findings/raise", findings.finding_raise, name="finding-raise"),
    path("findings/<uuid:pk>", findings.finding_detail, name="finding-detail"),
    path("findings/<uuid:pk>/plan", findings.finding_plan, name="finding-plan"),
    path("findings/<uuid:pk>/closure", findings.finding_propose, name="finding-propose"),
    path("findings/<uuid:pk>/extension", findings.finding_extend, name="finding-extend"),
    path("findings/<uuid:pk>/owner", findings.finding_hand_over, name="finding-hand-over"),
    path("findings/<uuid:pk>/close", findings.close_finding, name="finding-close"),
    path("delegations", delegations.delegation_list, name="delegation-list"),
    path("delegations/make", delegations.delegation_make, name="delegation-make"),
    path("delegations/<uuid:pk>/confirm", delegations.delegation_confirm, name="delegation-confirm"),
    path("delegations/<uuid:pk>/end", delegations.delegation_end, name="delegation-end"),
]
