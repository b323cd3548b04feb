"""Addresses of the accounts' API."""

from django.urls import path

from governance.accounts.api import views

urlpatterns = [path("token-exchange", views.TokenExchange.as_view(), name="api-token-exchange")]
