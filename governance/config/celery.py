"""The Celery application: `celery -A governance.config.celery worker -Q default`."""

import os

from celery import Celery
from celery.signals import beat_init, worker_init
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


def _refuse_if_unguarded(**_: object) -> None:
    """Stop before the first task, if this process could alter the log."""
    from governance.audit import guards  # the apps are not loaded yet where this module is imported
    from governance.audit.errors import Unguarded

    try:
        guards.refuse_if_unguarded("app")
    except Unguarded as refusal:
        raise SystemExit(refusal.detail) from refusal


worker_init.connect(_refuse_if_unguarded)
beat_init.connect(_refuse_if_unguarded)
