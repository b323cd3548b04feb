"""Sign in and out, and one's passkeys."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from governance.accounts.web import passkeys

urlpatterns = [
    path("login", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("account/passkeys", passkeys.passkey_list, name="passkey-list"),
    path("account/passkeys/begin", passkeys.passkey_begin, name="passkey-begin"),
    path("account/passkeys/<uuid:pk>/confirm", passkeys.passkey_confirm, name="passkey-confirm"),
    path("account/passkeys/<uuid:pk>/end", passkeys.passkey_end, name="passkey-end"),
]
