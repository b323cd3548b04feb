"""A Django project with the same business row three times: bare, under django-auditlog, under django-pghistory."""

import os
from typing import Any

from governance.config import environment as env

SECRET_KEY = "not secret: it signs nothing"  # noqa: S105
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "pgtrigger",
    "pghistory",
    "auditlog",
    "benchmarks.rivals",
]
DATABASES: dict[str, dict[str, Any]] = {
    "default": {**env.database(os.environ["BENCH_RIVALS_URL"]), "ENGINE": "django.db.backends.postgresql"}
}
