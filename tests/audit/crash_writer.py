"""A writer for the crash test: grants roles as fast as it can, and notes each entry once its commit was acknowledged.

Usage: python crash_writer.py FILE. It goes on after the database is gone, until it is killed.
"""

import sys
import time
import uuid
from pathlib import Path

import django

django.setup()

from django.db import DatabaseError, connection, transaction  # noqa: E402 (Django must be set up first)

from governance.accounts.models import Grant, User  # noqa: E402
from governance.accounts.roles import Role  # noqa: E402
from governance.audit import services as audit  # noqa: E402
from governance.audit.actors import System  # noqa: E402
from governance.audit.events import Event  # noqa: E402
from governance.common import clock  # noqa: E402


def write(person: User) -> uuid.UUID:
    """Grant a role, or change the newest grant, with its entry."""
    with transaction.atomic():
        grant = Grant.objects.filter(person=person).order_by("-valid_from").first() if time.time_ns() % 3 == 0 else None
        grant = grant or Grant(person=person, role=Role.ENGINEER, valid_from=clock.now())
        grant.role = Role.OWNER if grant.role == Role.ENGINEER else Role.ENGINEER
        return audit.append(
            event=Event.ROLE_GRANTED, actor=System("crash"), subjects=[grant], payload={"why": "a crash is coming"}
        )


def main() -> None:
    """Write until killed."""
    person = None
    with Path(sys.argv[1]).open("a", buffering=1) as acknowledged:
        while True:
            try:
                person = person or User.objects.create_user(f"{uuid.uuid4()}@bank.example", None, name="Writer")
                entry = write(person)
            except DatabaseError:
                connection.close()
                time.sleep(0.05)
            else:
                acknowledged.write(f"{entry}\n")


if __name__ == "__main__":
    main()
