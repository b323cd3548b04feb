"""Addresses of a person's notices and of how they want to be told."""

from django.urls import path

from governance.notices.web import views

urlpatterns = [
    path("notices", views.notice_list, name="notice-list"),
    path("notices/settings", views.notice_settings, name="notice-settings"),
    path("notices/channels", views.channel_add, name="notice-channel-add"),
    path("notices/channels/<uuid:pk>/removal", views.channel_remove, name="notice-channel-remove"),
    path("notices/test", views.test_message, name="notice-test"),
]
