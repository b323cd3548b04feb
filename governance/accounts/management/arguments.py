"""How the commands about people read their arguments, and how a refusal of the services ends a command."""

import getpass
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime

from governance.accounts import throttle
from governance.accounts.models import User
from governance.common.errors import DomainError


def add_by(parser: CommandParser) -> None:
    """Let a command be told which administrator acts."""
    parser.add_argument("--by", metavar="EMAIL", help="The administrator who does it; the log names them.")


def add_role(parser: CommandParser) -> None:
    """Let a command be told whose which role it is about."""
    parser.add_argument("email", help="E-mail address of the person.")
    parser.add_argument("role", help="One of the roles, such as validator.")
    parser.add_argument("--system", metavar="SLUG", help="The AI system, by slug or id; left out: every system.")


def add_second(parser: CommandParser) -> None:
    """Let a command be told which second administrator confirms."""
    parser.add_argument(
        "--confirmed-by",
        metavar="EMAIL",
        help="The second administrator, who types their password (or it is read from standard input).",
    )


def add_name(parser: CommandParser) -> None:
    """Let a command be told which name in which outside system it is about."""
    parser.add_argument("--provider", required=True, help="Whose name it is: mlflow, github, gitlab or oidc.")
    parser.add_argument("--subject", required=True, help="The name, as that system spells it.")
    add_second(parser)


def confirmation(second: User | None) -> str:
    """Ask the second administrator, if one is named, for their password."""
    return secret(f"Password of {second.email}: ") if second else ""


def person(email: str) -> User:
    """Return the active person or service account with an e-mail address."""
    found = User.objects.filter(email__iexact=email, is_active=True).first()
    if found is None:
        raise CommandError(f"Nobody active with the address {email} is known here.")
    return found


def anybody(email: str) -> User:
    """Return the person or service account with an e-mail address, deactivated or not."""
    found = User.objects.filter(email__iexact=email).first()
    if found is None:
        raise CommandError(f"Nobody with the address {email} is known here.")
    return found


def person_or_none(email: str | None) -> User | None:
    """Return the person of an optional argument."""
    return person(email) if email else None


def required_person(email: str | None) -> User:
    """Return the administrator of ``--by``, which only set-up may leave out."""
    if not email:
        raise CommandError("Say with --by which administrator does it.")
    return person(email)


def system_id(name: str | None) -> uuid.UUID | None:
    """Return the id of an AI system by slug or id."""
    if not name:
        return None
    systems = apps.get_model("inventory", "AISystem").objects  # the inventory lies above; only its ids are known here
    try:
        found = systems.filter(pk=uuid.UUID(name)).first()
    except ValueError:
        found = systems.filter(slug=name).first()
    if found is None:
        raise CommandError(f"There is no AI system {name}.")
    return uuid.UUID(str(found.pk))


def moment(text: str | None) -> datetime | None:
    """Return a moment in UTC; a date means its first second."""
    if not text:
        return None
    try:
        at, day = parse_datetime(text), parse_date(text)
    except ValueError as error:
        raise CommandError(f"{text} is no date: {error}.") from error
    if at is None and day is None:
        raise CommandError(f"{text} is no date; write 2027-06-30 or 2027-06-30T12:00:00Z.")
    at = at or datetime(day.year, day.month, day.day, tzinfo=UTC)  # type: ignore[union-attr]
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def secret(prompt: str) -> str:
    """Ask for a password on the terminal, or read one line where there is none."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


@contextmanager
def refusals() -> Iterator[None]:
    """Turn a refusal of the services into the command's error: its sentence and exit code 1."""
    try:
        with throttle.locks_logged():
            yield
    except DomainError as refusal:
        raise CommandError(refusal.detail) from refusal
