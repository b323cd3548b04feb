"""URL names that the templates use, answered by nobody: enough for ``{% url %}`` in the template tests."""

from typing import NoReturn

from django.http import HttpRequest
from django.urls import path


def nobody(request: HttpRequest, **arguments: object) -> NoReturn:
    """Never called: the tests only reverse."""
    raise AssertionError(request.path)


urlpatterns = [
    path("", nobody, name="inbox"),
    path("login/", nobody, name="login"),
    path("logout/", nobody, name="logout"),
    path("login/second-factor/", nobody, name="second-factor"),
    path("security/", nobody, name="security"),
    path("security/confirm/", nobody, name="security-confirm"),
    path("security/authenticator/", nobody, name="security-authenticator"),
    path("security/authenticator/removal/", nobody, name="security-authenticator-remove"),
    path("security/recovery-codes/", nobody, name="security-codes"),
    path("security/recovery-codes.txt", nobody, name="security-codes-file"),
    path("security/recovery-codes/renewal/", nobody, name="security-codes-renew"),
    path("systems/", nobody, name="system-list"),
    path("systems/<uuid:pk>/", nobody, name="system-detail"),
    path("systems/<uuid:pk>/sign/<uuid:classification>/", nobody, name="classification-sign"),
    path("systems/<uuid:pk>/withdraw/<uuid:classification>/", nobody, name="classification-withdraw"),
    path("systems/<uuid:pk>/models/<uuid:assignment>/sign/", nobody, name="assignment-sign"),
    path("systems/<uuid:pk>/models/<uuid:assignment>/withdraw/", nobody, name="assignment-withdraw"),
    path("models/", nobody, name="model-list"),
    path("models/<uuid:pk>/", nobody, name="model-detail"),
    path("reviews/<uuid:pk>/", nobody, name="review"),
    path("reviews/<uuid:pk>/decide/", nobody, name="review-decide"),
    path("reviews/<uuid:pk>/human-review/", nobody, name="review-human-review"),
    path("reviews/<uuid:pk>/progress/", nobody, name="review-progress"),
    path("reviews/<uuid:pk>/lift/", nobody, name="review-lift"),
    path("findings/<uuid:pk>/close/", nobody, name="finding-close"),
    path("promotions/<uuid:pk>/", nobody, name="promotion-detail"),
    path("promotions/<uuid:pk>/apply/", nobody, name="promotion-apply"),
    path("monitors/", nobody, name="monitor-list"),
    path("monitors/<uuid:pk>/", nobody, name="monitor-detail"),
    path("documents/", nobody, name="document-list"),
    path("documents/build/", nobody, name="document-build"),
    path("documents/<uuid:pk>/", nobody, name="document-download"),
    path("audit/", nobody, name="audit-log"),
    path("audit/search-result.<slug:form>", nobody, name="audit-search-result"),
    path("audit/bundle/", nobody, name="audit-bundle"),
    path("audit/health/", nobody, name="audit-health"),
    path("audit/<int:index>/erasure-requests/", nobody, name="audit-request-erasure"),
    path("audit/<int:index>/", nobody, name="audit-entry"),
    path("audit/entries/<uuid:entry_id>/receipt/", nobody, name="audit-receipt-by-id"),
    path("audit/<int:index>/receipt/", nobody, name="audit-receipt"),
]
