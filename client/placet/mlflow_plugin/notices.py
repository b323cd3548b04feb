"""Tells Placet, in the background, who registered a version and who tried to change frozen artifacts.

A notice, not a question: registering a model must neither wait for Placet nor fail with it, so it is sent by a daemon
thread after the version stands, and tried again for about a minute while Placet is away (it may still be starting).
What is lost after that, when the queue is full or when the server stops, errs on the safe side: Placet knows nobody for
the version and holds its promotion. Each action has a queue of its own, so that many of one do not crowd out another.
"""

import logging
import queue
import threading
import time
from functools import cache
from os import getpid

from placet.mlflow_plugin.decisions import NoDecision, Question, notify

QUEUE_LIMIT = 1000
PAUSES_S = (1, 2, 4, 8, 15, 30)

_logger = logging.getLogger(__name__)


def send_notice(question: Question) -> None:
    """Queue ``question`` for sending and return at once; a full queue drops it and logs that."""
    try:
        _outbox(getpid(), question.action).put_nowait(question)
    except queue.Full:
        _logger.warning(
            "The notice %s of %s was dropped: %d are waiting.", question.action, question.subject, QUEUE_LIMIT
        )


@cache
def _outbox(_pid: int, _action: str) -> "queue.Queue[Question]":
    """Return this process's queue for the action, its sender running; a forked worker's pid makes it start its own."""
    outbox: queue.Queue[Question] = queue.Queue(QUEUE_LIMIT)
    threading.Thread(target=_send_all, args=(outbox,), name="placet-notices", daemon=True).start()
    return outbox


def _send_all(outbox: "queue.Queue[Question]") -> None:
    while True:
        _send(outbox.get())


def _send(question: Question) -> None:
    problem = ""
    for pause_s in (0, *PAUSES_S):
        time.sleep(pause_s)
        try:
            notify(question)
        except NoDecision as failure:
            problem = str(failure)
        else:
            return
    _logger.warning("Placet was not told of %s of %s: %s", question.action, question.subject, problem)
