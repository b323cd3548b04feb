"""Sign in and out, one's passkeys and security, and the pages about people.

Some addresses have a second name: the one that allauth looks up.
"""

from django.urls import path

from governance.accounts.web import mappings, passkeys, people, reviews, security, sign_in, sign_out, sso

urlpatterns = [
    path("login", sign_in.SignIn.as_view(), name="login"),
    path("login", sign_in.SignIn.as_view(), name="account_login"),
    path("login/second-factor", sign_in.second_step, name="second-factor"),
    path("login/second-factor", sign_in.second_step, name="mfa_authenticate"),
    path("login/sso", sso.begin, name="sso"),
    path("login/sso/again", sso.again, name="sso-again"),
    path("login/sso/callback", sso.callback, name="sso-callback"),
    path("logout", sign_out.sign_out, name="logout"),
    path("logout/sso", sign_out.end_at_provider, name="sso-end"),
    path("signed-out", sign_out.signed_out, name="signed-out"),
    path("account/passkeys", passkeys.passkey_list, name="passkey-list"),
    path("account/passkeys/begin", passkeys.passkey_begin, name="passkey-begin"),
    path("account/passkeys/<uuid:pk>/confirm", passkeys.passkey_confirm, name="passkey-confirm"),
    path("account/passkeys/<uuid:pk>/end", passkeys.passkey_end, name="passkey-end"),
    path("people", people.person_list, name="person-list"),
    path("people/<uuid:pk>", people.person_detail, name="person-detail"),
    path("people/<uuid:pk>/roles", people.person_give_role, name="person-give-role"),
    path("people/<uuid:pk>/roles/<uuid:grant>/end", people.person_end_role, name="person-end-role"),
    path("people/<uuid:pk>/deactivation", people.person_deactivate, name="person-deactivate"),
    path("role-proposals", people.proposal_list, name="proposal-list"),
    path("role-proposals/<uuid:pk>/confirmation", people.proposal_confirm, name="proposal-confirm"),
    path("role-proposals/<uuid:pk>/withdrawal", people.proposal_withdraw, name="proposal-withdraw"),
    path("claim-mappings", mappings.mapping_list, name="mapping-list"),
    path("claim-mappings/new", mappings.mapping_new, name="mapping-new"),
    path("claim-mappings/<uuid:pk>/confirmation", mappings.mapping_confirm, name="mapping-confirm"),
    path("claim-mappings/<uuid:pk>/end", mappings.mapping_end, name="mapping-end"),
    path("access-reviews", reviews.review_list, name="access-review-list"),
    path("access-reviews/open", reviews.review_open, name="access-review-open"),
    path("access-reviews/<uuid:pk>", reviews.review_detail, name="access-review-detail"),
    path("access-reviews/<uuid:pk>/items/<uuid:item>", reviews.review_decide, name="access-review-decide"),
    path("access-reviews/<uuid:pk>/signature", reviews.review_sign, name="access-review-sign"),
    path("access-reviews/<uuid:pk>/reviewer", reviews.review_hand_over, name="access-review-hand-over"),
    path("access-reviews/<uuid:pk>.csv", reviews.review_csv, name="access-review-csv"),
    path("access-reviews/<uuid:pk>.json", reviews.review_json, name="access-review-json"),
    path("security", security.security, name="security"),
    path("security/confirm", security.confirm, name="security-confirm"),
    path("security/authenticator", security.authenticator, name="security-authenticator"),
    path("security/authenticator/removal", security.remove_authenticator, name="security-authenticator-remove"),
    path("security/recovery-codes", security.recovery_codes, name="security-codes"),
    path("security/recovery-codes.txt", security.recovery_codes_file, name="security-codes-file"),
    path("security/recovery-codes/renewal", security.new_recovery_codes, name="security-codes-renew"),
]
