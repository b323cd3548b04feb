"""The WSGI application that gunicorn serves."""

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.config.settings")
application = get_wsgi_application()

from governance.audit import guards  # noqa: E402 (the apps must be loaded first)

if settings.SECRET_KEY == settings.NO_SECRET_KEY:
    raise ImproperlyConfigured("Set PLACET_SECRET_KEY to 50 or more random characters: sessions are signed with it.")
guards.refuse_if_unguarded("app")
