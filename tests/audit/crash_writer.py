"""A writer for the crash test: makes and changes governed rows, and notes each entry once its commit was acknowledged.

Usage: python crash_writer.py FILE. It goes on after the database is gone, until it is killed.
"""

import sys
import time
import uuid
from pathlib import Path

import django

django.setup()

from django.db import InterfaceError, OperationalError, connection, transaction  # noqa: E402 (set up first)

from governance.audit import services as audit  # noqa: E402
from governance.audit.actors import System  # noqa: E402
from governance.audit.events import Event  # noqa: E402
from governance.common import clock  # noqa: E402
from registry.models import RegisteredModel  # noqa: E402


def write(newest: RegisteredModel | None) -> tuple[uuid.UUID, RegisteredModel]:
    """Make a row, or change the one made last, with its entry."""
    with transaction.atomic():
        row = newest or RegisteredModel(name=f"model-{uuid.uuid4()}")
        row.mirrored_at = clock.now()
        why = {"why": "a crash is coming"}
        return audit.append(event=Event.MODEL_MIRRORED, actor=System("crash"), subjects=[row], payload=why), row


def main() -> None:
    """Write until killed."""
    newest = None
    with Path(sys.argv[1]).open("a", buffering=1) as acknowledged:
        while True:
            try:
                entry, row = write(newest)
            except (OperationalError, InterfaceError):
                newest = None  # whether the last commit came through is not known
                connection.close()
                time.sleep(0.05)
            else:
                acknowledged.write(f"{entry}\n")
                newest = row if newest is None else None


if __name__ == "__main__":
    main()
