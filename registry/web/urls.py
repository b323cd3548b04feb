"""Addresses of the review page, of promotions and of models."""

from django.urls import path

from registry.web import adoptions, answers, comments, documents, standing, views, waivers

urlpatterns = [
    path("approvals/<uuid:pk>", views.review_detail, name="review"),
    path("approvals/<uuid:pk>/decide", views.review_decide, name="review-decide"),
    path("approvals/<uuid:pk>/sign", views.review_sign, name="review-sign"),
    path("approvals/<uuid:pk>/reviews", views.review_human_review, name="review-human-review"),
    path("approvals/<uuid:pk>/progress", views.review_progress, name="review-progress"),
    path("approvals/<uuid:pk>/lift", views.review_lift, name="review-lift"),
    path("approvals/<uuid:pk>/lift/sign", views.review_lift_sign, name="review-lift-sign"),
    path("approvals/<uuid:pk>/waivers", waivers.review_ask_waiver, name="review-ask-waiver"),
    path("approvals/<uuid:pk>/comments", comments.review_comment, name="review-comment"),
    path("waivers/<uuid:pk>", waivers.waiver_detail, name="waiver"),
    path("waivers/<uuid:pk>/decide", waivers.waiver_decide, name="waiver-decide"),
    path("waivers/<uuid:pk>/sign", waivers.waiver_sign, name="waiver-sign"),
    path("waivers/<uuid:pk>/withdraw", waivers.waiver_withdraw, name="waiver-withdraw"),
    path("standing-approvals/<uuid:pk>", standing.standing_detail, name="standing-approval"),
    path("standing-approvals/<uuid:pk>/decide", standing.standing_decide, name="standing-approval-decide"),
    path("standing-approvals/<uuid:pk>/sign", standing.standing_sign, name="standing-approval-sign"),
    path("standing-approvals/<uuid:pk>/withdraw", standing.standing_withdraw, name="standing-approval-withdraw"),
    path("standing-approvals/<uuid:pk>/revoke", standing.standing_revoke, name="standing-approval-revoke"),
    path("promotions/<uuid:pk>", views.promotion_detail, name="promotion-detail"),
    path("promotions/<uuid:pk>/apply", views.promotion_apply, name="promotion-apply"),
    path("promotions/<uuid:pk>/resubmit", answers.promotion_resubmit, name="promotion-resubmit"),
    path("promotions/<uuid:pk>/withdraw", answers.promotion_withdraw, name="promotion-withdraw"),
    path("promotions/<uuid:pk>/renew", answers.promotion_renew, name="promotion-renew"),
    path("systems/<uuid:pk>/submitted-documents", documents.document_list, name="submitted-document-list"),
    path("systems/<uuid:pk>/submitted-documents/submit", documents.document_submit, name="submitted-document-submit"),
    path("submitted-documents/<uuid:pk>", documents.document_detail, name="submitted-document"),
    path("submitted-documents/<uuid:pk>/review", documents.document_review, name="submitted-document-review"),
    path("submitted-documents/<uuid:pk>/file", documents.document_file, name="submitted-document-file"),
    path("adoptions", adoptions.adoption_list, name="adoption-list"),
    path("adoptions/<int:number>", adoptions.adoption_detail, name="adoption"),
    path("adoptions/<int:number>/sign", adoptions.adoption_sign, name="adoption-sign"),
    path("adoptions/<int:number>/withdraw", adoptions.adoption_withdraw, name="adoption-withdraw"),
    path("models", views.model_list, name="model-list"),
    path("models/<uuid:pk>", views.model_detail, name="model-detail"),
    path("models/<uuid:pk>/standing-approvals/<str:alias>", standing.standing_ask, name="standing-approval-ask"),
]
