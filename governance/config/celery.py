"""The Celery application: `celery -A governance.config.celery worker -Q default`."""

import os

from celery import Celery
from kombu.entity import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.config.settings")
app = Celery("placet")
app.config_from_object("django.conf:settings", namespace="CELERY")
# The nameless exchange routes by queue name alone, so no binding is kept in the broker: a wiped broker needs no repair.
_nameless = Exchange("")  # type: ignore[no-untyped-call]
app.conf.task_queues = [
    Queue(name, _nameless, routing_key=name)  # type: ignore[no-untyped-call]
    for name in ("default", "evidence")
]
app.autodiscover_tasks()
