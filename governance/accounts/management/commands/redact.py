"""`manage.py redact`: erase the text behind a log entry, as the privacy role, on record."""

import uuid
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import erasure, selectors
from governance.common.errors import DomainError


class Command(BaseCommand):
    help = "Erase the text behind a log entry. Needs PLACET_DB_ROLE=privacy, a data protection officer and a reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("entry", nargs="?", help="The entry: its index or its id. Without one, list the requests.")
        parser.add_argument("--by", metavar="EMAIL", help="The data protection officer who decides it.")
        parser.add_argument("--reason", default="", help="Why; stays in the log, so no personal data.")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DB_ROLE != "privacy":
            raise CommandError("Run it with PLACET_DB_ROLE=privacy and DATABASE_PRIVACY_URL: no other role may erase.")
        if not options["entry"]:
            self._list()
            return
        try:
            entry_id = _entry_id(options["entry"])
            by = erasure.redact(entry_id=entry_id, actor=_officer(options["by"]), reason=options["reason"])
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"erased; entry {by} records it. Proofs of the entry stay valid.")
        for name in erasure.still_printed_in(entry_id):
            self.stdout.write(f"still printed in {name}: a report is kept as it was made (docs/adr/0015)")

    def _list(self) -> None:
        open_wishes = [wish for wish in erasure.wishes() if not wish.done]
        for wish in open_wishes:
            data = wish.filed.parsed["data"]
            self.stdout.write(f"{wish.entry.index}  {wish.entry.event}  asked by {wish.filed.actor}: {data['reason']}")
        if not open_wishes:
            self.stdout.write("nobody waits for an erasure")


def _entry_id(text: str) -> uuid.UUID:
    if text.isdecimal():
        return selectors.entry_at(int(text)).id
    try:
        return uuid.UUID(text)
    except ValueError:
        raise CommandError(f"{text!r} is neither an index of the log nor an entry's id.") from None


def _officer(email: str | None) -> User:
    if not email:
        raise CommandError("Name the data protection officer who decides it: --by EMAIL.")
    person = User.objects.filter(email=email.lower(), is_active=True).first()
    if person is None or not has_role(person, Role.DATA_PROTECTION_OFFICER):
        raise CommandError(f"{email} is no active person with the role data protection officer.")
    return person
