"""Addresses of the register's pages."""

from django.urls import path

from governance.regulation.web import views

urlpatterns = [
    path("register", views.register, name="register"),
    path("register/points/<str:point_id>", views.point, name="register-point"),
    path("register/timeline", views.timeline, name="register-timeline"),
    path("register/crosswalk/<slug:framework_id>", views.crosswalk, name="register-crosswalk"),
    path("register/crosswalk/<slug:framework_id>/statement.<slug:form>", views.statement, name="register-statement"),
    path("register/changes", views.changes, name="register-changes"),
]
