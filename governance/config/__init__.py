"""The composition root: settings, urls, Celery and WSGI. Nobody imports it."""

from governance.config.celery import app as celery_app

__all__ = ["celery_app"]
