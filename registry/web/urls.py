"""Addresses of the review page, of promotions and of models."""

from django.urls import path

from registry.web import answers, views

urlpatterns = [
    path("approvals/<uuid:pk>", views.review_detail, name="review"),
    path("approvals/<uuid:pk>/decide", views.review_decide, name="review-decide"),
    path("approvals/<uuid:pk>/sign", views.review_sign, name="review-sign"),
    path("approvals/<uuid:pk>/reviews", views.review_human_review, name="review-human-review"),
    path("approvals/<uuid:pk>/progress", views.review_progress, name="review-progress"),
    path("approvals/<uuid:pk>/lift", views.review_lift, name="review-lift"),
    path("promotions/<uuid:pk>", views.promotion_detail, name="promotion-detail"),
    path("promotions/<uuid:pk>/apply", views.promotion_apply, name="promotion-apply"),
    path("promotions/<uuid:pk>/resubmit", answers.promotion_resubmit, name="promotion-resubmit"),
    path("promotions/<uuid:pk>/withdraw", answers.promotion_withdraw, name="promotion-withdraw"),
    path("models", views.model_list, name="model-list"),
    path("models/<uuid:pk>", views.model_detail, name="model-detail"),
]
