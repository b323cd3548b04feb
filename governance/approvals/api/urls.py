"""Addresses of the approvals' API."""

from django.urls import path

from governance.approvals.api import comments, delegations, findings, replays, views, waivers

urlpatterns = [
    path("policy-replays", replays.PolicyReplays.as_view(), name="api-policy-replays"),
    path("policy-replays/<uuid:replay_id>", replays.PolicyReplayDetail.as_view(), name="api-policy-replay"),
    path("approval-requests/<uuid:request_id>", views.ApprovalRequestDetail.as_view(), name="api-approval-request"),
    path("approval-requests/<uuid:request_id>/revocations", views.Revocations.as_view(), name="api-revocations"),
    path("approval-requests/<uuid:request_id>/comments", comments.Comments.as_view(), name="api-comments"),
    path(
        "approval-requests/<uuid:request_id>/waivers",
        waivers.RequestWaivers.as_view(),
        name="api-request-waivers",
    ),
    path("waivers", waivers.Waivers.as_view(), name="api-waivers"),
    path("waivers/<uuid:request_id>", waivers.WaiverDetail.as_view(), name="api-waiver"),
    path("waivers/<uuid:request_id>/withdrawals", waivers.WaiverWithdrawals.as_view(), name="api-waiver-withdrawals"),
    path("delegations", delegations.Delegations.as_view(), name="api-delegations"),
    path("delegations/<uuid:delegation_id>", delegations.DelegationDetail.as_view(), name="api-delegation"),
    path(
        "delegations/<uuid:delegation_id>/endings",
        delegations.DelegationEndings.as_view(),
        name="api-delegation-endings",
    ),
    path("findings", findings.Findings.as_view(), name="api-findings"),
    path("findings/<uuid:finding_id>", findings.FindingDetail.as_view(), name="api-finding"),
    path("findings/<uuid:finding_id>/plans", findings.FindingPlans.as_view(), name="api-finding-plans"),
    path(
        "findings/<uuid:finding_id>/closure-proposals",
        findings.FindingClosureProposals.as_view(),
        name="api-finding-closure-proposals",
    ),
    path("findings/<uuid:finding_id>/extensions", findings.FindingExtensions.as_view(), name="api-finding-extensions"),
    path("findings/<uuid:finding_id>/hand-overs", findings.FindingHandOvers.as_view(), name="api-finding-hand-overs"),
]
