"""`manage.py notary`: sequence the log, sign checkpoints and permits; or begin the log anew after a restore."""

import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, connection

from governance.audit import forking
from governance.audit.errors import ForkRefused, LogInconsistent
from governance.audit.notary import Notary
from placet.trust import InvalidTrust, load_trust

RETRY_S = 1.0


class Command(BaseCommand):
    help = "Sequence the log, sign checkpoints and permits. One works at a time; a second one waits for its turn."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--interval", type=float, default=0.5, help="Seconds between rounds (0.5).")
        parser.add_argument("--once", action="store_true", help="Do one round and stop.")
        actions = parser.add_subparsers(dest="action", metavar="fork")
        fork = actions.add_parser("fork", help="After a restore: begin a log of another name that commits to the old.")
        fork.add_argument("--after", type=Path, required=True, metavar="NOTE", help="The old log's newest checkpoint.")
        fork.add_argument("--reason", required=True, help="Why, for everybody to read.")
        fork.add_argument("--trust", type=Path, default=settings.TRUST_FILE, help="Keys of the old log (policy.txt).")

    def handle(self, *args: Any, **options: Any) -> None:
        notary = _notary()
        if options["action"] == "fork":
            self._fork(notary, options)
        else:
            self._work(notary, options["interval"], once=options["once"])

    def _fork(self, notary: Notary, options: dict[str, Any]) -> None:
        if not notary.lock():
            raise CommandError("A notary is working on this database: stop it, and every other process, first.")
        try:
            note, vkeys = options["after"].read_bytes(), list(load_trust(options["trust"]).logs)
            done = forking.fork(notary, after=note, vkeys=vkeys, reason=options["reason"])
        except (OSError, InvalidTrust, ForkRefused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{done.origin} continues {done.previous.origin}: {done.kept} entries kept, {done.lost} lost.\n"
            f"Give this line to everybody who checks the log, then start the processes:\nlog {notary.vkey}"
        )

    def _work(self, notary: Notary, interval: float, *, once: bool) -> None:
        stop = threading.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: stop.set())
        try:
            self._until_stopped(notary, interval, stop, once=once)
        finally:
            notary.publisher.close()

    def _until_stopped(self, notary: Notary, interval: float, stop: threading.Event, *, once: bool) -> None:
        while not stop.is_set():
            try:
                self._take_turns(notary, interval, stop, once=once)
            except (OperationalError, InterfaceError) as error:
                if once:
                    raise CommandError(f"The database does not answer: {error}") from error
                # The lock went with the connection, so another notary may have taken over: begin from the start.
                self.stderr.write(f"notary: the database does not answer, trying again: {str(error).strip()}")
                connection.close()
                stop.wait(RETRY_S)
            except LogInconsistent as error:
                raise CommandError(f"Refusing to sign. {error}") from error
            else:
                return

    def _take_turns(self, notary: Notary, interval: float, stop: threading.Event, *, once: bool) -> None:
        waiting = False
        while not notary.lock():
            if not waiting:
                self.stdout.write("notary waits: another one holds the lock")
                waiting = True
            if stop.wait(1.0):
                return
        notary.open()
        self.stdout.write(f"notary ready: {settings.LOG_ORIGIN}")
        while True:
            notary.round()
            if once:
                notary.publisher.settle(within=timedelta(minutes=1))
            if once or stop.wait(interval):
                return


def _notary() -> Notary:
    if not settings.LOG_KEY_FILES or not settings.PERMIT_KEY_FILE:
        raise CommandError("Set PLACET_LOG_KEY_FILE and PLACET_PERMIT_KEY_FILE to the notary's private keys.")
    try:
        return Notary.from_files(
            origin=settings.LOG_ORIGIN,
            log_keys=settings.LOG_KEY_FILES,
            permit_key=settings.PERMIT_KEY_FILE,
            state_dir=settings.NOTARY_STATE_DIR,
            anchor_dir=settings.ANCHOR_DIR,
            anchors=settings.ANCHORS,
        )
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from error
