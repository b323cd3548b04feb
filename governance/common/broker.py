"""Tell the broker what there is to do. Rows are the truth and messages are hints, so telling may fail."""

import logging
import uuid
from typing import Any

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def enqueue_on_commit(task: "Task[Any, Any]", *ids: uuid.UUID) -> None:
    """Send one message per id once the open transaction has committed; at once when there is none.

    A broker that does not answer costs nobody their answer: the first id that can't be sent is logged and the rest left
    unsent, since a sweep of each task's rows sends again what was not worked on (see CELERY_BEAT_SCHEDULE). A work that
    no sweep looks after must not be enqueued so, unless whoever needs it does it themselves.
    """

    def send() -> None:
        for number, pk in enumerate(ids):
            try:
                task.delay(str(pk))
            except OperationalError as error:
                waits = ", ".join(map(str, ids[number:]))
                log.warning("The broker does not answer (%s); %s of %s waits for the sweep.", error, task.name, waits)
                return

    # Robust: the change is committed, so nothing that goes wrong from here on may turn the answer into a failure.
    transaction.on_commit(send, robust=True)
