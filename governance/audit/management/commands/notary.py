"""`manage.py notary`: sequence the log, sign checkpoints and permits, until stopped."""

import signal
import threading
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.audit.errors import LogInconsistent
from governance.audit.notary import Notary


class Command(BaseCommand):
    help = "Sequence the log, sign checkpoints and permits. One works at a time; a second one waits for its turn."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--interval", type=float, default=0.5, help="Seconds between rounds (0.5).")
        parser.add_argument("--once", action="store_true", help="Do one round and stop.")

    def handle(self, *args: Any, **options: Any) -> None:
        for name in ("LOG_KEY_FILE", "PERMIT_KEY_FILE"):
            if not getattr(settings, name):
                raise CommandError(f"Set PLACET_{name} to the file of the notary's private key.")
        try:
            notary = Notary.from_files(
                origin=settings.LOG_ORIGIN,
                log_key=settings.LOG_KEY_FILE,
                permit_key=settings.PERMIT_KEY_FILE,
                state_dir=settings.NOTARY_STATE_DIR,
                anchor_dir=settings.ANCHOR_DIR,
                anchors=settings.ANCHORS,
            )
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        stop = threading.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: stop.set())
        waiting = False
        while not notary.lock():
            if not waiting:
                self.stdout.write("notary waits: another one holds the lock")
                waiting = True
            if stop.wait(1.0):
                return
        self.stdout.write(f"notary ready: {settings.LOG_ORIGIN}")
        self._work(notary, stop, interval=options["interval"], once=options["once"])

    def _work(self, notary: Notary, stop: threading.Event, *, interval: float, once: bool) -> None:
        try:
            while not stop.is_set():
                notary.round()
                if once:
                    notary.publisher.settle(within=timedelta(minutes=1))
                    return
                stop.wait(interval)
        except LogInconsistent as error:
            raise CommandError(f"Refusing to sign. {error}") from error
        finally:
            notary.publisher.close()
