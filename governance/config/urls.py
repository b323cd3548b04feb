"""Every address of the application."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from governance.config import openapi  # noqa: F401 (registers how tokens are described)
from governance.config.api import NoSuchAddress
from governance.config.csp import csp_reports
from governance.config.operations.api import Health
from governance.config.operations.metrics import metrics
from governance.config.operations.views import health
from governance.config.probes import healthz, readyz

api: list[URLPattern | URLResolver] = [
    path("", include("governance.audit.api.urls")),
    path("", include("governance.accounts.api.urls")),
    path("", include("governance.regulation.api.urls")),
    path("", include("governance.inventory.api.urls")),
    path("", include("governance.policy.api.urls")),
    path("", include("governance.approvals.api.urls")),
    path("", include("governance.validation.api.urls")),
    path("", include("registry.api.urls")),
    path("", include("monitoring.api.urls")),
    path("", include("reports.api.urls")),
    path("health", Health.as_view(), name="api-health"),
    path("openapi.yaml", SpectacularAPIView.as_view(), name="api-schema"),
    re_path("", NoSuchAddress.as_view()),  # last: whatever nothing above takes
]

urlpatterns = [
    path("healthz", healthz, name="healthz"),  # these three are answered by middleware; here they have their names
    path("readyz", readyz, name="readyz"),
    path("csp-reports", csp_reports, name="csp-reports"),
    path("metrics", metrics, name="metrics"),
    path("health", health, name="system-health"),
    path("api/v1/", include(api)),
    path("", include("governance.accounts.web.urls")),
    path("", include("governance.regulation.web.urls")),
    path("", include("governance.approvals.web.urls")),
    path("", include("governance.notices.web.urls")),
    path("", include("governance.validation.web.urls")),
    path("", include("governance.policy.web.urls")),
    path("", include("governance.audit.web.urls")),
    path("", include("governance.inventory.web.urls")),
    path("", include("registry.web.urls")),
    path("", include("monitoring.web.urls")),
    path("", include("reports.web.urls")),
]

handler500 = "governance.config.api.server_error"
