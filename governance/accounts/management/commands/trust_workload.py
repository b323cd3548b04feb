"""`manage.py trust_workload`: propose whose runs act as a service account, without a stored token."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.accounts import workloads
from governance.accounts.management import arguments
from governance.accounts.services import SCOPES
from governance.accounts.workload_models import IDENTIFYING, LEAST_SECONDS, MOST_SECONDS


class Command(BaseCommand):
    help = "Propose that runs for which an issuer vouches act as a service account. Another administrator confirms it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="The service account as which they act.")
        parser.add_argument("--issuer", required=True, help="As its tokens spell it, with https://.")
        parser.add_argument("--audience", help="For whom their tokens must be made (the address of this deployment).")
        parser.add_argument(
            "--claim",
            action="append",
            required=True,
            metavar="NAME=VALUE",
            help=f"What the token must say, exactly; repeated. One of {', '.join(IDENTIFYING)} among them.",
        )
        parser.add_argument("--scope", action="append", required=True, metavar="SCOPE", help=", ".join(sorted(SCOPES)))
        parser.add_argument(
            "--seconds",
            type=int,
            default=MOST_SECONDS,
            help=f"How long a token lives: {LEAST_SECONDS} to {MOST_SECONDS} ({MOST_SECONDS}).",
        )
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by, account = arguments.required_person(options["by"]), arguments.person(options["email"])
        claims = dict(_pair(text) for text in options["claim"])
        if len(claims) < len(options["claim"]):
            raise CommandError("Name each claim once.")
        with arguments.refusals():
            row = workloads.trust_workload(
                issuer=options["issuer"],
                audience=options["audience"] or settings.BASE_URL,
                claims=claims,
                account=account,
                scopes=options["scope"],
                seconds=options["seconds"],
                by=by,
            )
        self.stdout.write(f"{row.pk}: another administrator confirms it with manage.py confirm_workload {row.pk}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandError(f"{text} is no claim; write it as in repository=bank/credit.")
    return name, value
