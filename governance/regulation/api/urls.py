"""Addresses of the register's API."""

from django.urls import path

from governance.regulation.api import views

urlpatterns = [
    path("register/points", views.Points.as_view(), name="api-register-points"),
    path("register/points/<str:point_id>", views.PointDetail.as_view(), name="api-register-point"),
    path("register/timeline", views.Timeline.as_view(), name="api-register-timeline"),
]
