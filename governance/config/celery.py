"""The Celery application: `celery -A governance.config.celery worker -Q default`."""

import logging
import os
from logging.config import dictConfig

from celery import Celery
from celery.signals import (
    after_task_publish,
    beat_init,
    before_task_publish,
    heartbeat_sent,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_init,
)
from kombu.entity import Exchange, Queue

from governance.common import alive, logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.config.settings")
QUEUES = ("default", "evidence")
app = Celery("placet")
app.config_from_object("django.conf:settings", namespace="CELERY")
# The nameless exchange routes by queue name alone, so no binding is kept in the broker: a wiped broker needs no repair.
_nameless = Exchange("")  # type: ignore[no-untyped-call]
app.conf.task_queues = [
    Queue(name, _nameless, routing_key=name)  # type: ignore[no-untyped-call]
    for name in QUEUES
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


def _worker_is_alive(**_: object) -> None:
    """Leave a sign of life for each queue that this worker takes tasks from."""
    for queue in app.amqp.queues.consume_from:
        alive.tell(f"worker:{queue}")


def _beat_is_alive(**_: object) -> None:
    """Leave a sign of life of beat: it sent a task."""
    alive.tell("beat")


def _watch_beat(**_: object) -> None:
    """Only in beat's own process: others send tasks, too."""
    after_task_publish.connect(_beat_is_alive)


def _log_as_all_do(loglevel: int | None = None, **_: object) -> None:
    """Log in the form of the settings; otherwise Celery has its own for tasks. Its ``--loglevel`` counts still."""
    from django.conf import settings

    dictConfig(settings.LOGGING)
    if loglevel:
        logging.getLogger().setLevel(loglevel)


worker_init.connect(_refuse_if_unguarded)
beat_init.connect(_refuse_if_unguarded)
heartbeat_sent.connect(_worker_is_alive)
beat_init.connect(_watch_beat)
before_task_publish.connect(logs.send_along)
task_prerun.connect(logs.task_begins)
task_postrun.connect(logs.task_ends)
if os.environ.get("PLACET_LOG_FORMAT", "").strip() == "json":  # the settings can't be read yet
    setup_logging.connect(_log_as_all_do)
